// Machines of a simulated network: each has clocks of its own, which may be wrong, and a loop of
// its own, as each process has in the real world. What is true is the world's clock; what a program
// of a machine reads is that machine's.
//
//   Machines machines(poller, network);
//   Machine& paris = machines.add("paris", {.boot_ahead = 3h, .wall_ahead = -2h});
//   … start programs on paris.host() and paris.loop() …
//   while (machines.step()) {}
//
// A step is the smallest thing that can happen: one event of the world, or the timers that come
// next, and what every machine makes of it at once. Between steps nobody is about to run, so a
// process may be killed there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/loop.h"
#include "sim/network.h"
#include "sim/poller.h"

namespace tdn::sim {

class MachineClock final : public Clock {
 public:
  MachineClock(const Clock& truth, Duration boot_ahead, Duration wall_ahead)
      : truth_(truth), boot_ahead_(boot_ahead), wall_ahead_(wall_ahead) {}
  [[nodiscard]] Instant now() const override { return truth_.now() + boot_ahead_; }
  [[nodiscard]] WallTime wall() const override {
    return {truth_.wall().us +
            std::chrono::duration_cast<std::chrono::microseconds>(wall_ahead_).count()};
  }
  // Somebody sets the clock. Only the wall clock can be set.
  void set_wall_ahead(Duration ahead) { wall_ahead_ = ahead; }

  [[nodiscard]] Instant in_truth(Instant moment) const {
    return moment == kNever ? kNever : moment - boot_ahead_;
  }

 private:
  const Clock& truth_;
  Duration boot_ahead_;
  Duration wall_ahead_;
};

struct WrongBy {
  Duration boot_ahead{};  // ≥ 0
  Duration wall_ahead{};
};

class Machine {
 public:
  Machine(const Clock& truth, SimHost& host, const WrongBy& wrong)
      : clock_(truth, wrong.boot_ahead, wrong.wall_ahead), host_(host) {}

  [[nodiscard]] MachineClock& clock() { return clock_; }
  [[nodiscard]] io::Loop& loop() { return loop_; }
  [[nodiscard]] SimHost& host() { return host_; }

 private:
  // Readiness comes from the world's events, so a machine's own loop never waits.
  class NeverWaits final : public io::Poller {
   public:
    void poll(Instant) override {}
    void interrupt() override {}
  };

  MachineClock clock_;
  NeverWaits poller_;
  io::Loop loop_{clock_, poller_};
  SimHost& host_;
};

class Machines {
 public:
  // All borrowed.
  Machines(const Clock& truth, SimPoller& poller, SimNetwork& network)
      : truth_(truth), poller_(poller), network_(network) {}

  Machine& add(std::string name, const WrongBy& wrong);

  // False: nothing will ever happen again.
  bool step();
  // Lets everybody run who can run now.
  void settle();
  // Steps until then.
  void pass(Duration duration);

 private:
  const Clock& truth_;
  SimPoller& poller_;
  SimNetwork& network_;
  std::vector<std::unique_ptr<Machine>> machines_;
};

}  // namespace tdn::sim
