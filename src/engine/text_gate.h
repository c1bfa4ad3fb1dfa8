// What stands between sampled pieces of bytes and the text that a client sees. Two things are held
// back until they are certain:
//
//   1. bytes that may become one character: a token can end inside a UTF-8 sequence, and an event
//      must not. Bytes that cannot become a character any more are replaced by U+FFFD, one per
//      maximal ill-formed part (Unicode 15 §3.9, "substitution of maximal subparts"). A character
//      that `max_tokens` cuts was not wrong, only not finished: it is left out.
//   2. text that may become a stop string: the longest end of the text that begins one. When a stop
//      string is complete, the text ends before it and the gate is shut. Of several, the one that
//      is complete first decides, so that the cut does not depend on how the text was split.
//
// Bounded: at most 3 bytes of a character and one byte less than the longest stop string are held.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace tdn::engine {

// Makes well-formed UTF-8 of bytes that arrive in pieces.
class Utf8Repair {
 public:
  // Appends to `out` every character that is complete; keeps what is not.
  void push(std::string_view bytes, std::string& out);

 private:
  void push_byte(unsigned char byte, std::string& out);

  std::array<char, 4> held_{};
  std::size_t held_bytes_ = 0;
  std::size_t needed_bytes_ = 0;         // length of the character that held_ begins
  unsigned char lowest_second_ = 0x80;   // bounds of the next byte: they tell overlong forms,
  unsigned char highest_second_ = 0xbf;  // surrogates and what is beyond U+10FFFF
};

class TextGate {
 public:
  // `stops`: none empty, well-formed UTF-8.
  explicit TextGate(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  // Takes a piece and returns the text that is certain now, maybe none. After a stop: nothing more.
  [[nodiscard]] std::string push(std::string_view piece);
  // The end without a stop string: the text that was held.
  [[nodiscard]] std::string finish();

  // A stop string was completed.
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  [[nodiscard]] std::string release();

  std::vector<std::string> stops_;
  Utf8Repair repair_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace tdn::engine
