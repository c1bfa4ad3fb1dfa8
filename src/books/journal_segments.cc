// Segments, the reserve, checkpoint files: how files come and go.
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/fail_point.h"
#include "books/checkpoint_file.h"
#include "books/journal.h"

namespace tdn::books {
namespace {

constexpr std::size_t kCheckpointsKept = 2;

}  // namespace

std::string Journal::path(std::string_view name) const {
  return options_.dir + "/" + std::string(name);
}

std::string Journal::reserve_path() const { return path("reserve.tmp"); }

void Journal::draw_salt() { random_.fill(std::as_writable_bytes(std::span(&salt_, 1))); }

Result<void> Journal::try_reserve() {
  auto file = disk_.open(reserve_path(), io::OpenMode::kCreate);
  if (!file) {
    return file.error().code() == Code::kNoSpace ? Result<void>{} : fail(file.error());
  }
  auto reserved = (*file)->preallocate(options_.segment_bytes);
  if (!reserved) {
    // What little it got would be missing elsewhere.
    static_cast<void>((*file)->truncate(0));
    return reserved.error().code() == Code::kNoSpace ? Result<void>{} : fail(reserved.error());
  }
  reserve_ = true;
  return {};
}

// Turns the reserve into the segment that starts with `first_lsn` and with `frames`. It has its
// name only once all of that is on disk.
Result<void> Journal::start_segment(std::uint64_t first_lsn, ByteView frames) {
  if (!reserve_) {
    TDN_TRY_VOID(try_reserve());
  }
  if (!reserve_) {
    return fail(Code::kNoSpace,
                fmt::format("the journal in {} needs {} MiB more; free some space and start again",
                            options_.dir, options_.segment_bytes >> 20U));
  }
  const SegmentHeader header{.epoch = options_.epoch,
                             .edge = options_.edge,
                             .log = log_,
                             .first_lsn = first_lsn,
                             .salt = salt_};
  TDN_TRY(file_, disk_.open(reserve_path(), io::OpenMode::kWrite));
  TDN_TRY_VOID(file_->write(0, encode_header(header)));
  TDN_TRY_VOID(file_->write(kSegmentHeaderBytes, frames));
  TDN_TRY_VOID(file_->sync());
  const FileName name{options_.epoch, first_lsn};
  const JournalFile file{path(file_name(name, kSegmentSuffix)), name};
  TDN_TRY_VOID(disk_.rename(reserve_path(), file.path));
  TDN_TRY_VOID(disk_.sync_dir(options_.dir));
  reserve_ = false;
  tail_ = kSegmentHeaderBytes + frames.size();
  batch_index_ = 0;
  // A segment that held nothing but the batch that was rewritten has just been replaced.
  if (!segments_.empty() && segments_.back().file.path == file.path) {
    segments_.pop_back();
  }
  segments_.push_back({file, replica_.last_seq()});
  return {};
}

Result<void> Journal::next_segment() {
  TDN_TRY_VOID(sync());
  fail_point("books.before_next_segment");
  segments_.back().last_seq = replica_.last_seq();
  // The rest of it will never be used.
  TDN_TRY_VOID(file_->truncate(tail_));
  draw_salt();
  TDN_TRY_VOID(start_segment(replica_.next_lsn(), {}));
  fail_point("books.after_next_segment");
  TDN_TRY_VOID(write_checkpoint());
  TDN_TRY_VOID(prune());
  return try_reserve();
}

Result<void> Journal::write_checkpoint() {
  const FileName name{options_.epoch, replica_.next_lsn() - 1};
  const JournalFile file{path(file_name(name, kCheckpointSuffix)), name};
  ByteBuffer bytes;
  encode_checkpoint(replica_, bytes);
  const auto written = io::replace_file(disk_, file.path, bytes.view());
  if (!written && written.error().code() == Code::kNoSpace) {
    // It saves time at the next start, no more.
    static_cast<void>(disk_.remove(file.path + ".tmp"));
    return {};
  }
  TDN_TRY_VOID(written);
  checkpoints_.push_back(file);
  while (checkpoints_.size() > kCheckpointsKept) {
    TDN_TRY_VOID(disk_.remove(checkpoints_.front().path));
    checkpoints_.erase(checkpoints_.begin());
  }
  return {};
}

// A segment goes when the older checkpoint covers it and control keeps all of its records.
Result<void> Journal::prune() {
  if (checkpoints_.size() < kCheckpointsKept) {
    return {};
  }
  const std::uint64_t covered = checkpoints_.front().name.lsn;
  while (segments_.size() > 1 && segments_[1].file.name.lsn <= covered + 1 &&
         segments_.front().last_seq < replica_.ack().keep_from) {
    TDN_TRY_VOID(disk_.remove(segments_.front().file.path));
    // One by one: after a crash a gap between segments would look like damage.
    TDN_TRY_VOID(disk_.sync_dir(options_.dir));
    segments_.erase(segments_.begin());
  }
  return {};
}

}  // namespace tdn::books
