// Deterministic CBOR (RFC 8949 §4.2.1): the form of records, journal payloads and route tokens. One
// value has one encoding: shortest heads, definite lengths, map keys ascending, each once. What the
// product never writes is refused on reading: floats, null, undefined, tags, indefinite lengths,
// nesting beyond 16 levels.
#pragma once

#include <array>
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

// Writes values one behind the other into memory that the caller has made large enough: a head
// stores up to kCborHeadRoom bytes, of which the next value may write over some. No more than a
// pointer: kept local and passed by value, it stays in a register. The caller writes as many values
// as it announced, and map keys in ascending order; integer keys ascend as their encodings do.
inline constexpr std::size_t kCborHeadRoom = 9;

class CborCursor {
 public:
  explicit CborCursor(std::uint8_t* at) : at_(at) {}
  [[nodiscard]] std::uint8_t* at() const { return at_; }

  void uint(std::uint64_t value) { head(0, value); }
  void integer(std::int64_t value) {
    // A negative one is written as −1 − value.
    value >= 0 ? head(0, static_cast<std::uint64_t>(value))
               : head(1, ~static_cast<std::uint64_t>(value));
  }
  void bytes(ByteView value) {
    head(2, value.size());
    raw(value);
  }
  template <std::size_t kSize>
  void bytes(const std::array<std::uint8_t, kSize>& value) {
    head(2, kSize);
    std::memcpy(at_, value.data(), kSize);
    at_ += kSize;
  }
  void text(std::string_view value) {
    head(3, value.size());
    raw(bytes_of(value));
  }
  void array(std::size_t count) { head(4, count); }
  void map(std::size_t count) { head(5, count); }
  void boolean(bool value) { *at_++ = value ? 0xf5 : 0xf4; }
  // What another writer encoded: whole values, or the pieces of one.
  void raw(ByteView encoded) {
    if (!encoded.empty()) {
      std::memcpy(at_, encoded.data(), encoded.size());
      at_ += encoded.size();
    }
  }

 private:
  void head(unsigned major, std::uint64_t value) {
    const auto top = static_cast<std::uint8_t>(major << 5U);
    if (value < 24) [[likely]] {
      *at_++ = static_cast<std::uint8_t>(top | value);
    } else {
      at_ = long_head(at_, top, value);
    }
  }
  static std::uint8_t* long_head(std::uint8_t* at, std::uint8_t top, std::uint64_t value);

  std::uint8_t* at_;
};

// The same at the end of a buffer, which it makes longer as needed. It asks for room ahead: the
// buffer is its alone, and longer than what was written, until the writer is destroyed.
class CborWriter {
 public:
  explicit CborWriter(ByteBuffer& out) : out_(out), cursor_(nullptr) { grow(kRoomAhead); }
  ~CborWriter() { give_back(); }
  CborWriter(const CborWriter&) = delete;
  CborWriter& operator=(const CborWriter&) = delete;

  void uint(std::uint64_t value) { room_for(0).uint(value); }
  void integer(std::int64_t value) { room_for(0).integer(value); }
  void bytes(ByteView value) { room_for(value.size()).bytes(value); }
  void text(std::string_view value) { room_for(value.size()).text(value); }
  void array(std::size_t count) { room_for(0).array(count); }
  void map(std::size_t count) { room_for(0).map(count); }
  void boolean(bool value) { room_for(0).boolean(value); }
  void raw(ByteView encoded) { room_for(encoded.size()).raw(encoded); }

 private:
  static constexpr std::size_t kRoomAhead = 1024;

  // With room for a head and `content` bytes behind it.
  CborCursor& room_for(std::size_t content) {
    if (room() < kCborHeadRoom + content) [[unlikely]] {
      give_back();
      grow(kCborHeadRoom + content + kRoomAhead);
    }
    return cursor_;
  }
  [[nodiscard]] std::size_t room() const { return static_cast<std::size_t>(limit_ - cursor_.at()); }
  void grow(std::size_t count) {
    cursor_ = CborCursor(out_.grow(count));
    limit_ = cursor_.at() + count;
  }
  void give_back() { out_.trim(room()); }

  ByteBuffer& out_;
  CborCursor cursor_;
  std::uint8_t* limit_ = nullptr;
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
