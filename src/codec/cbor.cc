#include "codec/cbor.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/assert.h"

namespace tdn::codec {
namespace {

// The first byte of a value: major type in the top three bits, then the value itself (< 24) or how
// many bytes of it follow (24–27: one, two, four, eight).
constexpr unsigned kOneByte = 24;
constexpr std::uint8_t kFalse = 0xf4;
constexpr std::uint8_t kTrue = 0xf5;

struct ItemHead {
  unsigned major = 0;
  std::uint64_t value = 0;
  std::size_t length = 0;  // 0: no well-formed head here
};

ItemHead read_head(ByteView input) {
  if (input.empty()) {
    return {};
  }
  const unsigned major = input[0] >> 5U;
  const unsigned low = input[0] & 31U;
  if (low < kOneByte) {
    return {major, low, 1};
  }
  if (low > kOneByte + 3) {
    return {};
  }
  const std::size_t more = std::size_t{1} << (low - kOneByte);
  if (input.size() < 1 + more) {
    return {};
  }
  std::uint64_t value = 0;
  for (std::size_t i = 1; i <= more; ++i) {
    value = (value << 8U) | input[i];
  }
  return {major, value, 1 + more};
}

std::size_t shortest_head(std::uint64_t value) {
  if (value < kOneByte) {
    return 1;
  }
  if (value <= 0xff) {
    return 2;
  }
  if (value <= 0xffff) {
    return 3;
  }
  return value <= 0xffff'ffff ? 5 : 9;
}

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool valid_utf8(ByteView text) {
  for (std::size_t i = 0; i < text.size();) {
    const unsigned first = text[i];
    if (first < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = first >= 0xf0 ? 4 : (first >= 0xe0 ? 3 : 2);
    if (first < 0xc2 || first > 0xf4 || text.size() - i < length) {
      return false;
    }
    const unsigned second = text[i + 1];
    const unsigned lowest = first == 0xe0 ? 0xa0 : (first == 0xf0 ? 0x90 : 0x80);
    const unsigned highest = first == 0xed ? 0x9f : (first == 0xf4 ? 0x8f : 0xbf);
    if (second < lowest || second > highest) {
      return false;
    }
    for (std::size_t k = 2; k < length; ++k) {
      if ((text[i + k] & 0xc0U) != 0x80) {
        return false;
      }
    }
    i += length;
  }
  return true;
}

// Every record that control takes passes here: so the fault is noted, and made an error of once.
class Checker {
 public:
  explicit Checker(ByteView input) : input_(input) {}

  Result<void> run() {
    if (value(0) && at_ != input_.size()) {
      bad("bytes after the value");
    }
    if (fault_ != nullptr) {
      return fail(Code::kCorrupt, fmt::format("CBOR: {} at offset {}", fault_, at_));
    }
    return {};
  }

 private:
  bool bad(const char* fault) {
    fault_ = fault;
    return false;
  }

  bool value(int depth) {
    if (at_ < input_.size() && (input_[at_] == kFalse || input_[at_] == kTrue)) {
      ++at_;
      return true;
    }
    const ItemHead head = read_head(input_.subspan(at_));
    if (head.length == 0) {
      return bad("cut short, or of indefinite length");
    }
    if (head.major > 5) {
      return bad("a tag, float, null or other simple value");
    }
    if (head.length != shortest_head(head.value)) {
      return bad("a head longer than needed");
    }
    at_ += head.length;
    switch (static_cast<CborKind>(head.major)) {
      case CborKind::kBytes:
      case CborKind::kText:
        return string(head);
      case CborKind::kArray:
        return array(head.value, depth + 1);
      case CborKind::kMap:
        return map(head.value, depth + 1);
      default:
        return true;
    }
  }

  bool string(const ItemHead& head) {
    if (head.value > input_.size() - at_) {
      return bad("a string longer than the input");
    }
    const auto length = static_cast<std::size_t>(head.value);
    if (static_cast<CborKind>(head.major) == CborKind::kText &&
        !valid_utf8(input_.subspan(at_, length))) {
      return bad("text that is not UTF-8");
    }
    at_ += length;
    return true;
  }

  bool array(std::uint64_t count, int depth) {
    if (depth > kCborMaxDepth) {
      return bad("nested too deep");
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      if (!value(depth)) {
        return false;
      }
    }
    return true;
  }

  bool map(std::uint64_t count, int depth) {
    if (depth > kCborMaxDepth) {
      return bad("nested too deep");
    }
    ByteView previous;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::size_t start = at_;
      if (!value(depth)) {
        return false;
      }
      const ByteView key = input_.subspan(start, at_ - start);
      if (i > 0 && !before(previous, key)) {
        return bad("map keys out of order or repeated");
      }
      previous = key;
      if (!value(depth)) {
        return false;
      }
    }
    return true;
  }

  // In the order of their encodings, which for keys of one byte is that of the byte.
  static bool before(ByteView a, ByteView b) {
    return a.size() == 1 && b.size() == 1 ? a[0] < b[0]
                                          : std::ranges::lexicographical_compare(a, b);
  }

  ByteView input_;
  std::size_t at_ = 0;
  const char* fault_ = nullptr;
};

}  // namespace

std::uint8_t* CborCursor::long_head(std::uint8_t* at, std::uint8_t top, std::uint64_t value) {
  const unsigned power =
      unsigned{value > 0xff} + unsigned{value > 0xffff} + unsigned{value > 0xffff'ffff};
  const std::size_t more = std::size_t{1} << power;
  *at = static_cast<std::uint8_t>(top | (kOneByte + power));
  // The low `more` bytes, big-endian; what is stored behind them will be written over.
  const std::uint64_t swapped = __builtin_bswap64(value << (64 - 8 * more));
  std::memcpy(at + 1, &swapped, sizeof swapped);
  return at + 1 + more;
}

CborKind CborReader::kind() const {
  TDN_ASSERT(ok_ && !rest_.empty());
  const unsigned major = rest_[0] >> 5U;
  return major <= 5 ? static_cast<CborKind>(major) : CborKind::kBool;
}

std::uint64_t CborReader::head(unsigned major) {
  const ItemHead head = read_head(rest_);
  if (head.length == 0 || head.major != major) {
    fail();
    return 0;
  }
  rest_ = rest_.subspan(head.length);
  return head.value;
}

std::int64_t CborReader::integer() {
  const bool negative = !rest_.empty() && rest_[0] >> 5U == 1;
  const std::uint64_t value = head(negative ? 1 : 0);
  if (value > static_cast<std::uint64_t>(INT64_MAX)) {
    fail();
    return 0;
  }
  return negative ? static_cast<std::int64_t>(~value) : static_cast<std::int64_t>(value);
}

bool CborReader::boolean() {
  if (rest_.empty() || (rest_[0] != kFalse && rest_[0] != kTrue)) {
    fail();
    return false;
  }
  const bool value = rest_[0] == kTrue;
  rest_ = rest_.subspan(1);
  return value;
}

std::size_t CborReader::count(std::uint64_t announced) {
  // Each element takes a byte at least: a larger count is a lie that must not size an allocation.
  if (announced > rest_.size()) {
    fail();
    return 0;
  }
  return static_cast<std::size_t>(announced);
}

ByteView CborReader::take(std::uint64_t length) {
  if (length > rest_.size()) {
    fail();
    return {};
  }
  const ByteView taken = rest_.first(static_cast<std::size_t>(length));
  rest_ = rest_.subspan(taken.size());
  return taken;
}

ByteView CborReader::skip() {
  const ByteView before = rest_;
  skip_nested(0);
  return ok_ ? before.first(before.size() - rest_.size()) : ByteView();
}

void CborReader::skip_nested(int depth) {
  if (!rest_.empty() && (rest_[0] == kFalse || rest_[0] == kTrue)) {
    rest_ = rest_.subspan(1);
    return;
  }
  const ItemHead head = read_head(rest_);
  if (head.length == 0 || head.major > 5 || depth > kCborMaxDepth) {
    fail();
    return;
  }
  rest_ = rest_.subspan(head.length);
  const auto kind = static_cast<CborKind>(head.major);
  if (kind == CborKind::kBytes || kind == CborKind::kText) {
    take(head.value);
  } else if (kind == CborKind::kArray || kind == CborKind::kMap) {
    const std::size_t values = count(head.value) * (kind == CborKind::kMap ? 2 : 1);
    for (std::size_t i = 0; i < values && ok_; ++i) {
      skip_nested(depth + 1);
    }
  }
}

Result<void> cbor_check(ByteView input) { return Checker(input).run(); }

}  // namespace tdn::codec
