#include "codec/crc32c.h"

#include <array>
#include <cstddef>
#include <cstring>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

namespace tdn::codec {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    }
    table[i] = crc;
  }
  return table;
}
constexpr auto kTable = make_table();

}  // namespace

std::uint32_t crc32c_by_table(ByteView bytes, std::uint32_t previous) {
  std::uint32_t crc = ~previous;
  for (const std::uint8_t byte : bytes) {
    crc = (crc >> 8U) ^ kTable[(crc ^ byte) & 255U];
  }
  return ~crc;
}

#ifdef __SSE4_2__

std::uint32_t crc32c(ByteView bytes, std::uint32_t previous) {
  std::uint64_t crc = ~previous;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    crc = _mm_crc32_u64(crc, word);
  }
  auto tail = static_cast<std::uint32_t>(crc);
  for (; left > 0; --left, ++at) {
    tail = _mm_crc32_u8(tail, *at);
  }
  return ~tail;
}

#else

std::uint32_t crc32c(ByteView bytes, std::uint32_t previous) {
  return crc32c_by_table(bytes, previous);
}

#endif

}  // namespace tdn::codec
