// One connection over a link: two delay lines between two streams. Part of link.h.
//
// Each direction has a reader, which takes bytes as long as its line has room, and a writer, which
// delivers them when they arrive. What ends the connection (both ends delivered, a reset arriving,
// a fault, shutdown) is decided in one place, `until_over`.
#pragma once

#include <memory>

#include "io/event.h"
#include "io/stream.h"
#include "io/task_group.h"
#include "wan/delay_line.h"
#include "wan/link.h"

namespace tdn::wan {

class Connection final : private io::StreamWatcher {
 public:
  Connection(Link& link, std::unique_ptr<io::Stream> client);
  // After `run`.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // From the accept to the end of both streams.
  [[nodiscard]] io::Task<> run();
  // The link's condition changed; `heals`: it was cut and is not any more.
  void on_condition(bool heals);

 private:
  struct Direction {
    explicit Direction(Way which) : way(which) {}
    Way way;
    io::Stream* from = nullptr;
    io::Stream* to = nullptr;
    DelayLine line;
    Instant reads_from{};       // nothing is taken from the sender before
    Instant not_before{};       // nothing is delivered before
    Instant reset_at = kNever;  // when the sender's reset arrives
    bool finished = false;      // its end was delivered
    io::Event arrived;          // for the writer: something is under way, or the link changed
    io::Event room;             // for the reader
  };
  enum class Taken : std::uint8_t { kSome, kNothing, kOver };

  void on_event(io::Stream& stream, io::StreamEvent event) override;
  // Its stream is gone: the other side hears of it.
  void reset_from(Direction& direction);

  // True once the link passes; false: reset, or shutdown.
  [[nodiscard]] io::Task<bool> until_passable();
  // The same, not before `moment`.
  [[nodiscard]] io::Task<bool> until(Instant moment);
  [[nodiscard]] io::Task<> relay();
  io::Task<> read(Direction& direction);
  io::Task<> write(Direction& direction);
  [[nodiscard]] Taken take(Direction& direction);
  // Until there is nothing left to do. True: both ends were delivered.
  [[nodiscard]] io::Task<bool> until_over();
  void abort();

  Link& link_;
  std::unique_ptr<io::Stream> client_;
  std::unique_ptr<io::Stream> target_;
  Direction out_{Way::kOut};
  Direction back_{Way::kBack};
  io::Event changed_;  // for `until_over`
};

}  // namespace tdn::wan
