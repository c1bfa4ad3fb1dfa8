#include "protocol/detail/message.h"

#include <fmt/format.h>

#include <charconv>

#include "codec/base64.h"
#include "codec/hex.h"

namespace tdn::protocol::detail {
namespace {

template <class Number>
std::optional<Number> parse_decimal(std::string_view text) {
  Number value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  // One text per number: no leading zeros, no "-0".
  const bool canonical = fmt::format("{}", value) == text;
  return parsed.ec == std::errc() && canonical ? std::optional(value) : std::nullopt;
}

}  // namespace

std::string MessageReader::text(std::string_view name, std::size_t most) {
  const std::string_view raw = in_.string();
  std::string value = codec::json_unescape(raw);
  if (value.size() > most) {
    wrong(name, fmt::format("is longer than {} bytes", most));
    value.clear();
  }
  return value;
}

std::uint64_t MessageReader::decimal(std::string_view name) {
  const auto value = parse_decimal<std::uint64_t>(in_.string());
  if (!value) {
    wrong(name, "is no whole number in a string");
  }
  return value.value_or(0);
}

std::int64_t MessageReader::signed_decimal(std::string_view name) {
  const auto value = parse_decimal<std::int64_t>(in_.string());
  if (!value) {
    wrong(name, "is no whole number in a string");
  }
  return value.value_or(0);
}

std::uint64_t MessageReader::number(std::string_view name, std::uint64_t most) {
  const auto value = in_.count();
  if (!value || *value > most) {
    wrong(name, fmt::format("is no whole number from 0 to {}", most));
    return 0;
  }
  return *value;
}

Uid MessageReader::uid(std::string_view name) {
  const auto value = Uid::parse(in_.string());
  if (!value) {
    wrong(name, "is no uid");
  }
  return value.value_or(Uid{});
}

codec::Digest MessageReader::digest(std::string_view name) {
  const std::string_view text = in_.string();
  codec::Digest digest{};
  if (!codec::from_hex(text, digest) || codec::to_hex(digest) != text) {
    wrong(name, "is not 64 lower-case hex digits");
    return {};
  }
  return digest;
}

std::vector<std::uint8_t> MessageReader::base64(std::string_view name) {
  auto bytes = codec::from_base64(in_.string());
  if (!bytes) {
    wrong(name, "is no padded base64");
  }
  return std::move(bytes).value_or(std::vector<std::uint8_t>());
}

void MessageReader::need(std::string_view name) {
  if (std::ranges::find(seen_, name) == seen_.end()) {
    wrong(name, "is missing");
  }
}

void MessageReader::wrong(std::string_view name, std::string_view what) {
  if (!error_ && !in_.failed()) {
    error_.emplace(Code::kInvalid, fmt::format("`{}` {}", name, what));
  }
}

Result<void> MessageReader::finish() {
  if (error_) {
    return fail(*std::move(error_));
  }
  return in_.finish();
}

}  // namespace tdn::protocol::detail
