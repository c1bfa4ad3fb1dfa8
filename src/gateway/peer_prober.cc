#include "gateway/peer_prober.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "gateway/peer_state.h"
#include "io/loop.h"

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;
using route::Health;
using route::Observation;

constexpr Duration kSometimes = 5s;
constexpr Duration kOften = 1s;
constexpr Duration kPeerPatience = 1s;
constexpr Duration kMeeting = 3s;  // after the start
constexpr Duration kWhenMeeting = 100ms;
constexpr Duration kBetweenLooks = 100ms;

http::ClientLimits peer_probe_limits() {
  http::ClientLimits limits;
  limits.connect = 1s;
  limits.first_byte = kPeerPatience;
  limits.between_bytes = kPeerPatience;
  return limits;
}

}  // namespace

PeerProber::PeerProber(io::Loop& loop, const Membership& membership, Random& random)
    : loop_(loop),
      random_(random),
      limits_(peer_probe_limits()),
      peers_(loop, membership, limits_),
      group_(loop) {}

void PeerProber::publish(std::shared_ptr<const Catalogue> catalogue) {
  catalogue_ = std::move(catalogue);
  peers_.tidy(catalogue_->snapshot());
  std::map<Uid, Watched> kept;
  for (const domain::Site& site : catalogue_->snapshot().sites()) {
    const auto before = watched_.find(site.uid);
    kept[site.uid] = before == watched_.end() ? Watched{} : before->second;
  }
  watched_ = std::move(kept);
}

void PeerProber::start() {
  met_ = loop_.now() + kMeeting;
  group_.spawn(run());
}

io::Task<> PeerProber::stop() {
  group_.cancel();
  co_await group_.join();
  peers_.close_idle();
}

io::Task<> PeerProber::run() {
  while (true) {
    const std::shared_ptr<const Catalogue> catalogue = catalogue_;
    const std::vector<domain::Site>& sites = catalogue->snapshot().sites();
    for (std::uint32_t i = 0; i < sites.size(); ++i) {
      Watched& watched = watched_[sites[i].uid];
      if (catalogue->here() != domain::SiteIndex{i} && !watched.busy &&
          is_due(*catalogue, {i}, watched) && peers_.find(sites[i].name) != nullptr) {
        watched.busy = true;
        group_.spawn(probe(catalogue, {i}));
      }
    }
    if (co_await io::sleep_until(loop_.now() + kBetweenLooks) != io::Wake::kReady) {
      co_return;
    }
  }
}

bool PeerProber::is_due(const Catalogue& catalogue, domain::SiteIndex site,
                        const Watched& watched) const {
  const Instant now = loop_.now();
  if (!watched.asked || watched.silent || now >= watched.last + kSometimes) {
    return true;
  }
  if (now < watched.last + (now < met_ ? kWhenMeeting : kOften)) {
    return false;
  }
  const std::vector<domain::Endpoint>& endpoints = catalogue.snapshot().endpoints();
  for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
    const route::EndpointState& state = catalogue.table().state({i});
    const bool usable = state.health() == Health::kUp && state.trouble() == route::Trouble::kNone;
    if (endpoints[i].site == site && (!usable || state.in_flight() > 0)) {
      return true;
    }
  }
  return false;
}

io::Task<> PeerProber::probe(std::shared_ptr<const Catalogue> catalogue, domain::SiteIndex index) {
  const domain::Site& site = catalogue->snapshot()[index];
  const Result<std::string> said = co_await ask(site.name);
  if (!said && said.error().code() == Code::kCancelled) {
    co_return;
  }
  const auto found = watched_.find(site.uid);
  if (found == watched_.end()) {
    co_return;  // it left the catalogue meanwhile
  }
  Watched& watched = found->second;
  watched.heard = watched.heard || said.has_value();
  if (watched.heard || loop_.now() >= met_) {
    note(*catalogue, index, said);
  }
  // Two silences are enough: from the third on it is asked every second.
  watched.silent = !said && said.error().code() == Code::kTimeout && !watched.silent;
  watched.last = loop_.now();
  watched.asked = true;
  watched.busy = false;
}

Result<std::string> PeerProber::write_request(const std::string& site) {
  protocol::RouteToken token;
  token.request = {Uid::make(loop_.clock().wall(), random_)};
  token.path = kPeerStatePath;
  protocol::TokenRoom room;
  TDN_TRY(const std::string_view text, peers_.sign(token, site, room));
  std::array<char, 2048> buffer;
  codec::HeadWriter head(buffer);
  head.request("GET", kPeerStatePath).field("host", site);
  head.field(protocol::kRouteTokenField, text);
  return head.finish().map([](std::string_view whole) { return std::string(whole); });
}

// A pooled connection that turns out dead is replaced once, with another token.
io::Task<Result<std::string>> PeerProber::ask(const std::string& site) {
  http::Upstream* const pool = peers_.find(site);
  if (pool == nullptr) {
    co_return fail(Code::kUnavailable, "no way to the site's edge is known");
  }
  for (bool fresh = false;; fresh = true) {
    TDN_CO_TRY(const std::string request, write_request(site));
    TDN_CO_TRY(http::Exchange exchange, co_await pool->open(fresh));
    const io::Slice slice(request);
    Result<void> sent = co_await exchange.send(std::span(&slice, 1));
    const Result<const codec::ResponseHead*> head =
        sent ? co_await exchange.read_head()
             : Result<const codec::ResponseHead*>(fail(std::move(sent).error()));
    if (!head) {
      if (fresh || head.error().retry() != Retry::kSameRoute) {
        co_return fail(head.error());
      }
      continue;
    }
    const int status = (*head)->status();
    const std::string refused((*head)->find("tdn-refused").value_or(""));
    std::string body;
    while (body.size() <= kMostPeerStateBytes) {
      TDN_CO_TRY(const http::Exchange::Piece piece, co_await exchange.read_body());
      if (!piece) {
        break;
      }
      body.append(*piece);
    }
    if (status != 200) {
      co_return fail(Code::kUpstreamError,
                     "it answered with status " + std::to_string(status) + " " + refused);
    }
    co_return body;
  }
}

void PeerProber::note(const Catalogue& catalogue, domain::SiteIndex site,
                      const Result<std::string>& said) {
  const domain::Snapshot& snapshot = catalogue.snapshot();
  const Result<std::vector<PeerEndpointState>> states =
      said ? parse_peer_state(*said) : Result<std::vector<PeerEndpointState>>(fail(said.error()));
  bool changed = false;
  for (std::uint32_t i = 0; i < snapshot.endpoints().size(); ++i) {
    const domain::Endpoint& endpoint = snapshot.endpoints()[i];
    if (endpoint.site != site) {
      continue;
    }
    route::EndpointState& state = catalogue.table().state({i});
    const Health before = state.health();
    if (!states && states.error().code() == Code::kOverloaded) {
      continue;  // it is this edge that has no connection to spare
    }
    if (!states) {
      state.observe(states.error().code() == Code::kUnavailable ? Observation::kProbeRefused
                                                                : Observation::kProbeFailed,
                    loop_.now());
    } else if (const auto found = std::ranges::find(*states, endpoint.uid, &PeerEndpointState::uid);
               found != states->end()) {
      state.report(found->report, loop_.now());
      state.set_trouble(found->trouble);
    }
    changed = changed || (state.health() != before && state.health() == Health::kDown);
  }
  if (changed) {
    log_info("gateway", "endpoints of a site cannot be used",
             {{"site", snapshot[site].name},
              {"reason", states ? "its edge says that they are down" : states.error().detail()}});
  }
}

}  // namespace tdn::gateway
