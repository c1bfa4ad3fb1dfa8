#include "codec/packed.h"

#include <fmt/format.h>

#include <array>

namespace tdn::codec {
namespace {
constexpr std::size_t kLengthBytes = 4;
}  // namespace

void pack(std::vector<std::uint8_t>& packed, ByteView bytes) {
  const auto length = static_cast<std::uint32_t>(bytes.size());
  std::array<std::uint8_t, kLengthBytes> prefix;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    prefix[i] = static_cast<std::uint8_t>(length >> (8 * i));
  }
  packed.insert(packed.end(), prefix.begin(), prefix.end());
  packed.insert(packed.end(), bytes.begin(), bytes.end());
}

Result<std::optional<ByteView>> unpack(ByteView& packed) {
  if (packed.empty()) {
    return std::optional<ByteView>();
  }
  std::uint32_t length = 0;
  if (packed.size() >= kLengthBytes) {
    for (std::size_t i = kLengthBytes; i > 0; --i) {
      length = (length << 8U) | packed[i - 1];
    }
  }
  if (length == 0 || length > kMostPackedBytes || packed.size() - kLengthBytes < length) {
    return fail(Code::kInvalid, fmt::format("the records are cut short or malformed, {} bytes "
                                            "before their end",
                                            packed.size()));
  }
  const ByteView bytes = packed.subspan(kLengthBytes, length);
  packed = packed.subspan(kLengthBytes + length);
  return std::optional(bytes);
}

}  // namespace tdn::codec
