#include "codec/json_reader.h"

#include <simdjson.h>

#include <bit>
#include <charconv>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tdn::codec {
namespace {

constexpr std::uint64_t kReplacement = 0xFFFD;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (is_digit(c)) {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_string_end(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

#if defined(__SSE2__)

// Bits of the bytes that are a quote, a backslash or a control.
unsigned string_ends(__m128i bytes) {
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
  const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  return static_cast<unsigned>(
      _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)));
}

__m128i load16(const char* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }

#endif

// The first quote, backslash or control from `next` on; `non_ascii` becomes true if a byte above
// 0x7F was met (or lies shortly behind). Prompts and answers are mostly long strings: this is where
// reading a body spends its time.
const char* find_string_end(const char* next, const char* end, bool& non_ascii) {
#if defined(__SSE2__)
  __m128i seen = _mm_setzero_si128();
  // Names and most values end within the first sixteen bytes.
  for (bool first = true; end - next >= 16; first = false) {
    if (!first && end - next >= 64) {
      const __m128i a = load16(next);
      const __m128i b = load16(next + 16);
      const __m128i c = load16(next + 32);
      const __m128i d = load16(next + 48);
      // Backslash, quote and controls in all four at once; which of them it was, if any, below.
      const __m128i least = _mm_min_epu8(_mm_min_epu8(a, b), _mm_min_epu8(c, d));
      const auto is = [&](char wanted) {
        const __m128i all = _mm_set1_epi8(wanted);
        return _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(a, all), _mm_cmpeq_epi8(b, all)),
                            _mm_or_si128(_mm_cmpeq_epi8(c, all), _mm_cmpeq_epi8(d, all)));
      };
      const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(least, _mm_set1_epi8(0x1F)), least);
      if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(is('"'), is('\\')), control)) == 0) {
        seen = _mm_or_si128(seen, _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d)));
        next += 64;
        continue;
      }
    }
    const __m128i bytes = load16(next);
    seen = _mm_or_si128(seen, bytes);
    if (const unsigned mask = string_ends(bytes); mask != 0) {
      non_ascii |= _mm_movemask_epi8(seen) != 0;
      return next + std::countr_zero(mask);
    }
    next += 16;
  }
  non_ascii |= _mm_movemask_epi8(seen) != 0;
#endif
  while (next != end && !is_string_end(*next)) {
    non_ascii |= static_cast<unsigned char>(*next) >= 0x80;
    ++next;
  }
  return next;
}

void append_utf8(std::string& text, std::uint64_t point) {
  const auto byte = [](std::uint64_t value) { return static_cast<char>(value); };
  if (point < 0x80) {
    text += byte(point);
  } else if (point < 0x800) {
    text += byte(0xC0U | point >> 6U);
    text += byte(0x80U | (point & 0x3FU));
  } else if (point < 0x10000) {
    text += byte(0xE0U | point >> 12U);
    text += byte(0x80U | (point >> 6U & 0x3FU));
    text += byte(0x80U | (point & 0x3FU));
  } else {
    text += byte(0xF0U | point >> 18U);
    text += byte(0x80U | (point >> 12U & 0x3FU));
    text += byte(0x80U | (point >> 6U & 0x3FU));
    text += byte(0x80U | (point & 0x3FU));
  }
}

// The code unit of `\uXXXX` at `at`, or nullopt if there is none.
std::optional<std::uint64_t> code_unit(std::string_view raw, std::size_t at) {
  if (raw.size() < at + 6 || raw[at] != '\\' || raw[at + 1] != 'u') {
    return std::nullopt;
  }
  std::uint64_t unit = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    unit = unit * 16 + static_cast<std::uint64_t>(hex_digit(raw[i]) & 0xF);
  }
  return unit;
}

// Appends what the escape at `at` stands for and returns the place after it.
std::size_t append_escape(std::string& text, std::string_view raw, std::size_t at) {
  constexpr std::string_view kNames = "bfnrt";
  constexpr std::string_view kMeanings = "\b\f\n\r\t";
  if (at + 1 >= raw.size()) {
    return raw.size();
  }
  const auto unit = code_unit(raw, at);
  if (!unit) {
    const std::size_t name = kNames.find(raw[at + 1]);
    text += name == std::string_view::npos ? raw[at + 1] : kMeanings[name];
    return at + 2;
  }
  if (*unit >= 0xD800 && *unit < 0xDC00) {
    const auto low = code_unit(raw, at + 6);
    if (low && *low >= 0xDC00 && *low < 0xE000) {
      append_utf8(text, 0x10000 + ((*unit - 0xD800) << 10U) + (*low - 0xDC00));
      return at + 12;
    }
  }
  append_utf8(text, *unit >= 0xD800 && *unit < 0xE000 ? kReplacement : *unit);
  return at + 6;
}

}  // namespace

bool JsonReader::fail_at(const char* where, const char* what) {
  if (fault_ == nullptr) {
    fault_ = what;
    fault_offset_ = static_cast<std::size_t>(where - begin_);
  }
  next_ = end_;
  return false;
}

bool JsonReader::pass(char expected, const char* what) {
  skip_blanks();
  if (next_ == end_ || *next_ != expected) {
    return fail_at(next_, what);
  }
  ++next_;
  return true;
}

bool JsonReader::enter(bool object) {
  if (depth_ == kMaxDepth) {
    return fail_at(next_, "nested deeper than 128 levels");
  }
  ++next_;
  ++depth_;
  const std::uint64_t bit = std::uint64_t{1} << (depth_ % 64);
  std::uint64_t& word = objects_[depth_ / 64];
  word = object ? word | bit : word & ~bit;
  fresh_ = true;
  return true;
}

void JsonReader::leave() {
  ++next_;
  --depth_;
  fresh_ = false;
}

JsonReader::Type JsonReader::peek() {
  skip_blanks();
  if (next_ == end_) {
    return Type::kNone;
  }
  switch (*next_) {
    case '{':
      return Type::kObject;
    case '[':
      return Type::kArray;
    case '"':
      return Type::kString;
    case 't':
    case 'f':
      return Type::kBool;
    case 'n':
      return Type::kNull;
    default:
      return *next_ == '-' || is_digit(*next_) ? Type::kNumber : Type::kNone;
  }
}

bool JsonReader::enter_object() {
  return peek() == Type::kObject ? enter(true) : fail_at(next_, "an object was expected");
}

bool JsonReader::enter_array() {
  return peek() == Type::kArray ? enter(false) : fail_at(next_, "an array was expected");
}

std::optional<std::string_view> JsonReader::next_key() {
  skip_blanks();
  if (next_ != end_ && *next_ == '}') {
    leave();
    return std::nullopt;
  }
  std::string_view key;
  if ((!fresh_ && !pass(',', "a comma or } was expected")) || !pass_key(&key)) {
    return std::nullopt;
  }
  return key;
}

bool JsonReader::next_element() {
  skip_blanks();
  if (next_ != end_ && *next_ == ']') {
    leave();
    return false;
  }
  if (!fresh_ && !pass(',', "a comma or ] was expected")) {
    return false;
  }
  fresh_ = false;
  // The value itself is judged when it is read; here only that `[1,]` has none.
  return peek() != Type::kNone || fail_at(next_, "a value was expected");
}

// Passes over the next value with an explicit stack of levels.
std::string_view JsonReader::skip() {
  skip_blanks();
  const char* const first = next_;
  // Most values are no containers.
  if (next_ != end_ && *next_ != '{' && *next_ != '[') {
    fresh_ = false;
    const bool ok = *next_ == '"' ? pass_string(nullptr) : pass_scalar();
    return ok ? std::string_view(first, static_cast<std::size_t>(next_ - first))
              : std::string_view();
  }
  const unsigned base = depth_;
  while (next_ != end_) {
    const char c = *next_;
    bool ok = false;
    if (c == '{' || c == '[') {
      ok = enter(c == '{');
      skip_blanks();
      const bool empty = ok && next_ != end_ && *next_ == (c == '{' ? '}' : ']');
      if (ok && !empty) {
        if (c == '{' && !pass_key(nullptr)) {
          return {};
        }
        skip_blanks();
        continue;
      }
      if (empty) {
        leave();
      }
    } else {
      ok = c == '"' ? pass_string(nullptr) : pass_scalar();
    }
    fresh_ = false;
    while (ok && depth_ > base) {
      skip_blanks();
      if (next_ != end_ && *next_ == (in_object() ? '}' : ']')) {
        leave();
        continue;
      }
      break;
    }
    if (!ok) {
      return {};
    }
    if (depth_ == base) {
      return {first, static_cast<std::size_t>(next_ - first)};
    }
    if (!after_value()) {
      return {};
    }
  }
  fail_at(end_, "it ends inside a value");
  return {};
}

// Between two members or elements of the innermost level.
bool JsonReader::after_value() {
  if (!pass(',', in_object() ? "a comma or } was expected" : "a comma or ] was expected")) {
    return false;
  }
  if (in_object() && !pass_key(nullptr)) {
    return false;
  }
  skip_blanks();
  return true;
}

std::string_view JsonReader::string() {
  std::string_view raw;
  if (peek() != Type::kString) {
    fail_at(next_, "a string was expected");
    return {};
  }
  fresh_ = false;
  return pass_string(&raw) ? raw : std::string_view{};
}

std::optional<std::uint64_t> JsonReader::count() {
  const std::string_view text = skip();
  std::uint64_t value = 0;
  const auto [last, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || fault != std::errc{} || last != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<bool> JsonReader::boolean() {
  const std::string_view text = skip();
  return text == "true" || text == "false" ? std::optional(text == "true") : std::nullopt;
}

Result<void> JsonReader::finish() {
  skip_blanks();
  if (fault_ == nullptr && next_ != end_) {
    fail_at(next_, "text follows the value");
  }
  const auto size = static_cast<std::size_t>(end_ - begin_);
  if (fault_ == nullptr && non_ascii_ && !simdjson::validate_utf8(begin_, size)) {
    return fail(Code::kInvalid, "it is not UTF-8");
  }
  if (fault_ != nullptr) {
    return fail(Code::kInvalid, std::string(fault_) + " at byte " + std::to_string(fault_offset_));
  }
  return {};
}

bool JsonReader::matches_escaped(std::string_view raw, std::string_view plain) {
  return raw.find('\\') != std::string_view::npos && json_unescape(raw) == plain;
}

bool JsonReader::pass_key(std::string_view* key) {
  skip_blanks();
  if (next_ == end_ || *next_ != '"') {
    return fail_at(next_, "a member's name was expected");
  }
  fresh_ = false;
  return pass_string(key) && pass(':', "a colon was expected");
}

bool JsonReader::pass_string(std::string_view* raw) {
  const char* const first = ++next_;
  while (true) {
    next_ = find_string_end(next_, end_, non_ascii_);
    if (next_ == end_) {
      return fail_at(first - 1, "a string has no end");
    }
    if (*next_ == '"') {
      break;
    }
    if (*next_ != '\\') {
      return fail_at(next_, "a control character stands in a string");
    }
    if (!pass_escape()) {
      return false;
    }
  }
  if (raw != nullptr) {
    *raw = {first, static_cast<std::size_t>(next_ - first)};
  }
  ++next_;
  return true;
}

bool JsonReader::pass_escape() {
  const auto left = end_ - next_;
  if (left >= 2 && next_[1] != '\0' && std::strchr("\"\\/bfnrt", next_[1]) != nullptr) {
    next_ += 2;
    return true;
  }
  if (left >= 6 && next_[1] == 'u' && hex_digit(next_[2]) >= 0 && hex_digit(next_[3]) >= 0 &&
      hex_digit(next_[4]) >= 0 && hex_digit(next_[5]) >= 0) {
    next_ += 6;
    return true;
  }
  return fail_at(next_, "a string holds an unknown escape");
}

bool JsonReader::pass_number() {
  const char* const first = next_;
  const auto digits = [this] {
    const char* const start = next_;
    while (next_ != end_ && is_digit(*next_)) {
      ++next_;
    }
    return next_ != start;
  };
  next_ += *next_ == '-' ? 1 : 0;
  const bool leading_zero = next_ != end_ && *next_ == '0';
  if (leading_zero) {
    ++next_;
  } else if (!digits()) {
    return fail_at(first, "a value was expected");
  }
  if (next_ != end_ && *next_ == '.') {
    ++next_;
    if (!digits()) {
      return fail_at(first, "a number has no digits after its point");
    }
  }
  if (next_ != end_ && (*next_ == 'e' || *next_ == 'E')) {
    ++next_;
    next_ += next_ != end_ && (*next_ == '+' || *next_ == '-') ? 1 : 0;
    if (!digits()) {
      return fail_at(first, "a number has no digits in its exponent");
    }
  }
  return true;
}

bool JsonReader::pass_literal(std::string_view literal) {
  if (!std::string_view(next_, static_cast<std::size_t>(end_ - next_)).starts_with(literal)) {
    return fail_at(next_, "a value was expected");
  }
  next_ += literal.size();
  return true;
}

bool JsonReader::pass_scalar() {
  switch (*next_) {
    case 't':
      return pass_literal("true");
    case 'f':
      return pass_literal("false");
    case 'n':
      return pass_literal("null");
    default:
      return pass_number();
  }
}

std::string json_unescape(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  std::size_t at = 0;
  while (at < raw.size()) {
    const std::size_t escape = std::min(raw.find('\\', at), raw.size());
    text.append(raw.substr(at, escape - at));
    at = escape == raw.size() ? escape : append_escape(text, raw, escape);
  }
  return text;
}

}  // namespace tdn::codec
