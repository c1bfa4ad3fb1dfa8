#include "engine/text_gate.h"

#include <algorithm>
#include <utility>

namespace tdn::engine {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// How much of the end of `text` begins `stop`.
std::size_t overlap(std::string_view text, std::string_view stop) {
  for (std::size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length) {
    if (text.ends_with(stop.substr(0, length))) {
      return length;
    }
  }
  return 0;
}

}  // namespace

void Utf8Repair::push(std::string_view bytes, std::string& out) {
  for (const char byte : bytes) {
    push_byte(static_cast<unsigned char>(byte), out);
  }
}

void Utf8Repair::push_byte(unsigned char byte, std::string& out) {
  if (held_bytes_ > 0) {
    if (byte >= lowest_second_ && byte <= highest_second_) {
      held_[held_bytes_++] = static_cast<char>(byte);
      lowest_second_ = 0x80;
      highest_second_ = 0xbf;
      if (held_bytes_ == needed_bytes_) {
        out.append(held_.data(), held_bytes_);
        held_bytes_ = 0;
      }
      return;
    }
    out += kReplacement;  // and the byte begins anew
    held_bytes_ = 0;
  }
  if (byte < 0x80) {
    out += static_cast<char>(byte);
    return;
  }
  if (byte < 0xc2 || byte > 0xf4) {
    out += kReplacement;
    return;
  }
  held_[0] = static_cast<char>(byte);
  held_bytes_ = 1;
  needed_bytes_ = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  lowest_second_ = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
  highest_second_ = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
}

std::string TextGate::push(std::string_view piece) {
  if (stopped_) {
    return {};
  }
  repair_.push(piece, held_);
  return release();
}

std::string TextGate::finish() {
  if (stopped_) {
    return {};
  }
  return std::exchange(held_, {});
}

std::string TextGate::release() {
  std::size_t stop_at = std::string::npos;
  std::size_t stop_end = std::string::npos;
  std::size_t keep = 0;
  for (const std::string& stop : stops_) {
    const std::size_t at = held_.find(stop);
    if (at != std::string::npos) {
      const std::size_t end = at + stop.size();
      if (end < stop_end || (end == stop_end && at < stop_at)) {
        stop_at = at;
        stop_end = end;
      }
    }
    keep = std::max(keep, overlap(held_, stop));
  }
  if (stop_at != std::string::npos) {
    stopped_ = true;
    std::string text = held_.substr(0, stop_at);
    held_.clear();
    return text;
  }
  std::string text = held_.substr(0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return text;
}

}  // namespace tdn::engine
