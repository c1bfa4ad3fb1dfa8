#include "books/scan.h"

#include <fmt/format.h>

namespace tdn::books {
namespace {

// Whether a frame of a batch after the one that contains lsn `next` stands at or behind `offset`.
bool later_batch_follows(ByteView segment, std::uint32_t salt, std::uint64_t offset,
                         std::uint64_t next) {
  for (std::uint64_t at = offset; at + kFrameHeaderBytes <= segment.size(); at += 8) {
    const auto frame = parse_frame(segment.subspan(static_cast<std::size_t>(at)), salt);
    if (frame && frame->batch() > next) {
      return true;
    }
  }
  return false;
}

}  // namespace

Result<ScanEnd> scan_segment(
    ByteView segment, const SegmentHeader& header, std::uint64_t next_segment,
    const std::function<Result<void>(const Frame&, std::uint64_t offset)>& visit) {
  ScanEnd end{.next_lsn = header.first_lsn};
  std::uint16_t next_index = 0;
  while (end.next_lsn < next_segment) {
    const auto frame =
        end.offset <= segment.size()
            ? parse_frame(segment.subspan(static_cast<std::size_t>(end.offset)), header.salt)
            : std::nullopt;
    const bool follows =
        frame && frame->lsn == end.next_lsn && (frame->index == 0 || frame->index == next_index);
    if (!follows) {
      break;
    }
    if (auto visited = visit(*frame, end.offset); !visited) {
      return fail(visited.error().with(fmt::format("frame at offset {}", end.offset)));
    }
    end.offset += frame_bytes(frame->payload.size());
    ++end.next_lsn;
    next_index = static_cast<std::uint16_t>(frame->index + 1);
  }
  if (next_segment == kNoLsn) {
    if (later_batch_follows(segment, header.salt, end.offset, end.next_lsn)) {
      return fail(Code::kCorrupt,
                  fmt::format("damaged at offset {}: a later batch follows", end.offset));
    }
  } else if (end.next_lsn != next_segment) {
    return fail(
        Code::kCorrupt,
        fmt::format("damaged at offset {}: lsn {} is missing, the next segment starts at {}",
                    end.offset, end.next_lsn, next_segment));
  }
  return end;
}

}  // namespace tdn::books
