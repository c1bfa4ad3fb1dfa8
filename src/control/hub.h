// Who is connected, and what each knows: the part of control that lives on its loop. Holds the
// snapshot in force, what each site has acknowledged and what its endpoints report; wakes the
// watches of edges and whoever waits for them.
//
// Bounds: one watch per site (a newer one replaces the former), as many endpoints per site as a
// sync may report. Belongs to the loop's thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/publisher.h"
#include "io/event.h"
#include "io/loop.h"
#include "protocol/sync.h"
#include "protocol/watch.h"

namespace tdn::control {

// One edge's open watch: what it has been sent, and what it is to be woken for. Owned by the
// connection's coroutine, between `attach` and `detach`.
struct Watcher {
  std::string site;
  protocol::SnapshotOrder sent;
  std::uint64_t sent_stamp = 0;  // reports of sites up to this one were sent
  bool sync_asked = false;
  bool cut = false;  // another watch of this site has come
  io::Event wake;
};

struct Acknowledgement {
  std::vector<std::string> acknowledged;
  std::vector<std::string> missing;  // connected, and did not say so in time
};

// What is known of a site since control started.
struct SiteView {
  bool connected = false;            // its watch is open, and it was heard of lately
  Instant heard{};                   // when a watch began or a sync came
  protocol::SnapshotOrder snapshot;  // in force there
  std::string refused_snapshot;      // why, if it refused the last one
  std::vector<protocol::EndpointReport> endpoints;
  Instant reported{};            // when the endpoints came
  std::uint64_t stamp = 0;       // counts such reports, over all sites
  std::uint64_t full_syncs = 0;  // after which all that was settled there is here
};

class Hub {
 public:
  // Endpoints in one event, but for a site that has more by itself.
  static constexpr std::size_t kMostPeersAtOnce = 5'000;
  // Edges sync every two seconds. One that did not for so long is not connected, whatever its
  // connections say: behind a black hole they stay open.
  static constexpr Duration kHeardWithin = std::chrono::seconds(10);

  explicit Hub(io::Loop& loop) : loop_(loop) {}

  // The newest wins, in whatever order they come.
  void publish(Snapshot snapshot);
  [[nodiscard]] const Snapshot& snapshot() const { return snapshot_; }
  // The bytes of a section in force, or of the snapshot before it, which an edge may still be
  // fetching; null if there is none.
  [[nodiscard]] std::shared_ptr<const std::string> section(const std::string& sha256) const;

  void attach(Watcher& watcher);
  void detach(Watcher& watcher);
  // Control is stopping: edges find the next one by themselves.
  void end_watches();
  // A sync that was taken.
  void synced(const std::string& site, const protocol::SyncRequest& request, bool all_uploaded);

  [[nodiscard]] SiteView view(const std::string& site) const;
  // As its own edge sees it.
  [[nodiscard]] protocol::EndpointHealth health_of(const Uid& endpoint) const;
  [[nodiscard]] std::size_t connected() const { return watchers_.size(); }
  // Of the endpoints of all other sites that reported since; moves the watcher's stamp.
  [[nodiscard]] protocol::PeersReported peers_for(Watcher& watcher) const;
  [[nodiscard]] bool has_peers_for(const Watcher& watcher) const;

  // Until every connected edge of a site in force has that snapshot or a later one, or `until`.
  [[nodiscard]] io::Task<Acknowledgement> wait_acknowledged(protocol::SnapshotOrder order,
                                                            Instant until);
  // Until all that these sites had settled by now is here, or `until`; those that are late. An edge
  // has one sync in flight, so the second one that is taken from now on was sent after now.
  [[nodiscard]] io::Task<std::vector<std::string>> wait_uploaded(std::vector<std::string> sites,
                                                                 Instant until);

 private:
  class Registration;
  [[nodiscard]] Acknowledgement acknowledgement(const protocol::SnapshotOrder& order) const;
  void ask_sync(const std::string& site);
  void ring();
  // Parks until something changed or `until`; false then, or when cancelled.
  [[nodiscard]] io::Task<bool> wait_for_change(Instant until);

  io::Loop& loop_;
  Snapshot snapshot_;
  Snapshot former_;
  std::map<std::string, SiteView> sites_;
  std::map<std::string, Watcher*> watchers_;
  std::uint64_t stamp_ = 0;
  std::map<std::uint64_t, io::Event*> bells_;
  std::uint64_t next_bell_ = 0;
};

}  // namespace tdn::control
