// The fields of an HTTP head as they stand on the wire, `name: value CRLF` after each other,
// checked as they are added. For whoever writes many heads: `clear` keeps the memory.
//
//   lines.add("x-request-id", id).add("x-ratelimit-limit-requests", 600);
//
// A value, or a name that came from outside, that would end its line (CR, LF, NUL) makes the lines
// `broken`; they must then not be sent.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/byte_buffer.h"
#include "codec/http1.h"

namespace tdn::codec {

// A field name that is written in the program: checked when it is compiled.
class FieldName {
 public:
  consteval FieldName(const char* literal) : name_(literal) {  // NOLINT: a literal is a name
    for (const char c : name_) {
      if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
        throw "a field name is lower-case letters, digits and hyphens";
      }
    }
  }
  [[nodiscard]] constexpr std::string_view text() const { return name_; }

 private:
  std::string_view name_;
};

class FieldLines {
 public:
  FieldLines& add(FieldName name, std::string_view value) {
    put(name.text(), value, {});
    return *this;
  }
  // A value in two pieces.
  FieldLines& add(FieldName name, std::string_view value, std::string_view more);
  FieldLines& add(FieldName name, std::uint64_t value);
  // A field of somebody else's head, passed on.
  FieldLines& add(const Field& field);

  void clear() {
    bytes_.clear();
    broken_ = false;
  }
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] std::string_view text() const { return text_of(bytes_.view()); }

 private:
  void put(std::string_view name, std::string_view value, std::string_view more);

  ByteBuffer bytes_;
  bool broken_ = false;
};

}  // namespace tdn::codec
