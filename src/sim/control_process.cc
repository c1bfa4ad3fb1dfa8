#include "sim/control_process.h"

#include <utility>

#include "base/assert.h"

namespace tdn::sim {

// Jobs of the store's thread take a while, so a crash can fall before and after each.
ControlProcess::ControlProcess(SimPoller& poller, Random& random, Machine& machine,
                               ControlDisk& disk, Duration store_time)
    : machine_(machine),
      disk_(disk),
      pool_([&poller, &random, store_time](std::function<void()> job) {
        const auto most = static_cast<std::uint64_t>(2 * store_time.count());
        poller.after(Duration(random.below(most + 1)), std::move(job));
      }) {}

ControlProcess::~ControlProcess() { TDN_ASSERT(service_ == nullptr); }

Result<std::unique_ptr<ControlProcess>> ControlProcess::start(SimPoller& poller, Random& random,
                                                              Machine& machine, ControlDisk& disk,
                                                              const ControlOptions& options) {
  const io::Loop::Entered here(machine.loop());
  std::unique_ptr<ControlProcess> process(
      new ControlProcess(poller, random, machine, disk, options.store_time));
  TDN_TRY(std::unique_ptr<control::Core> core,
          control::open_core(disk.store, {.clock = &machine.clock(),
                                          .random = &random,
                                          .signing_key = disk.signing_key,
                                          .network_secrets = disk.secrets,
                                          .remembered = disk.published}));
  control::ServiceOptions service;
  service.operator_token = Secret(options.operator_token);
  service.nodes = disk.nodes;
  service.clock = &machine.clock();
  service.random = &random;
  service.bug = options.bug;
  service.on_store_failure = [](const Error&) { TDN_ASSERT(false); };
  service.on_published = [&disk](const protocol::SnapshotOrder& order) { disk.published = order; };
  service.rotate_secret = [&disk, &random]() -> Result<std::vector<control::NetworkSecret>> {
    return disk.secrets = control::rotated(disk.secrets, random);
  };
  TDN_TRY(auto listener, machine.host().listen(machine.host().address(options.port), false));
  process->service_ = std::make_unique<control::Service>(machine.loop(), process->pool_, disk.store,
                                                         std::move(core), std::move(service));
  process->service_->start(std::move(listener));
  return process;
}

void ControlProcess::kill() {
  const io::Loop::Entered here(machine_.loop());
  service_->destroy_all();
  service_.reset();
  machine_.loop().forget_ready();  // who was woken by another's end is gone by now
  disk_.store.crash();
}

}  // namespace tdn::sim
