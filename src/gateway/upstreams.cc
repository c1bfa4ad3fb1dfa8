#include "gateway/upstreams.h"

#include <algorithm>
#include <utility>

#include "io/loop.h"

namespace tdn::gateway {

io::MaybeTask<Result<http::Upstream*>> Upstreams::find(const domain::Endpoint& endpoint) {
  const auto known = entries_.find(endpoint.uid);
  if (known != entries_.end() && known->second.host == endpoint.host &&
      known->second.port == endpoint.port) {
    return known->second.upstream.get();
  }
  return resolve(endpoint.uid, endpoint.host, endpoint.port);
}

io::Task<Result<http::Upstream*>> Upstreams::resolve(Uid uid, std::string host,
                                                     std::uint16_t port) {
  io::Context& context = co_await io::this_context();
  const io::DeadlineScope deadline(context, loop_.now() + limits_.connect);
  TDN_CO_TRY(const io::Address address, co_await network_.resolve(host, port));
  Entry& entry = entries_[uid];
  if (entry.upstream && entry.host == host && entry.port == port) {
    co_return entry.upstream.get();  // another request resolved it meanwhile
  }
  if (entry.upstream) {
    retired_.push_back(std::move(entry.upstream));
  }
  entry = {host, port, std::make_unique<http::Upstream>(loop_, network_, address, limits_)};
  co_return entry.upstream.get();
}

void Upstreams::tidy(const domain::Snapshot& snapshot) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    entry->second.upstream->close_stale(loop_.now());
    const bool listed =
        std::any_of(snapshot.endpoints().begin(), snapshot.endpoints().end(),
                    [&](const domain::Endpoint& endpoint) { return endpoint.uid == entry->first; });
    if (!listed) {
      retired_.push_back(std::move(entry->second.upstream));
    }
    entry = listed ? std::next(entry) : entries_.erase(entry);
  }
  for (const std::unique_ptr<http::Upstream>& upstream : retired_) {
    upstream->close_idle();
  }
  std::erase_if(retired_, [](const auto& upstream) { return upstream->in_use() == 0; });
}

void Upstreams::close_idle() {
  for (auto& [uid, entry] : entries_) {
    entry.upstream->close_idle();
  }
}

}  // namespace tdn::gateway
