#include "gateway/upstreams.h"

#include <algorithm>
#include <utility>

#include "io/loop.h"

namespace tdn::gateway {
namespace {

constexpr Duration kResolvedFor = std::chrono::minutes(1);

}  // namespace

void Upstreams::trust(const std::shared_ptr<const io::TlsTrust>& trust) {
  if (trust == trust_ || !trust) {
    return;
  }
  trust_ = trust;
  tls_ = io::TlsClient::create(trust);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const bool over_tls = entry->second.place.tls;
    if (over_tls) {
      retire(entry->second);
    }
    entry = over_tls ? entries_.erase(entry) : std::next(entry);
  }
}

io::MaybeTask<Result<http::Upstream*>> Upstreams::find(const domain::Endpoint& endpoint) {
  const auto known = entries_.find(endpoint.uid);
  if (known != entries_.end()) {
    Entry& entry = known->second;
    const bool same = entry.place.host == endpoint.host && entry.place.port == endpoint.port &&
                      entry.place.tls == endpoint.tls;
    if (same && loop_.now() < entry.look_again) {
      return entry.upstream.get();
    }
    if (same) {
      entry.look_again = look_again(endpoint.host);  // one request asks for all
    }
  }
  return resolve(endpoint.uid, {endpoint.host, endpoint.port, endpoint.tls});
}

io::Task<Result<http::Upstream*>> Upstreams::resolve(Uid uid, Place place) {
  io::Context& context = co_await io::this_context();
  const io::DeadlineScope deadline(context, loop_.now() + limits_.connect);
  const Result<io::Address> address = co_await network_.resolve(place.host, place.port);
  const auto known = entries_.find(uid);
  const bool same = known != entries_.end() && known->second.place == place;
  if (!address && !same) {
    co_return fail(address.error());
  }
  // A name that no longer resolves keeps its last address: the connection will tell.
  if (same && (!address || known->second.address == *address)) {
    known->second.look_again = look_again(place.host);
    co_return known->second.upstream.get();
  }
  std::optional<http::TlsEnd> over_tls;
  if (place.tls) {
    if (!tls_) {
      co_return fail(Code::kUnavailable, "no certificates are trusted here yet");
    }
    over_tls = http::TlsEnd{tls_, place.host};
  }
  Entry& entry = entries_[uid];
  retire(entry);
  const Instant again = look_again(place.host);
  entry = {
      std::move(place), *address, again,
      std::make_unique<http::Upstream>(loop_, network_, *address, limits_, std::move(over_tls))};
  co_return entry.upstream.get();
}

// An address in numbers stays what it is.
Instant Upstreams::look_again(const std::string& host) const {
  const bool number = host.find_first_not_of("0123456789.") == std::string::npos ||
                      host.find(':') != std::string::npos;
  return number ? kNever : loop_.now() + kResolvedFor;
}

void Upstreams::retire(Entry& entry) {
  if (entry.upstream) {
    retired_.push_back(std::move(entry.upstream));
  }
}

void Upstreams::tidy(const domain::Snapshot& snapshot) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    entry->second.upstream->close_stale(loop_.now());
    const bool listed =
        std::any_of(snapshot.endpoints().begin(), snapshot.endpoints().end(),
                    [&](const domain::Endpoint& endpoint) { return endpoint.uid == entry->first; });
    if (!listed) {
      retire(entry->second);
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
