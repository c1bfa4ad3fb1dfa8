// One directed link: whoever connects to its listener reaches its target as if that were far away.
//
//   set-up   the connection is held for one round trip; a target that refuses resets it after one
//   bytes    and FIN and RST arrive half a round trip later, in order; later still by jitter, and
//            by what the link's bytes per second make them wait for each other
//   faults   (faults.h) at once, for connections that are open too
//
// The kernel accepts for us: a client's `connect` returns at once, also while the link is cut. What
// it sends then waits until the link passes again; nothing is answered.
//
// At most kMostConnections are open; more wait to be accepted. Per connection and direction at most
// DelayLine::kCapacity bytes are under way, then the sender is not read.
//
// Belongs to its loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.h"
#include "io/network.h"
#include "io/task_group.h"
#include "wan/config.h"
#include "wan/faults.h"

namespace tdn::wan {

class Connection;

// From the link's beginning: out, and back.
struct Counters {
  std::uint64_t connections = 0;  // accepted
  std::uint64_t open = 0;         // now
  std::uint64_t refused = 0;      // by the target
  std::uint64_t reset = 0;        // by a fault
  std::uint64_t bytes_out = 0;    // delivered to the target
  std::uint64_t bytes_back = 0;
};

enum class Way : std::uint8_t { kOut, kBack };

class Link {
 public:
  static constexpr std::uint64_t kMostConnections = 4096;

  // `listener` listens at the plan's address; the rest is borrowed.
  Link(io::Loop& loop, io::Network& network, Random& random, LinkPlan plan,
       std::unique_ptr<io::Listener> listener);
  // Stopped (asserted by the task groups).
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void start();
  // Accepts no more and resets what is open.
  [[nodiscard]] io::Task<> stop();

  void set_condition(const Condition& condition);
  [[nodiscard]] const Condition& condition() const { return condition_; }
  [[nodiscard]] bool is_cut() const { return condition_.state == LinkState::kCut; }
  [[nodiscard]] const LinkPlan& plan() const { return plan_; }
  [[nodiscard]] io::Address address() const { return listener_->address(); }
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  friend class Connection;
  io::Task<> accept();
  io::Task<> serve(std::unique_ptr<io::Stream> client);
  [[nodiscard]] Duration round_trip() const { return plan_.rtt + condition_.added; }
  [[nodiscard]] Duration one_way(Way way) const;
  // When bytes that leave now arrive; takes their share of the link's bytes per second.
  [[nodiscard]] Instant arrival(Way way, std::size_t bytes);

  io::Loop& loop_;
  io::Network& network_;
  Random& random_;
  LinkPlan plan_;
  std::unique_ptr<io::Listener> listener_;
  Condition condition_;
  Counters counters_;
  Instant free_at_[2] = {};  // when the line has sent what it was given
  std::vector<Connection*> open_;
  io::Event changed_;  // for the acceptor
  io::TaskGroup acceptor_;
  io::TaskGroup connections_;
};

}  // namespace tdn::wan
