// A network of named hosts on simulated time. Each host is an `io::Network` of its own, with one
// address in 127.0.0.0/8, so code that dials or listens runs unchanged and trusts what it would
// trust on one machine.
//
// What it does to connections, all of it drawn from the seed: latency with jitter, pieces cut
// anywhere or lost and sent again, a bounded number of bytes under way with back-pressure, refused
// connections, half-close and reset as TCP has them, and on command cuts (nothing passes; what was
// under way comes after the cut has ended), resets and hosts without power.
//
// As TCP: bytes arrive in order or not at all. Closing with unread bytes resets, and so does
// writing to one that closed, one latency later. A reset overtakes what its sender had not yet got
// out; what had arrived stays readable before it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "io/network.h"
#include "sim/poller.h"
#include "sim/trace.h"

namespace tdn::sim {

struct LinkOptions {
  Duration latency = std::chrono::microseconds(200);  // one way
  Duration jitter = std::chrono::microseconds(200);   // at most, on top, per piece
  std::size_t piece = 1460;                           // longest; ≥ 1
  std::uint64_t cut_percent = 30;                     // of pieces, cut at a random place
  std::uint64_t bytes_per_second = 0;                 // 0: no bound
  std::uint64_t loss_per_mille = 0;                   // of pieces, which come at the second try
};

// Bytes that a sender has handed over and its receiver has not read, per direction.
inline constexpr std::size_t kConnectionBuffer = std::size_t{256} * 1024;
// Connections that wait for `accept`; further ones are refused.
inline constexpr std::size_t kBacklog = 128;

class SimHost;
class SimListener;
class SimConnection;

class SimNetwork {
 public:
  // All borrowed.
  SimNetwork(SimPoller& poller, Random& random, Trace& trace);
  ~SimNetwork();
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  // At most 250 hosts; a name once.
  SimHost& add_host(std::string name);
  void set_link(const SimHost& a, const SimHost& b, const LinkOptions& options);

  // Nothing passes between the two for so long.
  void cut(const SimHost& a, const SimHost& b, Duration duration);
  // Resets every connection between the two, as a middle box does that lost its state.
  void reset(const SimHost& a, const SimHost& b);
  // Off: what was sent still arrives elsewhere, but nothing more leaves and nothing is taken in,
  // not even the end of a connection. Back on, old connections are answered with resets.
  void set_power(SimHost& host, bool on);

 private:
  friend class SimHost;
  friend class SimListener;
  friend class SimConnection;

  struct Link {
    LinkOptions options;
    Instant cut_until{};
  };
  [[nodiscard]] Link& link(int a, int b);
  // One way, jitter included.
  [[nodiscard]] Duration delay(const LinkOptions& options);
  // What a lost piece costs: the sender's patience, of Linux (200 ms and two round trips, at
  // least).
  [[nodiscard]] Duration loss(const LinkOptions& options);
  [[nodiscard]] SimHost* find(const io::Address& address);
  [[nodiscard]] SimListener* pick_listener(const io::Address& address);
  void remember(const std::shared_ptr<SimConnection>& connection);

  SimPoller& poller_;
  Random& random_;
  Trace& trace_;
  std::vector<std::unique_ptr<SimHost>> hosts_;
  std::map<std::pair<int, int>, Link> links_;
  std::map<io::Address, std::vector<SimListener*>> listeners_;
  std::vector<std::weak_ptr<SimConnection>> connections_;  // in the order they were made
  std::uint64_t next_connection_ = 1;
};

class SimHost final : public io::Network {
 public:
  SimHost(SimNetwork& network, std::string name, int index);

  [[nodiscard]] io::Task<Result<std::unique_ptr<io::Stream>>> connect(io::Address to) override;
  [[nodiscard]] Result<std::unique_ptr<io::Listener>> listen(io::Address at, bool shared) override;
  // Names are those of hosts.
  [[nodiscard]] io::Task<Result<io::Address>> resolve(std::string host,
                                                      std::uint16_t port) override;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] io::Address address(std::uint16_t port) const;

 private:
  friend class SimNetwork;
  friend class SimConnection;
  [[nodiscard]] std::uint16_t free_port();

  SimNetwork& network_;
  std::string name_;
  int index_;
  bool powered_ = true;
  std::uint16_t next_port_ = 32'768;
};

}  // namespace tdn::sim
