#include "codec/field_lines.h"

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
  constexpr std::size_t kDigits = 20;
  const std::size_t name_size = name.text().size();
  char* const line = reinterpret_cast<char*>(bytes_.grow(name_size + kDigits + 4));
  std::memcpy(line, name.text().data(), name_size);
  std::memcpy(line + name_size, ": ", 2);
  char* const digits = line + name_size + 2;
  char* const end = std::to_chars(digits, digits + kDigits, value).ptr;
  std::memcpy(end, "\r\n", 2);
  bytes_.trim(kDigits - static_cast<std::size_t>(end - digits));
  return *this;
}

FieldLines& FieldLines::add(const Field& field) {
  broken_ |= field.name.empty() || breaks_line(field.name);
  put(field.name, field.value, {});
  return *this;
}

}  // namespace tdn::codec
