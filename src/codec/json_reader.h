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
  [[nodiscard]] Type peek() {
    skip_blanks();
    return next_ == end_ ? Type::kNone : type_of(*next_);
  }

  // False, and an error, if the next value is no object (array). After true, take all members
  // (elements): each must be read or skipped before the next is asked for.
  bool enter_object() { return enter('{', "an object was expected"); }
  bool enter_array() { return enter('[', "an array was expected"); }
  // The next member's name as it stands between the quotes, or nullopt after the last.
  [[nodiscard]] std::optional<std::string_view> next_key() {
    const std::string_view key = read_key();
    return key.data() != nullptr ? std::optional(key) : std::nullopt;
  }
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
    // Such a name's characters can be escaped only as \uXXXX, five bytes longer each.
    return raw == plain || (raw.size() >= plain.size() + 5 && matches_escaped(raw, plain));
  }
  // The same of a name that this reader gave; cheap while no name of the text holds escapes.
  [[nodiscard]] bool named(std::string_view key, std::string_view plain) const {
    return key == plain || (escaped_names_ && matches(key, plain));
  }

 private:
  [[nodiscard]] static bool matches_escaped(std::string_view raw, std::string_view plain);
  [[nodiscard]] static Type type_of(char first) {
    switch (first) {
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
        return first == '-' || (first >= '0' && first <= '9') ? Type::kNumber : Type::kNone;
    }
  }

  bool fail_at(const char* where, const char* what);
  void skip_blanks() {
    if (next_ != end_ && static_cast<unsigned char>(*next_) <= ' ') {
      pass_blanks();
    }
  }
  void pass_blanks();
  // Whether the next byte, after blanks, is this one.
  [[nodiscard]] bool at(char byte) {
    skip_blanks();
    return next_ != end_ && *next_ == byte;
  }
  bool pass(char expected, const char* what) {
    if (!at(expected)) {
      return fail_at(next_, what);
    }
    ++next_;
    return true;
  }
  bool enter(char bracket, const char* what) {
    if (!at(bracket)) {
      return fail_at(next_, what);
    }
    fresh_ = true;
    return deepen();
  }
  bool deepen() {
    if (depth_ == kMaxDepth) {
      return fail_at(next_, "nested deeper than 128 levels");
    }
    ++next_;
    ++depth_;
    return true;
  }
  void leave() {
    ++next_;
    --depth_;
    fresh_ = false;
  }
  // These give a view of null after an error.
  [[nodiscard]] std::string_view read_key();
  [[nodiscard]] std::string_view pass_key();
  [[nodiscard]] std::string_view pass_unusual_key();
  [[nodiscard]] std::string_view pass_string();
  [[nodiscard]] std::string_view pass_long_string(const char* unread);
  bool pass_scalar();
  bool pass_literal(std::string_view literal);
  bool pass_number();
  bool pass_fraction(const char* first);
  bool pass_container();

  const char* begin_;
  const char* next_;
  const char* end_;
  const char* fault_ = nullptr;  // what is wrong
  std::size_t fault_offset_ = 0;
  unsigned depth_ = 0;
  unsigned non_ascii_ = 0;      // not 0: UTF-8 is worth checking
  bool escaped_names_ = false;  // of the names so far one or more hold escapes
  bool fresh_ = false;          // just entered: no comma before the next member
};

// Resolves the escapes of a string as it stood between its quotes. Lone surrogates become U+FFFD.
[[nodiscard]] std::string json_unescape(std::string_view raw);

}  // namespace tdn::codec
