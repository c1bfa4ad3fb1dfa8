#include "protocol/route_keys.h"

#include <fmt/format.h>

#include <algorithm>

namespace tdn::protocol {
namespace {

Result<void> check(std::span<const RouteKeyGrant> grants) {
  if (grants.size() > kMostRouteKeys) {
    return fail(Code::kInvalid,
                fmt::format("{} route keys are more than {}", grants.size(), kMostRouteKeys));
  }
  for (const RouteKeyGrant& grant : grants) {
    if (!is_key_id(grant.id)) {
      return fail(Code::kInvalid,
                  fmt::format("a route key's id is not [a-z0-9]{{1,16}}: \"{}\"", grant.id));
    }
  }
  return {};
}

template <class Keys, class Peer>
Result<void> check_ids(const Keys& keys, Peer peer) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::size_t k = i + 1; k < keys.size() && keys[k].*peer == keys[i].*peer; ++k) {
      if (keys[i].id == keys[k].id) {
        return fail(Code::kInvalid,
                    fmt::format("two route keys of one direction have the id {}", keys[i].id));
      }
    }
  }
  return {};
}

}  // namespace

bool is_key_id(std::string_view text) {
  return !text.empty() && text.size() <= kMostKeyId && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

Result<std::shared_ptr<const RouteKeys>> RouteKeys::create(const Uid& self,
                                                           std::span<const RouteKeyGrant> grants,
                                                           std::span<const PeerEdge> edges) {
  TDN_TRY_VOID(check(grants));
  const std::shared_ptr<RouteKeys> keys(new RouteKeys());
  keys->self_ = self;
  for (const RouteKeyGrant& grant : grants) {
    const auto add = [&](std::vector<Key>& list) {
      list.push_back(
          {grant.id, grant.version, grant.from, grant.to, codec::HmacKey(ByteView(grant.key))});
    };
    if (grant.from == self) {
      add(keys->out_);
    }
    if (grant.to == self) {
      add(keys->in_);
    }
  }
  std::ranges::sort(keys->out_, [](const Key& a, const Key& b) {
    return a.to != b.to ? a.to < b.to : a.version > b.version;
  });
  std::ranges::sort(keys->in_, {}, &Key::from);
  TDN_TRY_VOID(check_ids(keys->out_, &Key::to));
  TDN_TRY_VOID(check_ids(keys->in_, &Key::from));
  keys->sites_.assign(edges.begin(), edges.end());
  keys->edges_ = keys->sites_;
  std::ranges::sort(keys->sites_, {}, &PeerEdge::site);
  std::ranges::sort(keys->edges_, {}, &PeerEdge::edge);
  if (const auto twice = std::ranges::adjacent_find(keys->edges_, {}, &PeerEdge::edge);
      twice != keys->edges_.end()) {
    return fail(Code::kInvalid,
                fmt::format("the edge {} stands at two sites, {} and {}", to_string(twice->edge),
                            twice->site, std::next(twice)->site));
  }
  return std::shared_ptr<const RouteKeys>(keys);
}

const RouteKeys::Key* RouteKeys::signing(const Uid& to) const {
  const auto found = std::ranges::lower_bound(out_, to, {}, &Key::to);
  return found != out_.end() && found->to == to ? &*found : nullptr;
}

const RouteKeys::Key* RouteKeys::accepting(std::string_view id, const Uid& from) const {
  for (const Key& key : std::ranges::equal_range(in_, from, {}, &Key::from)) {
    if (key.id == id) {
      return &key;
    }
  }
  return nullptr;
}

std::optional<Uid> RouteKeys::edge_at(std::string_view site) const {
  const auto found = std::ranges::lower_bound(sites_, site, {}, &PeerEdge::site);
  return found != sites_.end() && found->site == site ? std::optional(found->edge) : std::nullopt;
}

std::string_view RouteKeys::site_of(const Uid& edge) const {
  const auto found = std::ranges::lower_bound(edges_, edge, {}, &PeerEdge::edge);
  return found != edges_.end() && found->edge == edge ? std::string_view(found->site)
                                                      : std::string_view();
}

}  // namespace tdn::protocol
