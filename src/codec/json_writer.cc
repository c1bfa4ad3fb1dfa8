#include "codec/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/assert.h"
#include "codec/base64.h"

namespace tdn::codec {
namespace {

// Length of the UTF-8 sequence that begins `text`, 0 if it is none (Unicode 15, table 3-7).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto continues = [&byte](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first >= 0xC2 && first <= 0xDF) {
    return continues(1) ? 2 : 0;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) >= 0xA0;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool beyond = first == 0xF4 && byte(1) >= 0x90;
    return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

void append_control(std::string& out, char c) {
  constexpr std::string_view kCodes = "\b\f\n\r\t";
  constexpr std::string_view kNames = "bfnrt";
  if (const std::size_t known = kCodes.find(c); known != std::string_view::npos) {
    out += '\\';
    out += kNames[known];
    return;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(c);
  out.append("\\u00");
  out += kHex[value >> 4U];
  out += kHex[value & 0xFU];
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;  // start of the bytes that stand for themselves
  std::size_t at = 0;
  while (at < text.size()) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      ++at;
      continue;
    }
    const std::size_t length = c >= 0x80 ? sequence_length(text.substr(at)) : 0;
    if (length > 0) {
      at += length;
      continue;
    }
    out.append(text.substr(plain, at - plain));
    if (c >= 0x80) {
      out.append("\xEF\xBF\xBD");
    } else if (c < 0x20) {
      append_control(out, text[at]);
    } else {
      out += '\\';
      out += text[at];
    }
    plain = ++at;
  }
  out.append(text.substr(plain));
  out += '"';
}

JsonWriter& JsonWriter::key(std::string_view name) {
  TDN_ASSERT(depth_ > 0 && !after_key_);
  before_value();
  append_json_string(out_, name);
  out_ += ':';
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
  before_value();
  append_json_string(out_, text);
  return *this;
}

JsonWriter& JsonWriter::base64(ByteView bytes) {
  before_value();
  out_ += '"';  // nothing of it needs an escape
  append_base64(out_, bytes);
  out_ += '"';
  return *this;
}

JsonWriter& JsonWriter::number(std::int64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return raw({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

JsonWriter& JsonWriter::number(std::uint64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return raw({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

JsonWriter& JsonWriter::number(double value) {
  if (!std::isfinite(value)) {
    return null();
  }
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return raw({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  before_value();
  out_.append(json);
  return *this;
}

JsonWriter& JsonWriter::open(char bracket) {
  TDN_ASSERT(depth_ < 31);
  before_value();
  out_ += bracket;
  ++depth_;
  filled_ &= ~(std::uint32_t{1} << depth_);
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  TDN_ASSERT(depth_ > 0 && !after_key_);
  --depth_;
  out_ += bracket;
  return *this;
}

void JsonWriter::before_value() {
  const std::uint32_t bit = std::uint32_t{1} << depth_;
  if (after_key_) {
    after_key_ = false;
  } else if ((filled_ & bit) != 0) {
    out_ += ',';
  }
  filled_ |= bit;
}

}  // namespace tdn::codec
