// The journal's folder as files: which segments and checkpoints there are, read one by one. Shared
// by recovery, which changes things afterwards, and by the commands, which never do.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "books/frame.h"
#include "books/scan.h"
#include "io/disk.h"

namespace tdn::books {

struct JournalFile {
  std::string path;
  FileName name;
};

struct JournalFiles {
  std::vector<JournalFile> segments;     // by first lsn
  std::vector<JournalFile> checkpoints;  // by lsn
};

// Of one epoch, by default the highest; those of others are other logs.
[[nodiscard]] Result<JournalFiles> list_journal(io::Disk& disk, const std::string& dir,
                                                std::optional<std::uint32_t> epoch = {});
// Those with segments here, lowest first.
[[nodiscard]] Result<std::vector<std::uint32_t>> list_epochs(io::Disk& disk,
                                                             const std::string& dir);

struct SegmentScan {
  SegmentHeader header;
  ScanEnd end;
  // Bytes of a batch that was cut short, behind the last good frame of the last segment.
  std::uint64_t torn_bytes = 0;
};

using FrameVisitor = std::function<Result<void>(const Frame&, std::uint64_t offset)>;

// Reads and walks segment `index`. Where the writer may be alive, `live` keeps a frame that arrived
// between two reads from looking like damage. Errors name the file.
enum class Liveness : std::uint8_t { kAtRest, kLive };
[[nodiscard]] Result<SegmentScan> scan_file(io::Disk& disk, const JournalFiles& files,
                                            std::size_t index, Liveness liveness,
                                            const FrameVisitor& visit);

}  // namespace tdn::books
