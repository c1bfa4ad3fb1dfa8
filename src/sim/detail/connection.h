// One simulated connection: its two ends and what is under way between them.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>

#include "io/event.h"
#include "sim/network.h"

namespace tdn::sim {

// What the code above holds of a connection.
class SimStream final : public io::Stream {
 public:
  SimStream(std::shared_ptr<SimConnection> connection, std::size_t side);
  ~SimStream() override { close(); }

  ssize_t try_read(std::span<char> buffer) override;
  ssize_t try_write(std::span<const io::Slice> slices) override;
  void shutdown() override;
  void close() override;
  void abort() override;
  [[nodiscard]] Error error() const override;
  [[nodiscard]] std::string peer() const override;

  [[nodiscard]] bool refused() const { return refused_; }

 private:
  friend class SimConnection;
  [[nodiscard]] std::size_t unread() const { return inbox_.size() - read_; }
  void on_data(std::string bytes);
  void on_end();
  void on_reset();
  void on_established();
  void on_refused();
  void on_room() { notify_writable(); }

  std::shared_ptr<SimConnection> connection_;
  std::size_t side_;
  std::string inbox_;
  std::size_t read_ = 0;  // of inbox_
  bool established_ = false;
  bool refused_ = false;
  bool ended_ = false;   // we sent our end
  bool closed_ = false;  // by us: the other end may live on
};

class SimConnection final : public std::enable_shared_from_this<SimConnection> {
 public:
  static constexpr std::size_t kDialler = 0;
  static constexpr std::size_t kListener = 1;

  SimConnection(SimNetwork& network, std::uint64_t id, SimHost& from, SimHost& to,
                io::Address source, io::Address target);

  // Sends the first packet; the dialler's stream hears of the outcome.
  [[nodiscard]] std::unique_ptr<SimStream> dial();

  // For the stream of `side`.
  [[nodiscard]] std::size_t room(std::size_t side) const;
  void send(std::size_t side, std::string_view bytes);
  void send_end(std::size_t side);
  void send_reset(std::size_t side);
  void leave(std::size_t side);  // the stream is gone
  void took(std::size_t side, std::size_t bytes);
  [[nodiscard]] const io::Address& peer_of(std::size_t side) const { return addresses_[1 - side]; }
  [[nodiscard]] bool dead() const { return dead_; }
  // The stream ran out of room and waits.
  void want_room(std::size_t side) { ways_[side].room_wanted = true; }

  // Both ends hear a reset, when it has travelled.
  void break_down();
  [[nodiscard]] bool joins(int a, int b) const;

 private:
  enum class Kind : std::uint8_t { kDial, kEstablished, kRefused, kData, kEnd, kReset };
  struct Packet {
    Kind kind;
    Instant due;
    std::string bytes;
  };
  // From one end to the other; indexed by the sender's side.
  struct Way {
    std::deque<Packet> packets;  // in the order they arrive
    Instant last_due{};
    std::size_t outstanding = 0;  // sent and not read
    bool room_wanted = false;
  };

  void post(std::size_t side, Kind kind, std::string bytes);
  void schedule(std::size_t side);
  void arrive(std::size_t side);
  void receive(std::size_t receiver, Packet packet);
  void accept_dial();
  [[nodiscard]] SimNetwork::Link& link();

  SimNetwork& network_;
  std::uint64_t id_;
  std::array<SimHost*, 2> hosts_;
  std::array<io::Address, 2> addresses_;
  std::array<SimStream*, 2> ends_{};
  std::array<Way, 2> ways_;
  bool dead_ = false;  // reset by either side
};

class SimListener final : public io::Listener {
 public:
  SimListener(SimNetwork& network, const io::Address& address);
  ~SimListener() override { close(); }

  [[nodiscard]] io::Task<Result<std::unique_ptr<io::Stream>>> accept() override;
  void close() override;
  [[nodiscard]] io::Address address() const override { return address_; }
  // Simulated hosts have descriptors without end.
  [[nodiscard]] std::uint64_t pauses() const override { return 0; }

  [[nodiscard]] bool full() const;
  // Not when full.
  void offer(std::unique_ptr<SimStream> stream);

 private:
  SimNetwork& network_;
  io::Address address_;
  std::deque<std::unique_ptr<SimStream>> backlog_;
  io::Event arrived_;
  bool closed_ = false;
};

}  // namespace tdn::sim
