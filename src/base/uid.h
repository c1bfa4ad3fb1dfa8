// 128-bit identifiers: UUIDv7 (RFC 9562 §5.7), so that they sort by the time they were made. `Uid`
// names catalogue objects and edges; `RequestId` is a type of its own because requests and objects
// must not be confused in a record.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/time.h"

namespace tdn {

struct Uid {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Uid&) const = default;
  [[nodiscard]] bool is_zero() const {
    const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(bytes);
    return (halves[0] | halves[1]) == 0;
  }

  [[nodiscard]] static Uid make(WallTime now, Random& random);
  // The 36-character form, either case; nothing else.
  [[nodiscard]] static std::optional<Uid> parse(std::string_view text);
};

// "0192f0c0-a000-7000-8000-000000000001".
[[nodiscard]] std::string to_string(const Uid& uid);
void to_chars(const Uid& uid, std::span<char, 36> text);

struct RequestId {
  Uid uid;
  auto operator<=>(const RequestId&) const = default;
};

}  // namespace tdn

template <>
struct std::hash<tdn::Uid> {
  std::size_t operator()(const tdn::Uid& uid) const noexcept {
    std::size_t tail = 0;  // the random part
    std::memcpy(&tail, uid.bytes.data() + 8, sizeof tail);
    std::size_t head = 0;
    std::memcpy(&head, uid.bytes.data(), sizeof head);
    return tail ^ (head * 0x9e3779b97f4a7c15);
  }
};
