// Which epoch this edge writes, and what is left of earlier ones. Below the state folder, `epoch`
// holds the number (absent: 1); control orders a new one when an old journal came back. Beside the
// journals, `<epoch>.end` says that an earlier epoch was closed, and where:
//
//   {"log":"…","lastSeq":"140","forked":false}
//
// `forked`: control knows other records under this log's last numbers, so its files are kept for
// people and nothing of it is uploaded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/uid.h"
#include "io/disk.h"

namespace tdn::books {

inline constexpr std::string_view kEpochFile = "epoch";  // below the state folder

[[nodiscard]] Result<std::uint32_t> read_epoch(io::Disk& disk, const std::string& state_dir);
[[nodiscard]] Result<void> write_epoch(io::Disk& disk, const std::string& state_dir,
                                       std::uint32_t epoch);

struct EpochEnd {
  std::uint32_t epoch = 0;
  Uid log;
  std::uint64_t last_seq = 0;
  bool forked = false;
};

// kMissing if that epoch was not closed yet.
[[nodiscard]] Result<EpochEnd> read_epoch_end(io::Disk& disk, const std::string& dir,
                                              std::uint32_t epoch);
[[nodiscard]] Result<void> write_epoch_end(io::Disk& disk, const std::string& dir,
                                           const EpochEnd& end);
// Segments, checkpoint files and end of one epoch.
[[nodiscard]] Result<void> remove_epoch(io::Disk& disk, const std::string& dir,
                                        std::uint32_t epoch);

}  // namespace tdn::books
