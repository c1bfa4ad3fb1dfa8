#include "gateway/peers.h"

#include <utility>

#include "io/loop.h"

namespace tdn::gateway {

http::Upstream* Peers::find(const std::string& site) {
  if (!keys_ || !membership_.link.knows(site)) {
    return nullptr;
  }
  const std::optional<Uid> edge = keys_->edge_at(site);
  if (!edge || keys_->signing(*edge) == nullptr) {
    return nullptr;
  }
  std::unique_ptr<http::Upstream>& pool = pools_[site];
  if (!pool) {
    pool = std::make_unique<http::Upstream>(loop_, membership_.link, site, limits_);
  }
  return pool.get();
}

std::uint64_t Peers::now_ms() const { return membership_.time.at(loop_.clock().now()); }

Result<std::string_view> Peers::sign(protocol::RouteToken& token, std::string_view site,
                                     protocol::TokenRoom& room) const {
  const std::optional<Uid> edge = keys_ ? keys_->edge_at(site) : std::nullopt;
  const protocol::RouteKeys::Key* const key = edge ? keys_->signing(*edge) : nullptr;
  if (key == nullptr) {
    return fail(Code::kUnavailable, "no key is shared with the edge of that site any more");
  }
  token.from = keys_->self();
  token.to = *edge;
  token.issued_ms = now_ms();
  token.expiry_ms = token.issued_ms + protocol::kLifetimeMs;
  return protocol::write_route_token(token, *key, room);
}

Result<protocol::RouteToken> Peers::open(std::string_view text) const {
  if (!keys_) {
    return fail(Code::kInvalid, "this edge has not got its keys from control yet");
  }
  return protocol::open_route_token(
      text, *keys_, {.now_ms = now_ms(), .boot_ms = membership_.time.at(membership_.boot)});
}

Result<void> Peers::use(const protocol::RouteToken& token) {
  return membership_.seen.use(token, now_ms());
}

void Peers::tidy(const domain::Snapshot& snapshot) {
  for (auto pool = pools_.begin(); pool != pools_.end();) {
    pool->second->close_stale(loop_.now());
    if (snapshot.find_site(pool->first)) {
      ++pool;
      continue;
    }
    retired_.push_back(std::move(pool->second));
    pool = pools_.erase(pool);
  }
  for (const std::unique_ptr<http::Upstream>& pool : retired_) {
    pool->close_idle();
  }
  std::erase_if(retired_, [](const auto& pool) { return pool->in_use() == 0; });
}

void Peers::close_idle() {
  for (auto& [site, pool] : pools_) {
    pool->close_idle();
  }
}

}  // namespace tdn::gateway
