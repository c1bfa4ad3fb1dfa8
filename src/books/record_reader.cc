#include "books/record_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "books/entry.h"
#include "codec/packed.h"

namespace tdn::books {
namespace {

constexpr std::size_t kChunk = std::size_t{256} << 10U;
static_assert(kChunk > kMaxPayloadBytes + kFrameHeaderBytes + 8);

}  // namespace

struct RecordReader::Cursor {
  std::uint32_t epoch = 0;
  std::uint64_t next_seq = 0;  // of the next settlement that comes; 0: not known
  std::string path;
  std::unique_ptr<io::File> file;
  SegmentHeader header;
  std::uint64_t end_lsn = kNoLsn;  // where the next segment takes over, as far as it was there
  std::uint64_t next_lsn = 0;
  std::uint64_t offset = 0;  // of the next frame in the file
  std::vector<std::uint8_t> room = std::vector<std::uint8_t>(kChunk);
  ByteView chunk;              // what of it was filled
  std::uint64_t chunk_at = 0;  // offset of the chunk in the file
};

RecordReader::RecordReader(io::Disk& disk, std::string dir) : disk_(disk), dir_(std::move(dir)) {}
RecordReader::~RecordReader() = default;

Result<void> RecordReader::open(const JournalFiles& files, std::size_t index) {
  const JournalFile& segment = files.segments[index];
  auto cursor = std::make_unique<Cursor>();
  cursor->epoch = segment.name.epoch;
  cursor->path = segment.path;
  TDN_TRY(cursor->file, disk_.open(segment.path, io::OpenMode::kRead));
  std::array<std::uint8_t, kSegmentHeaderBytes> bytes{};
  TDN_TRY(const std::size_t size, cursor->file->read(0, bytes));
  auto header = parse_header(ByteView(bytes).first(size));
  if (!header) {
    return fail(header.error().with(segment.path));
  }
  cursor->header = *header;
  cursor->next_lsn = header->first_lsn;
  cursor->offset = kSegmentHeaderBytes;
  if (index + 1 < files.segments.size()) {
    cursor->end_lsn = files.segments[index + 1].name.lsn;
  }
  at_ = std::move(cursor);
  return {};
}

Result<std::optional<Frame>> RecordReader::next_frame() {
  Cursor& at = *at_;
  if (at.next_lsn >= at.end_lsn) {
    return std::optional<Frame>();
  }
  for (const bool fresh : {false, true}) {
    if (fresh) {
      TDN_TRY(const std::size_t size, at.file->read(at.offset, at.room));
      at.chunk = ByteView(at.room).first(size);
      at.chunk_at = at.offset;
    }
    if (at.offset < at.chunk_at || at.offset >= at.chunk_at + at.chunk.size()) {
      continue;
    }
    const ByteView rest = at.chunk.subspan(static_cast<std::size_t>(at.offset - at.chunk_at));
    const auto frame = parse_frame(rest, at.header.salt);
    if (frame && frame->lsn == at.next_lsn) {
      at.offset += frame_bytes(frame->payload.size());
      ++at.next_lsn;
      return frame;
    }
  }
  at.chunk = {};  // what is not there yet must be read again
  return std::optional<Frame>();
}

Result<bool> RecordReader::next_segment() {
  TDN_TRY(const JournalFiles files, list_journal(disk_, dir_, at_->epoch));
  const auto next = std::ranges::find_if(files.segments, [&](const JournalFile& file) {
    return file.name.lsn == at_->next_lsn && file.path != at_->path;
  });
  if (next == files.segments.end()) {
    return false;
  }
  const std::uint64_t seq = at_->next_seq;
  TDN_TRY_VOID(open(files, static_cast<std::size_t>(next - files.segments.begin())));
  at_->next_seq = seq;
  return true;
}

// Stands before record `from`, or before an earlier one of the same segment.
Result<void> RecordReader::find(std::uint32_t epoch, std::uint64_t from) {
  at_.reset();
  TDN_TRY(const JournalFiles files, list_journal(disk_, dir_, epoch));
  for (std::size_t i = files.segments.size(); i > 0; --i) {
    TDN_TRY_VOID(open(files, i - 1));
    while (true) {
      TDN_TRY(const std::optional<Frame> frame, next_frame());
      if (!frame) {
        break;
      }
      if (frame->type != FrameType::kSettlement) {
        continue;
      }
      TDN_TRY(const std::uint64_t first, seq_of_settlement(*frame));
      if (first > from) {
        break;
      }
      return open(files, i - 1);
    }
  }
  at_.reset();
  return fail(Code::kMissing,
              fmt::format("{}: record {} of epoch {} is not here any more", dir_, from, epoch));
}

Result<meter::OutboxRecords> RecordReader::read(std::uint32_t epoch, std::uint64_t from,
                                                std::uint64_t last, std::size_t most_bytes) {
  meter::OutboxRecords records;
  if (from > last) {
    return records;
  }
  if (at_ == nullptr || at_->epoch != epoch || at_->next_seq != from) {
    TDN_TRY_VOID(find(epoch, from));
  }
  std::size_t bytes = 0;
  for (std::uint64_t seq = from; seq <= last;) {
    const std::uint64_t before_offset = at_->offset;
    const std::uint64_t before_lsn = at_->next_lsn;
    TDN_TRY(const std::optional<Frame> frame, next_frame());
    if (!frame) {
      TDN_TRY(const bool moved, next_segment());
      if (!moved) {
        const std::string where = fmt::format("{}: offset {}", at_->path, at_->offset);
        at_.reset();
        return fail(Code::kCorrupt,
                    fmt::format("{}: record {} was on disk and is not", where, seq));
      }
      continue;
    }
    if (frame->type != FrameType::kSettlement) {
      continue;
    }
    TDN_TRY(const std::uint64_t found, seq_of_settlement(*frame));
    if (found < from) {
      continue;
    }
    if (found != seq) {
      at_.reset();
      return fail(Code::kCorrupt,
                  fmt::format("{}: record {} stands where {} is due", dir_, found, seq));
    }
    if (records.count > 0 && bytes + frame->payload.size() > most_bytes) {
      at_->offset = before_offset;
      at_->next_lsn = before_lsn;
      at_->next_seq = seq;
      return records;
    }
    codec::pack(records.packed, frame->payload);
    ++records.count;
    bytes += frame->payload.size();
    at_->next_seq = ++seq;
  }
  return records;
}

}  // namespace tdn::books
