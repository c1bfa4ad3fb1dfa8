#include "books/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/hex.h"

namespace tdn::books {
namespace {

constexpr std::string_view kJournalMagic = "TDNJRNL1";
constexpr std::uint16_t kFormat = 1;

static_assert(std::endian::native == std::endian::little, "integers are stored as they lie");

template <class Integer>
void store(std::uint8_t* at, Integer value) {
  std::memcpy(at, &value, sizeof value);
}

template <class Integer>
Integer load(const std::uint8_t* at) {
  Integer value{};
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Over the salt and the whole frame but for the checksum itself, padding included.
std::uint32_t checksum(ByteView frame, std::uint32_t salt) {
  std::array<std::uint8_t, 8> start{};
  store(start.data(), salt);
  std::copy_n(frame.begin(), 4, start.begin() + 4);
  return codec::crc32c(frame.subspan(8), codec::crc32c(start));
}

}  // namespace

std::string_view name_of(FrameType type) {
  switch (type) {
    case FrameType::kAdmission:
      return "admission";
    case FrameType::kExtension:
      return "extension";
    case FrameType::kProgress:
      return "progress";
    case FrameType::kSettlement:
      return "settlement";
    case FrameType::kRefusal:
      return "refusal";
    case FrameType::kLeaseUpdate:
      return "lease update";
    case FrameType::kClosing:
      return "closing";
    case FrameType::kAck:
      return "ack";
    case FrameType::kDelivered:
      return "delivered";
    case FrameType::kSynced:
      return "synced";
  }
  return "unknown";
}

std::array<std::uint8_t, kSegmentHeaderBytes> encode_header(const SegmentHeader& header) {
  std::array<std::uint8_t, kSegmentHeaderBytes> out{};
  std::ranges::copy(bytes_of(kJournalMagic), out.begin());
  store(out.data() + 8, kFormat);
  store(out.data() + 12, header.epoch);
  std::ranges::copy(header.edge.bytes, out.begin() + 16);
  std::ranges::copy(header.log.bytes, out.begin() + 32);
  store(out.data() + 48, header.first_lsn);
  store(out.data() + 56, header.salt);
  store(out.data() + 60, codec::crc32c(ByteView(out).first(60)));
  return out;
}

Result<SegmentHeader> parse_header(ByteView segment) {
  if (segment.size() < kSegmentHeaderBytes || text_of(segment.first(8)) != kJournalMagic) {
    return fail(Code::kCorrupt, "damaged at offset 0: not the header of a journal segment");
  }
  if (load<std::uint32_t>(segment.data() + 60) != codec::crc32c(segment.first(60))) {
    return fail(Code::kCorrupt, "damaged at offset 0: the header's checksum does not match");
  }
  const auto format = load<std::uint16_t>(segment.data() + 8);
  if (format != kFormat) {
    return fail(Code::kCorrupt,
                fmt::format("has journal format {}, this program reads {}", format, kFormat));
  }
  SegmentHeader header;
  header.epoch = load<std::uint32_t>(segment.data() + 12);
  std::copy_n(segment.begin() + 16, 16, header.edge.bytes.begin());
  std::copy_n(segment.begin() + 32, 16, header.log.bytes.begin());
  header.first_lsn = load<std::uint64_t>(segment.data() + 48);
  header.salt = load<std::uint32_t>(segment.data() + 56);
  return header;
}

std::size_t begin_frame(ByteBuffer& out) {
  TDN_CHECK(out.size() % 8 == 0);
  const std::size_t begin = out.size();
  out.grow(kFrameHeaderBytes);
  return begin;
}

void end_frame(ByteBuffer& out, std::size_t begin, const Frame& frame, std::uint32_t salt) {
  const std::size_t payload = out.size() - begin - kFrameHeaderBytes;
  TDN_ASSERT(payload >= 1 && payload <= kMaxPayloadBytes);
  const std::size_t padding = frame_bytes(payload) - kFrameHeaderBytes - payload;
  // Eight zeros at once, of which the padding counts.
  store(out.grow(8), std::uint64_t{0});
  out.trim(8 - padding);
  std::uint8_t* at = out.data() + begin;
  store(at, static_cast<std::uint32_t>(payload));
  store(at + 8, frame.lsn);
  at[16] = static_cast<std::uint8_t>(frame.type);
  at[17] = frame.version;
  store(at + 18, frame.index);
  store(at + 4, checksum(out.view(begin, frame_bytes(payload)), salt));
}

std::optional<Frame> parse_frame(ByteView bytes, std::uint32_t salt) {
  if (bytes.size() < kFrameHeaderBytes) {
    return std::nullopt;
  }
  const auto payload = load<std::uint32_t>(bytes.data());
  if (payload == 0 || payload > kMaxPayloadBytes || bytes.size() < frame_bytes(payload)) {
    return std::nullopt;
  }
  const ByteView whole = bytes.first(frame_bytes(payload));
  Frame frame;
  frame.lsn = load<std::uint64_t>(bytes.data() + 8);
  frame.type = static_cast<FrameType>(bytes[16]);
  frame.version = bytes[17];
  frame.index = load<std::uint16_t>(bytes.data() + 18);
  frame.payload = whole.subspan(kFrameHeaderBytes, payload);
  // The cheap test first: most places that are no frame have no such lsn either.
  if (frame.lsn < frame.index || load<std::uint32_t>(bytes.data() + 4) != checksum(whole, salt)) {
    return std::nullopt;
  }
  return frame;
}

std::string file_name(FileName name, std::string_view suffix) {
  return codec::hex_number(name.epoch, 8) + "-" + codec::hex_number(name.lsn, 16) +
         std::string(suffix);
}

std::optional<FileName> parse_file_name(std::string_view name, std::string_view suffix) {
  FileName parsed;
  if (name.size() < 25) {
    return std::nullopt;
  }
  std::from_chars(name.data(), name.data() + 8, parsed.epoch, 16);
  std::from_chars(name.data() + 9, name.data() + 25, parsed.lsn, 16);
  // What we did not name so is not ours: capitals, missing digits, another suffix.
  if (file_name(parsed, suffix) != name) {
    return std::nullopt;
  }
  return parsed;
}

}  // namespace tdn::books
