// Walks the frames of one segment and tells a torn tail from corruption.
//
// The rule: the writer starts a batch only once the one before it is on disk. So damage with
// nothing but its own batch behind it is where a crash cut the last batch: the log ends there.
// Damage with a later batch behind it happened to bytes that were safe: that is corruption, and
// nothing is guessed.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>

#include "base/bytes.h"
#include "base/result.h"
#include "books/frame.h"

namespace tdn::books {

inline constexpr std::uint64_t kNoLsn = std::numeric_limits<std::uint64_t>::max();

struct ScanEnd {
  std::uint64_t offset = kSegmentHeaderBytes;  // just behind the last good frame
  std::uint64_t next_lsn = 0;                  // the last good one's and one
};

// `visit(frame, offset)` for each good frame in order; an Error from it ends the scan and is
// returned. `next_segment` is the first lsn of the segment that follows, or kNoLsn for the last
// one: frames from there on are superseded and not visited, and unless the frames reach it, the
// segment is corrupt. Errors name the offset; the caller adds the file.
[[nodiscard]] Result<ScanEnd> scan_segment(
    ByteView segment, const SegmentHeader& header, std::uint64_t next_segment,
    const std::function<Result<void>(const Frame&, std::uint64_t offset)>& visit);

}  // namespace tdn::books
