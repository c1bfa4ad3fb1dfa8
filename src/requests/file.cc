#include "requests/file.h"

#include <algorithm>

#include "codec/crc32c.h"

namespace tdn::requests {
namespace {

std::uint32_t read_u32(ByteView at) {
  return std::uint32_t{at[0]} | std::uint32_t{at[1]} << 8U | std::uint32_t{at[2]} << 16U |
         std::uint32_t{at[3]} << 24U;
}

void write_u32(std::uint8_t* at, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) {
    at[i] = static_cast<std::uint8_t>(value >> 8U * i);
  }
}

template <class Value>
bool visit(Result<Value> value, Visitor& visitor) {
  if (value) {
    visitor.on(*std::move(value));
  }
  return value.has_value();
}

bool visit(std::uint8_t type, ByteView payload, Visitor& visitor) {
  switch (static_cast<FrameType>(type)) {
    case FrameType::kNames:
      return visit(decode_names(payload), visitor);
    case FrameType::kDecided:
      return visit(decode_decided(payload), visitor);
    case FrameType::kEnded:
      return visit(decode_ended(payload), visitor);
  }
  return false;
}

}  // namespace

template <class Value>
void append_frame(FrameType type, const Value& value, ByteBuffer& out) {
  const std::size_t start = out.size();
  out.grow(kFrameHeader)[8] = static_cast<std::uint8_t>(type);
  encode(value, out);
  std::uint8_t* const frame = out.data() + start;
  const std::size_t payload = out.size() - start - kFrameHeader;
  write_u32(frame, static_cast<std::uint32_t>(payload));
  write_u32(frame + 4, codec::crc32c({frame + 8, payload + 1}));
}
template void append_frame(FrameType, const Names&, ByteBuffer&);
template void append_frame(FrameType, const Decided&, ByteBuffer&);
template void append_frame(FrameType, const Ended&, ByteBuffer&);

FileScan scan_file(ByteView file, Visitor& visitor) {
  FileScan scan;
  if (file.size() < kMagic.size() ||
      !std::equal(kMagic.begin(), kMagic.end(), file.begin(), [](char expected, std::uint8_t byte) {
        return static_cast<std::uint8_t>(expected) == byte;
      })) {
    scan.damaged = file.size();
    return scan;
  }
  scan.is_log = true;
  scan.whole = kMagic.size();
  while (file.size() - scan.whole >= kFrameHeader) {
    const ByteView rest = file.subspan(scan.whole);
    const std::size_t payload = read_u32(rest);
    if (payload > kMostPayload || rest.size() - kFrameHeader < payload ||
        codec::crc32c(rest.subspan(8, payload + 1)) != read_u32(rest.subspan(4))) {
      break;
    }
    if (!visit(rest[8], rest.subspan(kFrameHeader, payload), visitor)) {
      ++scan.unknown;
    }
    scan.whole += kFrameHeader + payload;
  }
  scan.damaged = file.size() - scan.whole;
  return scan;
}

}  // namespace tdn::requests
