// An edge's side of control: one sync after the other, one watch, the snapshot that they bring.
// Everything here may be away for as long as it likes; the edge goes on from what it has.
//
//   Agent agent(parts, options);
//   co_await agent.begin();          // snapshot from disk, or control's first one
//   agent.start();
//   …
//   co_await agent.stop();           // a last sync, if control answers within a moment
//
// When it syncs: at once when a snapshot was taken or refused, or control asks; within 200 ms of a
// change of this site's endpoints; within a second while records wait; else each 2 s. A failure
// puts the next try off, 100 ms doubling to 5 s, each drawn from its upper half. One sync is under
// way; a reply of another boot or number is thrown away.
//
// Belongs to its loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/control_client.h"
#include "agent/freshness.h"
#include "agent/host.h"
#include "agent/snapshot_keeper.h"
#include "agent/snapshot_store.h"
#include "agent/uploader.h"
#include "base/metrics.h"
#include "base/random.h"
#include "io/task_group.h"
#include "protocol/network_time.h"

namespace tdn::agent {

struct AgentOptions {
  std::string site;
  Uid edge;
  std::string version;       // of the program
  std::string state_dir;     // of the edge
  std::string authority;     // of control, for the Host field
  std::string machine_boot;  // names the machine's run; another after a reboot
  PlantedBug bug = PlantedBug::kNone;
};

// All borrowed; they outlive the agent.
struct AgentParts {
  io::Loop& loop;
  io::BlockingPool& pool;
  io::PeerLink& link;
  io::Disk& disk;
  const Clock& clock;
  Random& random;
  meter::Outbox& outbox;
  protocol::NetworkTime& time;
  AgentHost& host;
  SnapshotStore& store;  // opened
};

class Agent {
 public:
  Agent(const AgentParts& parts, AgentOptions options, const Secret& node_secret);
  // Stopped.
  ~Agent();

  // Starts the loops and returns once a snapshot is in force; true at once if the disk has one,
  // after a first sync, which control gets a moment for. False: cancelled.
  [[nodiscard]] io::Task<bool> begin();
  // Ends the loops; before that, if control answers soon, what is settled is uploaded.
  [[nodiscard]] io::Task<> stop();

  // Simulated crash: drops everything where it stands, after Loop::forget_ready.
  void destroy_all() { tasks_.destroy_all(); }

  void sync_now() { due_.set(); }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool quarantined() const { return uploader_.stopped(); }
  [[nodiscard]] std::uint64_t acknowledged(std::uint32_t epoch) const {
    return uploader_.acked(epoch);
  }
  // Whether requests may be admitted from the snapshot in force.
  [[nodiscard]] bool fresh() const {
    return !keeper_.site_is_gone() && freshness_.fresh(parts_.clock.now());
  }
  [[nodiscard]] const SnapshotKeeper& keeper() const { return keeper_; }
  [[nodiscard]] std::vector<Sample> samples() const;

 private:
  [[nodiscard]] io::Task<> sync_loop();
  [[nodiscard]] io::Task<> watch_loop();
  [[nodiscard]] io::Task<> tick_loop();
  [[nodiscard]] io::Task<> write_contact(Instant now);
  [[nodiscard]] io::Task<Result<void>> sync();
  [[nodiscard]] io::Task<Result<void>> answered(const protocol::SyncRequest& request,
                                                ControlClient::Reply reply, Instant sent);
  [[nodiscard]] io::Task<Result<void>> refused(const protocol::SyncRequest& request,
                                               const protocol::SyncRefusal& refusal);
  [[nodiscard]] io::Task<Result<void>> begin_epoch(std::uint32_t epoch, bool forked);
  [[nodiscard]] io::Task<Result<void>> watch();
  void take(protocol::WatchEvent event);
  void take_keys(const protocol::SyncReply& reply);
  void quarantine(std::string_view why);
  void heard();
  void check_freshness();
  void note_failure(const Error& error);
  [[nodiscard]] Instant next_sync() const;
  [[nodiscard]] Duration backed_off(unsigned failures);

  AgentParts parts_;
  const AgentOptions options_;
  ControlClient control_;
  Uploader uploader_;
  SnapshotKeeper keeper_;
  Freshness freshness_;
  const Uid boot_;
  std::uint64_t n_ = 0;

  io::Event due_;                 // sync now
  io::Event first_;               // a snapshot is in force, or the first sync ended
  Instant last_sync_{};           // its end
  Instant last_change_ = kNever;  // of endpoints, not told yet
  unsigned failures_ = 0;         // syncs in a row
  std::vector<protocol::EndpointReport> told_;
  std::vector<protocol::RouteKeyGrant> keys_;
  std::vector<protocol::PeerEdge> edges_;
  std::optional<codec::Digest> user_secret_;
  std::string last_failure_;  // told in the log once
  bool syncing_ = false;
  bool connected_ = false;
  bool watching_ = false;
  bool begun_ = false;
  bool admitting_ = true;
  bool restarting_ = false;
  Contact contact_written_;
  std::uint64_t syncs_ = 0;
  std::uint64_t failed_syncs_ = 0;
  Duration last_took_{};

  io::TaskGroup tasks_;
};

}  // namespace tdn::agent
