#include "books/journal_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace tdn::books {
namespace {

std::vector<JournalFile> of_highest_epoch(std::vector<JournalFile> files, std::uint32_t epoch) {
  std::erase_if(files, [epoch](const JournalFile& file) { return file.name.epoch != epoch; });
  std::ranges::sort(files, {}, [](const JournalFile& file) { return file.name.lsn; });
  return files;
}

// A writer appends while we read front to back, so we may see batch n+1 without having seen batch
// n. Once n+1 was seen, n is complete: reading again from the front shows it.
constexpr int kLiveAttempts = 5;

}  // namespace

Result<JournalFiles> list_journal(io::Disk& disk, const std::string& dir,
                                  std::optional<std::uint32_t> wanted) {
  TDN_TRY(const std::vector<std::string> names, disk.list(dir));
  JournalFiles files;
  std::uint32_t epoch = wanted.value_or(0);
  for (const std::string& name : names) {
    if (const auto segment = parse_file_name(name, kSegmentSuffix)) {
      files.segments.push_back({dir + "/" + name, *segment});
      epoch = wanted ? epoch : std::max(epoch, segment->epoch);
    } else if (const auto checkpoint = parse_file_name(name, kCheckpointSuffix)) {
      files.checkpoints.push_back({dir + "/" + name, *checkpoint});
    }
  }
  files.segments = of_highest_epoch(std::move(files.segments), epoch);
  files.checkpoints = of_highest_epoch(std::move(files.checkpoints), epoch);
  return files;
}

Result<std::vector<std::uint32_t>> list_epochs(io::Disk& disk, const std::string& dir) {
  TDN_TRY(const std::vector<std::string> names, disk.list(dir));
  std::set<std::uint32_t> epochs;
  for (const std::string& name : names) {
    if (const auto segment = parse_file_name(name, kSegmentSuffix)) {
      epochs.insert(segment->epoch);
    }
  }
  return std::vector<std::uint32_t>(epochs.begin(), epochs.end());
}

namespace {

// A segment's space is zeros until it is written.
std::uint64_t bytes_written_behind(ByteView segment, std::uint64_t offset) {
  std::uint64_t end = segment.size();
  while (end > offset && segment[end - 1] == 0) {
    --end;
  }
  return end - offset;
}

}  // namespace

Result<SegmentScan> scan_file(io::Disk& disk, const JournalFiles& files, std::size_t index,
                              Liveness liveness, const FrameVisitor& visit) {
  const JournalFile& file = files.segments[index];
  const bool last = index + 1 == files.segments.size();
  const std::uint64_t next = last ? kNoLsn : files.segments[index + 1].name.lsn;
  const int attempts = last && liveness == Liveness::kLive ? kLiveAttempts : 1;
  std::uint64_t visited = 0;  // lsns below this were visited in an earlier attempt
  for (int attempt = 1;; ++attempt) {
    TDN_TRY(const std::vector<std::uint8_t> bytes, io::read_file(disk, file.path));
    const auto header = parse_header(bytes);
    if (!header) {
      return fail(header.error().with(file.path));
    }
    if (header->epoch != file.name.epoch || header->first_lsn != file.name.lsn) {
      return fail(Code::kCorrupt, file.path + ": the header contradicts the file's name");
    }
    const auto end = scan_segment(bytes, *header, next,
                                  [&](const Frame& frame, std::uint64_t offset) -> Result<void> {
                                    if (frame.lsn < visited) {
                                      return {};
                                    }
                                    visited = frame.lsn + 1;
                                    return visit(frame, offset);
                                  });
    if (end) {
      return SegmentScan{*header, *end, last ? bytes_written_behind(bytes, end->offset) : 0};
    }
    if (attempt == attempts || end.error().code() != Code::kCorrupt) {
      return fail(end.error().with(file.path));
    }
  }
}

}  // namespace tdn::books
