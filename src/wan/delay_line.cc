#include "wan/delay_line.h"

#include <algorithm>

#include "base/assert.h"

namespace tdn::wan {

std::size_t DelayLine::room() const {
  const std::size_t used = used_ + kPieceCost;
  return end_ != kNever || used >= kCapacity ? 0 : kCapacity - used;
}

Instant DelayLine::after_last(Instant arrives) {
  last_ = std::max(last_, arrives);
  return last_;
}

void DelayLine::push(std::string_view bytes, Instant arrives) {
  TDN_ASSERT(!bytes.empty() && bytes.size() <= room());
  pieces_.push_back({.bytes = std::string(bytes), .taken = 0, .arrives = after_last(arrives)});
  used_ += bytes.size() + kPieceCost;
}

void DelayLine::push_end(Instant arrives) {
  TDN_ASSERT(end_ == kNever);
  end_ = after_last(arrives);
}

Instant DelayLine::next() const { return pieces_.empty() ? end_ : pieces_.front().arrives; }

std::string_view DelayLine::front() const {
  if (pieces_.empty()) {
    return {};
  }
  const Piece& piece = pieces_.front();
  return std::string_view(piece.bytes).substr(piece.taken);
}

void DelayLine::pop(std::size_t bytes) {
  Piece& piece = pieces_.front();
  piece.taken += bytes;
  TDN_ASSERT(piece.taken <= piece.bytes.size());
  if (piece.taken == piece.bytes.size()) {
    used_ -= piece.bytes.size() + kPieceCost;
    pieces_.pop_front();
  }
}

}  // namespace tdn::wan
