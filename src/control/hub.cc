#include "control/hub.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace tdn::control {

// Hears of changes until it is destroyed.
class Hub::Registration {
 public:
  Registration(Hub& hub, io::Event& bell) : hub_(hub), number_(hub.next_bell_++) {
    hub_.bells_.emplace(number_, &bell);
  }
  ~Registration() { hub_.bells_.erase(number_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  Hub& hub_;
  std::uint64_t number_;
};

void Hub::publish(Snapshot snapshot) {
  if (snapshot == nullptr || (snapshot_ != nullptr && snapshot->order <= snapshot_->order)) {
    return;
  }
  former_ = std::exchange(snapshot_, std::move(snapshot));
  for (const auto& [site, watcher] : watchers_) {
    watcher->wake.set();
  }
}

std::shared_ptr<const std::string> Hub::section(const std::string& sha256) const {
  for (const Snapshot& snapshot : {snapshot_, former_}) {
    if (snapshot != nullptr) {
      const auto found = snapshot->sections.find(sha256);
      if (found != snapshot->sections.end()) {
        return found->second;
      }
    }
  }
  return nullptr;
}

void Hub::attach(Watcher& watcher) {
  const auto [at, fresh] = watchers_.try_emplace(watcher.site, &watcher);
  if (!fresh) {
    at->second->cut = true;
    at->second->wake.set();
    at->second = &watcher;
  }
  SiteView& view = sites_[watcher.site];
  view.connected = true;
  view.heard = loop_.clock().now();
  watcher.wake.set();
}

void Hub::detach(Watcher& watcher) {
  const auto found = watchers_.find(watcher.site);
  if (found != watchers_.end() && found->second == &watcher) {
    watchers_.erase(found);
    sites_[watcher.site].connected = false;
    ring();
  }
}

void Hub::end_watches() {
  for (const auto& [site, watcher] : watchers_) {
    watcher->cut = true;
    watcher->wake.set();
  }
}

void Hub::synced(const std::string& site, const protocol::SyncRequest& request, bool all_uploaded) {
  SiteView& view = sites_[site];
  view.snapshot = request.snapshot;
  view.refused_snapshot = request.refused_snapshot;
  view.endpoints = request.endpoints;
  view.reported = view.heard = loop_.clock().now();
  view.stamp = ++stamp_;
  view.full_syncs += all_uploaded ? 1 : 0;
  for (const auto& [name, watcher] : watchers_) {
    if (name != site && !view.endpoints.empty()) {
      watcher->wake.set();
    }
  }
  ring();
}

SiteView Hub::view(const std::string& site) const {
  const auto found = sites_.find(site);
  SiteView view = found == sites_.end() ? SiteView() : found->second;
  view.connected = view.connected && loop_.clock().now() < view.heard + kHeardWithin;
  return view;
}

protocol::EndpointHealth Hub::health_of(const Uid& endpoint) const {
  for (const auto& [name, view] : sites_) {
    const auto found = std::ranges::find(view.endpoints, endpoint, &protocol::EndpointReport::uid);
    if (found != view.endpoints.end()) {
      return found->health;
    }
  }
  return protocol::EndpointHealth::kUnknown;
}

bool Hub::has_peers_for(const Watcher& watcher) const {
  return std::ranges::any_of(sites_, [&](const auto& site) {
    return site.first != watcher.site && site.second.stamp > watcher.sent_stamp &&
           !site.second.endpoints.empty();
  });
}

protocol::PeersReported Hub::peers_for(Watcher& watcher) const {
  std::map<std::uint64_t, const SiteView*> news;  // by stamp
  for (const auto& [name, view] : sites_) {
    if (name != watcher.site && view.stamp > watcher.sent_stamp && !view.endpoints.empty()) {
      news.emplace(view.stamp, &view);
    }
  }
  protocol::PeersReported peers;
  const Instant now = loop_.clock().now();
  for (const auto& [stamp, view] : news) {
    const std::size_t together = peers.endpoints.size() + view->endpoints.size();
    if (!peers.endpoints.empty() && together > kMostPeersAtOnce) {
      break;  // the rest goes with the next event
    }
    const auto age = static_cast<std::uint32_t>(std::min<std::int64_t>(
        (now - view->reported) / std::chrono::milliseconds(1), std::numeric_limits<int>::max()));
    for (const protocol::EndpointReport& endpoint : view->endpoints) {
      peers.endpoints.push_back({.uid = endpoint.uid,
                                 .health = endpoint.health,
                                 .running = endpoint.running,
                                 .waiting = endpoint.waiting,
                                 .slots = endpoint.slots,
                                 .age_ms = age});
    }
    watcher.sent_stamp = stamp;
  }
  return peers;
}

void Hub::ask_sync(const std::string& site) {
  const auto found = watchers_.find(site);
  if (found != watchers_.end()) {
    found->second->sync_asked = true;
    found->second->wake.set();
  }
}

void Hub::ring() {
  for (const auto& [number, bell] : bells_) {
    bell->set();
  }
}

io::Task<bool> Hub::wait_for_change(Instant until) {
  io::Context& context = co_await io::this_context();
  const io::DeadlineScope deadline(context, until);
  io::Event bell;
  const Registration registration(*this, bell);
  const io::Wake wake = co_await bell.wait();
  co_return wake == io::Wake::kReady;
}

Acknowledgement Hub::acknowledgement(const protocol::SnapshotOrder& order) const {
  Acknowledgement result;
  for (const auto& [site, watcher] : watchers_) {
    if (snapshot_ != nullptr && !snapshot_->sites.contains(site)) {
      continue;  // its site was deleted: it takes no snapshot any more, and serves nobody
    }
    const bool has_it = sites_.at(site).snapshot >= order;
    (has_it ? result.acknowledged : result.missing).push_back(site);
  }
  return result;
}

io::Task<Acknowledgement> Hub::wait_acknowledged(protocol::SnapshotOrder order, Instant until) {
  while (!acknowledgement(order).missing.empty()) {
    const bool changed = co_await wait_for_change(until);
    if (!changed) {
      break;
    }
  }
  co_return acknowledgement(order);
}

io::Task<std::vector<std::string>> Hub::wait_uploaded(std::vector<std::string> sites,
                                                      Instant until) {
  constexpr std::uint64_t kNeeded = 2;
  struct Awaited {
    std::string site;
    std::uint64_t from = 0;
    std::uint64_t seen = 0;
  };
  std::vector<Awaited> awaited;
  for (std::string& site : sites) {
    const std::uint64_t from = view(site).full_syncs;
    ask_sync(site);
    awaited.push_back({std::move(site), from, from});
  }
  while (true) {
    std::erase_if(awaited, [this](const Awaited& one) {
      return view(one.site).full_syncs >= one.from + kNeeded;
    });
    for (Awaited& one : awaited) {
      const std::uint64_t seen = view(one.site).full_syncs;
      if (seen != one.seen) {  // one has come: ask for the next at once
        one.seen = seen;
        ask_sync(one.site);
      }
    }
    if (awaited.empty()) {
      break;
    }
    const bool changed = co_await wait_for_change(until);
    if (!changed) {
      break;
    }
  }
  std::vector<std::string> late;
  for (Awaited& one : awaited) {
    late.push_back(std::move(one.site));
  }
  co_return late;
}

}  // namespace tdn::control
