// Writes compact JSON (RFC 8259) by appending to a string: commas and colons come by themselves,
// strings are escaped, and what was written so far can be looked at in between.
//
//   std::string text;
//   JsonWriter json(text);
//   json.begin_object().key("error").begin_object();
//   json.key("message").string(message).key("param").null();
//   json.end_object().end_object();
//
// Numbers beyond 2⁵³ belong into strings (FORMATS §1); that is the caller's to know. Nesting must
// be closed as it was opened and is bounded by 32 levels (asserted).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace tdn::codec {

// Appends `text` between quotes. Quotes, backslashes and controls are escaped; bytes that are not
// UTF-8 become U+FFFD, so the result is always valid.
void append_json_string(std::string& out, std::string_view text);

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& string(std::string_view text);
  JsonWriter& number(std::int64_t value);
  JsonWriter& number(std::uint64_t value);
  JsonWriter& number(int value) { return number(static_cast<std::int64_t>(value)); }
  // The shortest text that reads back as the same double; NaN and infinities become null.
  JsonWriter& number(double value);
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }
  // A string: standard base64 with padding.
  JsonWriter& base64(ByteView bytes);
  // A value that is JSON already.
  JsonWriter& raw(std::string_view json);

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void before_value();

  std::string& out_;
  std::uint32_t filled_ = 0;  // bit per level: something stands before the next value
  unsigned depth_ = 0;
  bool after_key_ = false;
};

}  // namespace tdn::codec
