// Control as a process that can die: its service over a store in memory, on a machine of the
// simulated world. What was committed is what a crash leaves.
//
// Between steps only: `kill` must find nobody about to run.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/service.h"
#include "io/blocking_pool.h"
#include "sim/machines.h"
#include "store/memory_store.h"

namespace tdn::sim {

// What of control outlives its processes: its disk.
struct ControlDisk {
  store::MemoryStore store;
  codec::Ed25519Key signing_key{codec::Ed25519Key::Seed{1}};
  std::vector<control::NetworkSecret> secrets;
  control::Nodes nodes;
  std::optional<protocol::SnapshotOrder> published;
};

struct ControlOptions {
  std::uint16_t port = 8090;
  std::string operator_token;
  // How long the thread of the store takes for a job, at most twice that.
  Duration store_time = std::chrono::milliseconds(2);
  store::PlantedBug bug = store::PlantedBug::kNone;
};

class ControlProcess {
 public:
  // All borrowed; the error is one that the program would end with.
  [[nodiscard]] static Result<std::unique_ptr<ControlProcess>> start(SimPoller& poller,
                                                                     Random& random,
                                                                     Machine& machine,
                                                                     ControlDisk& disk,
                                                                     const ControlOptions& options);
  ~ControlProcess();
  void kill();

  [[nodiscard]] const control::Hub& hub() const { return service_->hub(); }

 private:
  ControlProcess(SimPoller& poller, Random& random, Machine& machine, ControlDisk& disk,
                 Duration store_time);

  Machine& machine_;
  ControlDisk& disk_;
  io::BlockingPool pool_;
  std::unique_ptr<control::Service> service_;
};

}  // namespace tdn::sim
