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

// How many bytes are looked at in one step.
constexpr std::ptrdiff_t kStep = 16;

#if defined(__SSE2__)

__m128i load(const char* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }

unsigned mask_of(__m128i bytes) { return static_cast<unsigned>(_mm_movemask_epi8(bytes)); }

// Moves the quote (0x22) down to the controls and the blank up: then one comparison finds both.
__m128i join_quote(__m128i bytes) { return _mm_xor_si128(bytes, _mm_set1_epi8(2)); }

__m128i quote_or_control(__m128i joined) {
  return _mm_cmpeq_epi8(_mm_min_epu8(joined, _mm_set1_epi8(0x20)), joined);
}

__m128i backslash(__m128i bytes) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')); }

// How many of the sixteen bytes stand before the first quote, backslash or control. `non_ascii`
// becomes other than 0 if one of the sixteen is above 0x7F.
inline unsigned plain_run(const char* at, unsigned& non_ascii) {
  const __m128i bytes = load(at);
  non_ascii |= mask_of(bytes);
  const __m128i ends = _mm_or_si128(quote_or_control(join_quote(bytes)), backslash(bytes));
  return static_cast<unsigned>(std::countr_zero(mask_of(ends) | 1U << kStep));
}

// Passes over all blocks of 64 bytes without quote, backslash and control.
const char* pass_plain_blocks(const char* at, const char* end, unsigned& non_ascii) {
  __m128i seen = _mm_setzero_si128();
  for (; end - at >= 64; at += 64) {
    const __m128i a = load(at);
    const __m128i b = load(at + 16);
    const __m128i c = load(at + 32);
    const __m128i d = load(at + 48);
    const __m128i least = _mm_min_epu8(_mm_min_epu8(join_quote(a), join_quote(b)),
                                       _mm_min_epu8(join_quote(c), join_quote(d)));
    const __m128i escapes = _mm_or_si128(_mm_or_si128(backslash(a), backslash(b)),
                                         _mm_or_si128(backslash(c), backslash(d)));
    if (mask_of(_mm_or_si128(quote_or_control(least), escapes)) != 0) {
      break;
    }
    seen = _mm_or_si128(seen, _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d)));
  }
  non_ascii |= mask_of(seen);
  return at;
}

// How many of the sixteen bytes are digits before the first that is none.
inline unsigned digit_run(const char* at) {
  const __m128i values = _mm_sub_epi8(load(at), _mm_set1_epi8('0'));
  const __m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
  return static_cast<unsigned>(std::countr_one(mask_of(digits)));
}

#else

unsigned plain_run(const char* at, unsigned& non_ascii) {
  unsigned size = 0;
  for (; size < kStep && !is_string_end(at[size]); ++size) {
    non_ascii |= static_cast<unsigned char>(at[size]) & 0x80U;
  }
  return size;
}

const char* pass_plain_blocks(const char* at, const char*, unsigned&) { return at; }

unsigned digit_run(const char* at) {
  unsigned size = 0;
  while (size < kStep && is_digit(at[size])) {
    ++size;
  }
  return size;
}

#endif

// The first quote, backslash or control from `at` on. Prompts and answers are mostly long strings:
// this is where reading a body spends its time.
const char* find_string_end(const char* at, const char* end, unsigned& non_ascii) {
  for (int step = 0; end - at >= kStep; ++step) {
    const unsigned size = plain_run(at, non_ascii);
    at += size;
    if (size < kStep) {
      return at;
    }
    if (step == 0) {
      at = pass_plain_blocks(at, end, non_ascii);
    }
  }
  for (; at != end && !is_string_end(*at); ++at) {
    non_ascii |= static_cast<unsigned char>(*at) & 0x80U;
  }
  return at;
}

const char* pass_digits(const char* at, const char* end) {
  for (; end - at >= kStep; at += kStep) {
    if (const unsigned size = digit_run(at); size < kStep) {
      return at + size;
    }
  }
  while (at != end && is_digit(*at)) {
    ++at;
  }
  return at;
}

// Of the escape at `at`, 0 if it is none.
std::ptrdiff_t escape_size(const char* at, const char* end) {
  const auto left = end - at;
  if (left >= 2 && at[1] != '\0' && std::strchr("\"\\/bfnrt", at[1]) != nullptr) {
    return 2;
  }
  return left >= 6 && at[1] == 'u' && hex_digit(at[2]) >= 0 && hex_digit(at[3]) >= 0 &&
                 hex_digit(at[4]) >= 0 && hex_digit(at[5]) >= 0
             ? 6
             : 0;
}

// The value of a number's text if it is a natural one below 2⁶⁴.
std::optional<std::uint64_t> whole_number(std::string_view text) {
  constexpr std::size_t kSafeDigits = 19;  // of which no number is too large
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) {
      return std::nullopt;
    }
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (text.size() <= kSafeDigits) {
    return text.empty() ? std::nullopt : std::optional(value);
  }
  const auto [last, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  return fault == std::errc{} ? std::optional(value) : std::nullopt;
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

void JsonReader::pass_blanks() {
  while (next_ != end_ && (*next_ == ' ' || *next_ == '\n' || *next_ == '\r' || *next_ == '\t')) {
    ++next_;
  }
}

// The next byte is the quote. Most strings are short and plain; those are passed inline.
[[gnu::always_inline]] inline std::string_view JsonReader::pass_string() {
  const char* const first = next_ + 1;
  if (end_ - first <= kStep) {
    return pass_long_string(first);
  }
  const unsigned size = plain_run(first, non_ascii_);
  if (first[size] != '"') {
    return pass_long_string(first + size);
  }
  next_ = first + size + 1;
  return {first, size};
}

// The same from where nothing special was met so far.
std::string_view JsonReader::pass_long_string(const char* unread) {
  const char* const first = next_ + 1;
  const char* last = unread;
  while (true) {
    last = find_string_end(last, end_, non_ascii_);
    if (last == end_) {
      fail_at(next_, "a string has no end");
      return {};
    }
    if (*last == '"') {
      next_ = last + 1;
      return {first, static_cast<std::size_t>(last - first)};
    }
    if (*last != '\\') {
      fail_at(last, "a control character stands in a string");
      return {};
    }
    const std::ptrdiff_t size = escape_size(last, end_);
    if (size == 0) {
      fail_at(last, "a string holds an unknown escape");
      return {};
    }
    last += size;
  }
}

inline bool JsonReader::pass_number() {
  const char* const first = next_;
  const char* at = first + (*first == '-' ? 1 : 0);
  const char* const whole = at;
  at = pass_digits(at, end_);
  if (at == whole) {
    return fail_at(first, "a value was expected");
  }
  if (*whole == '0') {
    at = whole + 1;  // what follows a leading zero is no part of it
  }
  next_ = at;
  return at == end_ || (*at != '.' && (*at | 0x20) != 'e') || pass_fraction(first);
}

// The rest of a number that begins at `first`: its fraction, its exponent.
bool JsonReader::pass_fraction(const char* first) {
  const char* at = next_;
  if (*at == '.') {
    const char* const digits = at + 1;
    at = pass_digits(digits, end_);
    if (at == digits) {
      return fail_at(first, "a number has no digits after its point");
    }
  }
  if (at != end_ && (*at | 0x20) == 'e') {
    ++at;
    at += at != end_ && (*at == '+' || *at == '-') ? 1 : 0;
    const char* const digits = at;
    at = pass_digits(digits, end_);
    if (at == digits) {
      return fail_at(first, "a number has no digits in its exponent");
    }
  }
  next_ = at;
  return true;
}

inline bool JsonReader::pass_literal(std::string_view literal) {
  if (!std::string_view(next_, static_cast<std::size_t>(end_ - next_)).starts_with(literal)) {
    return fail_at(next_, "a value was expected");
  }
  next_ += literal.size();
  return true;
}

[[gnu::always_inline]] inline bool JsonReader::pass_scalar() {
  switch (*next_) {
    case '"':
      return pass_string().data() != nullptr;
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

// Most names are short and plain, with no blanks around them; those are passed inline.
[[gnu::always_inline]] inline std::string_view JsonReader::pass_key() {
  if (end_ - next_ > kStep + 2 && *next_ == '"') {
    const char* const first = next_ + 1;
    const unsigned size = plain_run(first, non_ascii_);
    if (first[size] == '"' && first[size + 1] == ':') {
      next_ = first + size + 2;
      return {first, size};
    }
  }
  return pass_unusual_key();
}

std::string_view JsonReader::pass_unusual_key() {
  if (!at('"')) {
    fail_at(next_, "a member's name was expected");
    return {};
  }
  const std::string_view key = pass_long_string(next_ + 1);
  escaped_names_ = escaped_names_ || key.find('\\') != std::string_view::npos;
  return pass(':', "a colon was expected") ? key : std::string_view();
}

std::string_view JsonReader::read_key() {
  skip_blanks();
  const char next = next_ == end_ ? '\0' : *next_;
  if (next == '}') {
    leave();
    return {};
  }
  if (fresh_) {
    fresh_ = false;
  } else if (next == ',') {
    ++next_;
  } else {
    fail_at(next_, "a comma or } was expected");
    return {};
  }
  return pass_key();
}

bool JsonReader::next_element() {
  if (at(']')) {
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

// Passes over an object or array with an explicit stack of levels.
bool JsonReader::pass_container() {
  char closers[kMaxDepth];  // what ends each level that is open
  const unsigned base = depth_;
  while (true) {
    // Here a value begins.
    if (next_ == end_) {
      return fail_at(end_, "it ends inside a value");
    }
    const char first = *next_;
    if (first == '{' || first == '[') {
      if (!deepen()) {
        return false;
      }
      closers[depth_ - 1] = first == '{' ? '}' : ']';
      if (!at(closers[depth_ - 1])) {
        if (first == '{' && pass_key().data() == nullptr) {
          return false;
        }
        skip_blanks();
        continue;
      }
    } else if (!pass_scalar()) {
      return false;
    }
    // Here it has ended, and so may the levels around it.
    while (at(closers[depth_ - 1])) {
      ++next_;
      if (--depth_ == base) {
        return true;
      }
    }
    const bool object = closers[depth_ - 1] == '}';
    if (!pass(',', object ? "a comma or } was expected" : "a comma or ] was expected") ||
        (object && pass_key().data() == nullptr)) {
      return false;
    }
    skip_blanks();
  }
}

std::string_view JsonReader::skip() {
  skip_blanks();
  const char* const first = next_;
  if (next_ == end_) {
    fail_at(end_, "it ends inside a value");
    return {};
  }
  const bool container = *next_ == '{' || *next_ == '[';
  if (!(container ? pass_container() : pass_scalar())) {
    return {};
  }
  return {first, static_cast<std::size_t>(next_ - first)};
}

std::string_view JsonReader::string() {
  if (!at('"')) {
    fail_at(next_, "a string was expected");
    return {};
  }
  return pass_string();
}

std::optional<std::uint64_t> JsonReader::count() { return whole_number(skip()); }

std::optional<bool> JsonReader::boolean() {
  const std::string_view text = skip();
  return text == "true" || text == "false" ? std::optional(text == "true") : std::nullopt;
}

Result<void> JsonReader::finish() {
  skip_blanks();
  if (next_ != end_) {
    fail_at(next_, "text follows the value");
  }
  if (fault_ != nullptr) {
    return fail(Code::kInvalid, std::string(fault_) + " at byte " + std::to_string(fault_offset_));
  }
  if (non_ascii_ != 0 &&
      !simdjson::validate_utf8(begin_, static_cast<std::size_t>(end_ - begin_))) {
    return fail(Code::kInvalid, "it is not UTF-8");
  }
  return {};
}

bool JsonReader::matches_escaped(std::string_view raw, std::string_view plain) {
  return (raw.size() - plain.size()) % 5 == 0 && raw.find('\\') != std::string_view::npos &&
         json_unescape(raw) == plain;
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
