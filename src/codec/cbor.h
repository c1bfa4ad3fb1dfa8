// Deterministic CBOR (RFC 8949 §4.2.1): the form of records, journal payloads and route tokens. One
// value has one encoding: shortest heads, definite lengths, map keys ascending, each once. What the
// product never writes is refused on reading: floats, null, undefined, tags, indefinite lengths,
// nesting beyond 16 levels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/byte_buffer.h"
#include "base/bytes.h"
#include "base/result.h"

namespace tdn::codec {

inline constexpr int kCborMaxDepth = 16;

enum class CborKind : std::uint8_t { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kBool };

// Appends values to a buffer. The caller writes as many values as it announced, and map keys in
// ascending order; integer keys ascend as their encodings do.
class CborWriter {
 public:
  explicit CborWriter(ByteBuffer& out) : out_(out) {}

  void uint(std::uint64_t value) { head(0, value); }
  void integer(std::int64_t value);
  void bytes(ByteView value) {
    head(2, value.size());
    out_.append(value);
  }
  void text(std::string_view value) {
    head(3, value.size());
    out_.append(bytes_of(value));
  }
  void array(std::size_t count) { head(4, count); }
  void map(std::size_t count) { head(5, count); }
  // What another writer encoded: whole values, or the pieces of one.
  void raw(ByteView encoded) { out_.append(encoded); }
  void boolean(bool value) { *out_.grow(1) = value ? 0xf5 : 0xf4; }

 private:
  void head(unsigned major, std::uint64_t value) {
    if (value < 24) [[likely]] {
      *out_.grow(1) = static_cast<std::uint8_t>(major << 5U | value);
      return;
    }
    long_head(major, value);
  }
  void long_head(unsigned major, std::uint64_t value);  // from 24 up

  ByteBuffer& out_;
};

// Reads one well-formed value from front to back. A getter that does not fit what stands there, or
// reads past the end, makes the reader fail for good: it then gives zeros and empty views, and
// `ok()` is false. So a decoder reads everything and asks once. Views point into the input.
class CborReader {
 public:
  // Nothing is checked here: for bytes that `cbor_check` passed, or that we wrote ourselves. Even
  // so no input makes it read out of bounds.
  explicit CborReader(ByteView input) : rest_(input) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  // ok() must hold and at_end() must not.
  [[nodiscard]] CborKind kind() const;

  std::uint64_t uint() { return head(0); }
  std::int64_t integer();
  ByteView bytes() { return take(head(2)); }
  std::string_view text() { return text_of(take(head(3))); }
  bool boolean();
  // The number of elements, or of key-value pairs, that follow.
  std::size_t array() { return count(head(4)); }
  std::size_t map() { return count(head(5)); }

  // What has not been read yet.
  [[nodiscard]] ByteView rest() const { return rest_; }

  // Passes over one whole value and returns its bytes.
  ByteView skip();

  // Declares the input unfit, for a caller that found a rule of its own broken.
  void fail() {
    ok_ = false;
    rest_ = {};
  }

 private:
  std::uint64_t head(unsigned major);
  std::size_t count(std::uint64_t announced);
  ByteView take(std::uint64_t length);
  void skip_nested(int depth);

  ByteView rest_;
  bool ok_ = true;
};

// Whether `input` is exactly one deterministic value of the kinds above, with valid UTF-8 in texts;
// otherwise kCorrupt, naming the offset.
[[nodiscard]] Result<void> cbor_check(ByteView input);

}  // namespace tdn::codec
