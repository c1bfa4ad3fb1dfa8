// Bytes under way in one direction of a connection: each piece arrives at its moment, in the order
// in which it was sent. Pure; whoever uses it brings the time.
//
// At most 256 KiB, each piece reckoned with what it costs to keep: when there is no room the sender
// is not read, and so feels it.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "base/time.h"

namespace tdn::wan {

class DelayLine {
 public:
  static constexpr std::size_t kCapacity = std::size_t{256} * 1024;
  static constexpr std::size_t kPieceCost = 64;

  // Bytes that another piece may have; 0 after the end.
  [[nodiscard]] std::size_t room() const;
  // Not more than `room`, at least one. A piece never arrives before the one ahead of it.
  void push(std::string_view bytes, Instant arrives);
  // The sender's end (FIN), behind its bytes.
  void push_end(Instant arrives);

  // When the first of what is under way arrives, kNever if nothing is.
  [[nodiscard]] Instant next() const;
  // The first piece; empty if none is under way but the end.
  [[nodiscard]] std::string_view front() const;
  // Takes bytes off the first piece.
  void pop(std::size_t bytes);
  // Whether the end comes next.
  [[nodiscard]] bool at_end() const { return pieces_.empty() && end_ != kNever; }
  // The last moment at which anything that was pushed arrives.
  [[nodiscard]] Instant last() const { return last_; }

 private:
  struct Piece {
    std::string bytes;
    std::size_t taken = 0;
    Instant arrives{};
  };
  [[nodiscard]] Instant after_last(Instant arrives);

  std::deque<Piece> pieces_;
  std::size_t used_ = 0;
  Instant last_{};
  Instant end_ = kNever;
};

}  // namespace tdn::wan
