// Reads the settlements of one epoch out of its segments, in order of seq, while the writer may be
// appending to the last of them. It is asked only for what is known to be on disk, so an end of
// good frames is the end of a segment, never a frame in the making. It remembers where it stopped:
// reading on costs what is new. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "books/journal_files.h"
#include "io/disk.h"
#include "meter/outbox.h"

namespace tdn::books {

class RecordReader {
 public:
  RecordReader(io::Disk& disk, std::string dir);
  ~RecordReader();

  // Records from `from` to at most `last`, of at most `most_bytes` but one at least. Errors:
  // kMissing (older than what is here), kCorrupt.
  [[nodiscard]] Result<meter::OutboxRecords> read(std::uint32_t epoch, std::uint64_t from,
                                                  std::uint64_t last, std::size_t most_bytes);

 private:
  struct Cursor;

  Result<void> find(std::uint32_t epoch, std::uint64_t from);
  Result<void> open(const JournalFiles& files, std::size_t index);
  // The next frame, or nothing at the end of the segment.
  Result<std::optional<Frame>> next_frame();
  Result<bool> next_segment();

  io::Disk& disk_;
  const std::string dir_;
  std::unique_ptr<Cursor> at_;
};

}  // namespace tdn::books
