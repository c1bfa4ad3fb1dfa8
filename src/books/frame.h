// The journal's bytes: segment header and frames (docs/reference/formats/journal.md). Pure
// functions over byte strings; what payloads mean is in books/entry.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/byte_buffer.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/uid.h"

namespace tdn::books {

enum class FrameType : std::uint8_t {
  kAdmission = 1,
  kExtension,
  kProgress,
  kSettlement,
  kRefusal,
  kLeaseUpdate,
  kClosing,
  kAck,
  kDelivered,
  kSynced,
};
[[nodiscard]] std::string_view name_of(FrameType type);

inline constexpr std::uint8_t kFrameVersion = 1;
inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kFrameHeaderBytes = 20;
inline constexpr std::size_t kMaxPayloadBytes = 65'536;
inline constexpr std::uint32_t kMaxBatchFrames = 65'535;

struct SegmentHeader {
  std::uint32_t epoch = 0;
  Uid edge;
  Uid log;  // made with the log; tells a copy from a continuation
  std::uint64_t first_lsn = 0;
  std::uint32_t salt = 0;

  bool operator==(const SegmentHeader&) const = default;
};

[[nodiscard]] std::array<std::uint8_t, kSegmentHeaderBytes> encode_header(
    const SegmentHeader& header);
// kCorrupt for a bad magic, checksum or format.
[[nodiscard]] Result<SegmentHeader> parse_header(ByteView segment);

struct Frame {
  std::uint64_t lsn = 0;
  FrameType type = FrameType::kSynced;
  std::uint8_t version = kFrameVersion;
  std::uint16_t index = 0;  // in its batch
  ByteView payload{};
  [[nodiscard]] std::uint64_t batch() const { return lsn - index; }  // lsn of its batch's first
};

// Header, payload and zeros up to a multiple of eight.
[[nodiscard]] constexpr std::size_t frame_bytes(std::size_t payload) {
  return (kFrameHeaderBytes + payload + 7) & ~std::size_t{7};
}

// Appends in two steps, so that the payload is encoded where it will stay: `begin_frame` gives the
// place to hand to `end_frame` once the payload is appended. Frames start at multiples of eight of
// `out`. The size of the payload must be in [1, 65,536].
[[nodiscard]] std::size_t begin_frame(ByteBuffer& out);
void end_frame(ByteBuffer& out, std::size_t begin, const Frame& frame, std::uint32_t salt);

// The valid frame at the start of `bytes`, if there is one.
[[nodiscard]] std::optional<Frame> parse_frame(ByteView bytes, std::uint32_t salt);

// "00000001-0000000000000001.tj" and ".tc".
inline constexpr std::string_view kSegmentSuffix = ".tj";
inline constexpr std::string_view kCheckpointSuffix = ".tc";
struct FileName {
  std::uint32_t epoch = 0;
  std::uint64_t lsn = 0;
};
[[nodiscard]] std::string file_name(FileName name, std::string_view suffix);
[[nodiscard]] std::optional<FileName> parse_file_name(std::string_view name,
                                                      std::string_view suffix);

}  // namespace tdn::books
