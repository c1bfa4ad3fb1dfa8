// Keeps this edge's snapshot: what control offers is verified, fetched section by section, read,
// written to disk and only then taken into use, on every shard at once. What is refused changes
// nothing, and is told by name.
//
//   keeper.start()            what the last run left on disk
//   keeper.offer(envelope)    from the watch
//   keeper.run()              takes the newest offer; until cancelled
//
// One snapshot is taken at a time; of several offers the newest stays. Belongs to its loop's
// thread; files and parsing are done in the pool.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/control_client.h"
#include "agent/host.h"
#include "agent/snapshot_store.h"
#include "io/blocking_pool.h"
#include "protocol/snapshot_sections.h"

namespace tdn::agent {

// Faults that the simulator must notice; never set otherwise.
enum class PlantedBug : std::uint8_t {
  kNone,
  kStaleSnapshotAccepted,  // an older snapshot is taken into use
};

// All borrowed.
struct KeeperParts {
  io::Loop& loop;
  io::BlockingPool& pool;
  ControlClient& control;
  AgentHost& host;
  SnapshotStore& store;
  PlantedBug bug = PlantedBug::kNone;
};

class SnapshotKeeper {
 public:
  struct Counters {
    std::uint64_t taken = 0;
    std::uint64_t refused = 0;
    std::uint64_t sections_fetched = 0;
  };

  // All borrowed. `changed` is called when a snapshot was taken or refused: time for a sync.
  SnapshotKeeper(const KeeperParts& parts, std::string site, std::string state_dir,
                 std::function<void()> changed);

  // Takes the one on disk into use; false if there is none that can be used (the log says why).
  [[nodiscard]] io::Task<bool> start();
  void offer(std::string envelope);
  [[nodiscard]] io::Task<> run();

  // In force on every shard; {0, 0} if none is.
  [[nodiscard]] const protocol::SnapshotOrder& order() const { return order_; }
  [[nodiscard]] std::uint64_t valid_for_s() const { return valid_for_s_; }
  // What was refused last and why; empty once a later one was taken.
  [[nodiscard]] const std::string& refused() const { return refused_; }
  // The newest offer is what is in force: nothing that control knows is unknown here.
  [[nodiscard]] bool confirmed() const { return !newest_.empty() && newest_ == current_; }
  // The newest snapshot has no such site: whatever the former one allows, it ended.
  [[nodiscard]] bool site_is_gone() const { return site_is_gone_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  struct Loaded {
    std::shared_ptr<const domain::Snapshot> snapshot;
    std::vector<codec::Ed25519PublicKey> trusted;
  };
  [[nodiscard]] io::Task<Result<void>> take(std::string envelope);
  [[nodiscard]] Result<protocol::SnapshotManifest> examine(std::string_view envelope);
  [[nodiscard]] io::Task<Result<void>> fetch_missing(const protocol::SnapshotManifest& manifest);
  [[nodiscard]] io::Task<Result<Loaded>> load(const protocol::SnapshotManifest& manifest);
  [[nodiscard]] io::Task<Result<void>> put_into_use(StoredSnapshot stored, bool fresh);

  KeeperParts parts_;
  const std::string site_;
  std::function<void()> changed_;
  const std::shared_ptr<protocol::SnapshotContent> content_;  // the pool's while a job runs

  protocol::SnapshotOrder order_;
  std::string current_;  // envelope
  std::uint64_t valid_for_s_ = protocol::kDefaultValidForS;
  std::string refused_;
  std::string refused_envelope_;  // not looked at again
  std::string newest_;            // offer, whatever came of it
  bool site_is_gone_ = false;
  std::optional<std::string> offered_;
  io::Event arrived_;
  Counters counters_;
};

}  // namespace tdn::agent
