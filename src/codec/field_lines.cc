#include "codec/field_lines.h"

#include <array>
#include <charconv>
#include <cstring>

namespace tdn::codec {

void FieldLines::put(std::string_view name, std::string_view value, std::string_view more) {
  const std::size_t size = value.size() + more.size();
  char* at = reinterpret_cast<char*>(bytes_.grow(name.size() + size + 4));
  const auto append = [&at](std::string_view text) {
    if (!text.empty()) {
      std::memcpy(at, text.data(), text.size());
      at += text.size();
    }
  };
  append(name);
  append(": ");
  append(value);
  append(more);
  broken_ |= breaks_line({at - size, size});
  append("\r\n");
}

FieldLines& FieldLines::add(FieldName name, std::string_view value, std::string_view more) {
  put(name.text(), value, more);
  return *this;
}

FieldLines& FieldLines::add(FieldName name, std::uint64_t value) {
  std::array<char, 20> digits;
  const char* const end = std::to_chars(digits.begin(), digits.end(), value).ptr;
  put(name.text(), {digits.data(), static_cast<std::size_t>(end - digits.data())}, {});
  return *this;
}

FieldLines& FieldLines::add(const Field& field) {
  broken_ |= field.name.empty() || breaks_line(field.name);
  put(field.name, field.value, {});
  return *this;
}

}  // namespace tdn::codec
