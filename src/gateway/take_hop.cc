// What the peer listener knows of a request before it reads its body: who sends it, for whom, for
// which model, and whether policy lets this site read it.
#include <fmt/format.h>

#include "gateway/peer_state.h"
#include "gateway/peers.h"
#include "gateway/phases.h"

namespace tdn::gateway {
namespace {

tl::unexpected<Error> not_a_peer(std::string_view why) {
  return fail(Code::kInvalidApiKey,
              fmt::format("this listener is for other edges of the network only: {}", why));
}

Result<std::string_view> only_token(const codec::RequestHead& head) {
  std::optional<std::string_view> found;
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (codec::equals_ignoring_case(head[i].name, protocol::kRouteTokenField)) {
      if (found) {
        return not_a_peer("there are two route tokens");
      }
      found = head[i].value;
    }
  }
  if (!found) {
    return not_a_peer("there is no route token");
  }
  return *found;
}

// The request is the one that the token was made for.
Result<void> check_request(const Request& request, const protocol::RouteToken& token) {
  const codec::Framing framing = request.client.head().framing();
  const std::uint64_t length =
      framing.kind == codec::BodyKind::kLength ? framing.length : std::uint64_t{0};
  if (length == 0 || length != token.body_length) {
    return fail(Code::kInvalidRequest,
                fmt::format("the body's content-length is not the {} bytes of the route token",
                            token.body_length));
  }
  return {};
}

// The objects that the token names, as this edge knows them. What it does not know yet it cannot
// check, so it must not read the request: another site may.
Result<void> find_objects(Request& request, const Peers& peers) {
  const domain::Snapshot& snapshot = request.snapshot();
  Hop& hop = *request.hop;
  const auto unknown = [](std::string_view what) {
    return fail(Code::kWrongSite, fmt::format("this site's catalogue does not hold {} of this "
                                              "request; send it to another site",
                                              what));
  };
  const std::optional<domain::KeyIndex> key = snapshot.find_key(hop.token.key());
  if (!key) {
    return unknown("the key");
  }
  const std::optional<domain::ModelIndex> model = snapshot.find_model(hop.token.model);
  if (!model) {
    return unknown("the model");
  }
  const std::optional<domain::SiteIndex> from = snapshot.find_site(peers.site_of(hop.token.from));
  if (!from) {
    return unknown("the sending site");
  }
  request.key = &snapshot[*key];
  request.model = *model;
  hop.admitting = {snapshot[*from].uid, snapshot[*from].jurisdiction_version};
  return {};
}

// The token of a request for `path`, good and from now on used.
Result<protocol::RouteToken> take_token(const Request& request, std::string_view path, Peers& peers,
                                        PlantedBug bug) {
  TDN_TRY(const std::string_view text, only_token(request.client.head()));
  Result<protocol::RouteToken> token = peers.open(text);
  if (!token) {
    return not_a_peer(token.error().detail());
  }
  const Result<void> used = peers.use(*token);
  if (!used && bug != PlantedBug::kTokenAcceptedTwice) {
    return used.error().code() == Code::kOverloaded ? fail(used.error())
                                                    : not_a_peer(used.error().detail());
  }
  if (token->path != path) {
    return not_a_peer("the route token is for another path");
  }
  return token;
}

Result<void> recheck_policy(Request& request, PlantedBug bug) {
  const domain::Snapshot& snapshot = request.snapshot();
  request.outcome = &snapshot.outcome(*request.key, request.model, request.location.country);
  const bool allowed = request.key->lists(request.model) &&
                       request.outcome->sites.contains(request.catalogue->here());
  if (allowed) {
    return {};
  }
  if (bug == PlantedBug::kFenceNotRechecked) {
    request.hop->unfenced.sites = domain::SiteSet::all(snapshot.sites().size());
    request.outcome = &request.hop->unfenced;
    return {};
  }
  return fail(Code::kWrongSite,
              fmt::format("policy does not allow this request to be processed at the site {}",
                          snapshot[request.catalogue->here()].name));
}

}  // namespace

Result<void> take_hop(Request& request, Peers& peers, PlantedBug bug) {
  TDN_TRY_VOID(accept(request));
  if (request.target != Target::kGenerate) {
    return fail(Code::kNotFound, "the peer listener takes requests to models only");
  }
  TDN_TRY(protocol::RouteToken token, take_token(request, request.path, peers, bug));
  request.id = token.request;
  to_chars(request.id.uid, request.id_text);
  request.hop = std::make_unique<Hop>(Hop{.token = std::move(token), .admitting = {}});
  TDN_TRY_VOID(check_request(request, request.hop->token));
  TDN_TRY_VOID(find_objects(request, peers));
  return recheck_policy(request, bug);
}

Result<void> take_state_request(Request& request, Peers& peers) {
  if (request.client.head().method() != "GET") {
    return fail(Code::kMethodNotAllowed, fmt::format("{} takes GET", kPeerStatePath));
  }
  TDN_TRY_VOID(take_token(request, kPeerStatePath, peers, PlantedBug::kNone));
  return {};
}

}  // namespace tdn::gateway
