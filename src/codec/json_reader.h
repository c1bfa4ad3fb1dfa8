// Reads JSON (RFC 8259) by pulling, in one pass, in place: no tree, no memory, no padding behind
// the text. Everything that is passed over is checked as strictly as what is read, so a text that
// came through `finish()` without error is valid as a whole. Values come as views of the text, so
// their byte positions are known: that is what splicing a request needs.
//
//   JsonReader json(text);
//   if (json.enter_object()) {
//     while (const auto key = json.next_key()) {
//       if (JsonReader::matches(*key, "model")) { model = json.string(); } else { json.skip(); }
//     }
//   }
//   TDN_TRY_VOID(json.finish());
//
// The first error sticks: from then on everything answers "nothing more", so a loop needs no checks
// inside; `finish()` says what was wrong. Nesting is bounded by kMaxDepth, without recursion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tdn::codec {

class JsonReader {
 public:
  static constexpr unsigned kMaxDepth = 128;

  enum class Type : std::uint8_t { kObject, kArray, kString, kNumber, kBool, kNull, kNone };

  // The text must outlive the reader and what it gives out.
  explicit JsonReader(std::string_view text)
      : begin_(text.data()), next_(text.data()), end_(text.data() + text.size()) {}

  // What the next value is, judged by its first byte; kNone at the end or after an error.
  [[nodiscard]] Type peek();

  // False, and an error, if the next value is no object (array). After true, take all members
  // (elements): each must be read or skipped before the next is asked for.
  bool enter_object();
  bool enter_array();
  // The next member's name as it stands between the quotes, or nullopt after the last.
  [[nodiscard]] std::optional<std::string_view> next_key();
  // Whether another element follows.
  [[nodiscard]] bool next_element();

  // The next value, whole, as it stands in the text; empty after an error.
  std::string_view skip();
  // A string as it stands between the quotes; an error if it is none.
  std::string_view string();
  // An integer ≥ 0; nullopt, with the value passed over, if it is another number or no number.
  [[nodiscard]] std::optional<std::uint64_t> count();
  [[nodiscard]] std::optional<bool> boolean();

  // True if nothing but blanks follows. Otherwise, or after an error, kInvalid: what, and where.
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] bool failed() const { return fault_ != nullptr; }

  // Position in the text of the next unread byte; of a view that was given out.
  [[nodiscard]] std::size_t offset() const { return static_cast<std::size_t>(next_ - begin_); }
  [[nodiscard]] std::size_t offset(std::string_view view) const {
    return static_cast<std::size_t>(view.data() - begin_);
  }

  // Whether a raw name or string, its escapes resolved, is `plain`: letters, digits, underscores.
  [[nodiscard]] static bool matches(std::string_view raw, std::string_view plain) {
    if (raw.size() == plain.size()) {
      return raw == plain;
    }
    // Such a name's characters can be escaped only as \uXXXX, five bytes longer each.
    return raw.size() > plain.size() && (raw.size() - plain.size()) % 5 == 0 &&
           matches_escaped(raw, plain);
  }

 private:
  [[nodiscard]] static bool matches_escaped(std::string_view raw, std::string_view plain);
  bool fail_at(const char* where, const char* what);
  void skip_blanks() {
    while (next_ != end_ && *next_ <= ' ' &&
           (*next_ == ' ' || *next_ == '\n' || *next_ == '\r' || *next_ == '\t')) {
      ++next_;
    }
  }
  bool pass(char expected, const char* what);
  bool enter(bool object);
  void leave();
  [[nodiscard]] bool in_object() const {
    return (objects_[depth_ / 64] >> (depth_ % 64) & 1U) != 0;
  }
  bool pass_key(std::string_view* key);
  bool pass_string(std::string_view* raw);
  bool pass_escape();
  bool pass_number();
  bool pass_literal(std::string_view literal);
  bool pass_scalar();
  bool after_value();

  const char* begin_;
  const char* next_;
  const char* end_;
  const char* fault_ = nullptr;  // what is wrong
  std::size_t fault_offset_ = 0;
  std::uint64_t objects_[kMaxDepth / 64 + 1] = {};  // bit per level: object or array
  unsigned depth_ = 0;
  bool fresh_ = false;      // just entered: no comma before the next member
  bool non_ascii_ = false;  // so UTF-8 is worth checking
};

// Resolves the escapes of a string as it stood between its quotes. Lone surrogates become U+FFFD.
[[nodiscard]] std::string json_unescape(std::string_view raw);

}  // namespace tdn::codec
