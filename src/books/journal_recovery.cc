// What happens at start: replay, make the last batch safe, settle orphans.
#include <fmt/format.h>

#include <utility>

#include "base/assert.h"
#include "base/fail_point.h"
#include "base/log.h"
#include "books/checkpoint_file.h"
#include "books/journal.h"
#include "books/orphan.h"

namespace tdn::books {
namespace {

// Each start begins a segment. With more than these a checkpoint is due, though none was filled:
// or an edge that is started often would replay and keep all of them.
constexpr std::size_t kSegmentsAtStart = 8;

}  // namespace

// The end of the log as it was found.
struct Journal::Recovered {
  bool empty = true;             // no segment yet
  std::uint64_t end_offset = 0;  // of the last segment's good frames
  std::uint64_t batch_lsn = 0;   // first lsn of the last segment's last batch; 0: it has none
  std::vector<Frame> batch;      // its frames; payloads into `payloads`
  std::vector<std::size_t> payload_at;
  ByteBuffer payloads;

  void add(const Frame& frame) {
    if (frame.index == 0) {
      batch.clear();
      payload_at.clear();
      payloads.clear();
    }
    batch_lsn = frame.batch();
    payload_at.push_back(payloads.size());
    payloads.append(frame.payload);
    batch.push_back(frame);
  }
};

Result<void> Journal::recover() {
  TDN_TRY_VOID(disk_.make_dir(options_.dir));
  TDN_TRY(const Recovered recovered, replay());
  TDN_TRY_VOID(continue_from(recovered));
  TDN_TRY_VOID(settle_orphans());
  if (segments_.size() > kSegmentsAtStart) {
    TDN_TRY_VOID(write_checkpoint());
    TDN_TRY_VOID(prune());
  }
  return try_reserve();
}

Result<Replica> Journal::newest_state(const JournalFiles& files) const {
  for (auto file = files.checkpoints.rbegin(); file != files.checkpoints.rend(); ++file) {
    TDN_TRY(const std::vector<std::uint8_t> bytes, io::read_file(disk_, file->path));
    auto state = decode_checkpoint(bytes);
    if (state && state->next_lsn() == file->name.lsn + 1 && state->edge() == options_.edge) {
      return state;
    }
    log_warning(
        "books", "ignoring a checkpoint file that cannot be used",
        {{"file", file->path}, {"why", state ? "it is of another log" : state.error().detail()}});
  }
  return Replica(options_.edge, options_.epoch);
}

Result<Journal::Recovered> Journal::replay() {
  TDN_TRY(const JournalFiles files, list_journal(disk_, options_.dir, options_.epoch));
  Recovered recovered;
  if (files.segments.empty()) {
    TDN_TRY(const JournalFiles newest, list_journal(disk_, options_.dir));
    if (!newest.segments.empty() && newest.segments.front().name.epoch > options_.epoch) {
      return fail(Code::kInvalid, fmt::format("{} is the journal of epoch {}, not {}", options_.dir,
                                              newest.segments.front().name.epoch, options_.epoch));
    }
    if (!files.checkpoints.empty()) {
      return fail(Code::kCorrupt,
                  fmt::format("{}: there are checkpoint files, but no segment", options_.dir));
    }
    log_ = Uid::make(clock_.wall(), random_);
    return recovered;
  }
  TDN_TRY(replica_, newest_state(files));
  if (files.segments.front().name.lsn > replica_.next_lsn()) {
    return fail(
        Code::kCorrupt,
        fmt::format("{}: the frames from lsn {} on are missing: the first segment starts at {}",
                    options_.dir, replica_.next_lsn(), files.segments.front().name.lsn));
  }
  recovered.empty = false;
  checkpoints_ = files.checkpoints;
  for (std::size_t i = 0; i < files.segments.size(); ++i) {
    const bool last = i + 1 == files.segments.size();
    std::uint64_t last_seq = segments_.empty() ? 0 : segments_.back().last_seq;
    const auto visit = [&](const Frame& frame, std::uint64_t) -> Result<void> {
      TDN_TRY(const Entry entry, decode_entry(frame));
      if (const auto* settlement = std::get_if<SettlementEntry>(&entry)) {
        last_seq = settlement->seq;
      }
      if (last) {
        recovered.add(frame);
      }
      return frame.lsn < replica_.next_lsn() ? Result<void>{}
                                             : replica_.apply(entry, frame.payload);
    };
    TDN_TRY(const SegmentScan scan, scan_file(disk_, files, i, Liveness::kAtRest, visit));
    if (scan.header.edge != options_.edge || (i > 0 && scan.header.log != log_)) {
      return fail(Code::kCorrupt, fmt::format("{}: the segment belongs to another edge or log",
                                              files.segments[i].path));
    }
    log_ = scan.header.log;
    recovered.end_offset = scan.end.offset;
    if (scan.torn_bytes > 0) {
      log_warning("books",
                  "dropped a batch that was cut short: nobody was told that it was written",
                  {{"file", files.segments[i].path},
                   {"offset", scan.end.offset},
                   {"bytes", scan.torn_bytes}});
    }
    segments_.push_back({files.segments[i], last_seq});
    if (last && scan.end.next_lsn < replica_.next_lsn()) {
      return fail(
          Code::kCorrupt,
          fmt::format("{}: ends before lsn {}, up to which there is a checkpoint: frames are "
                      "missing",
                      files.segments[i].path, replica_.next_lsn()));
    }
  }
  return recovered;
}

// Whatever survived of the last batch may have been seen by no disk, even a lone `synced`: it goes
// into the new segment, whose sync covers it, and counts from there. An empty segment has no batch:
// the one before was synced when it began.
Result<void> Journal::continue_from(const Recovered& recovered) {
  std::uint64_t first_lsn = replica_.next_lsn();
  ByteBuffer frames;
  draw_salt();
  if (!recovered.batch.empty()) {
    first_lsn = recovered.batch_lsn;
    for (std::size_t i = 0; i < recovered.batch.size(); ++i) {
      const std::size_t at = begin_frame(frames);
      const std::size_t size = recovered.batch[i].payload.size();
      frames.append(recovered.payloads.view(recovered.payload_at[i], size));
      end_frame(frames, at, recovered.batch[i], salt_);
    }
  }
  const std::string previous = segments_.empty() ? "" : segments_.back().file.path;
  TDN_TRY_VOID(start_segment(first_lsn, frames.view()));
  durable_lsn_ = replica_.next_lsn() - 1;
  fail_point("books.after_recovery_rewrite");
  if (!previous.empty() && previous != segments_.back().file.path) {
    TDN_TRY(const std::unique_ptr<io::File> file, disk_.open(previous, io::OpenMode::kWrite));
    TDN_TRY_VOID(file->truncate(recovered.end_offset));
  }
  return {};
}

Result<void> Journal::settle_orphans() {
  // Settling changes the set of open admissions, so it is taken first.
  std::vector<Orphan> orphans;
  std::vector<ByteBuffer> annexes;
  Result<void> outcome;
  replica_.for_each_open([&](const OpenAdmission& admission) {
    auto orphan = settle_orphan(admission, clock_.wall());
    if (!orphan) {
      outcome = fail(orphan.error().with(fmt::format("admission {}", admission.lsn)));
      return;
    }
    annexes.emplace_back(orphan->tenant_annex);
    annexes.emplace_back(orphan->operator_annex);
    orphans.push_back(std::move(*orphan));
  });
  TDN_TRY_VOID(outcome);
  ByteBuffer pieces;
  for (std::size_t i = 0; i < orphans.size(); ++i) {
    pieces.clear();
    const meter::EncodedDraft parts = meter::encode_draft(orphans[i].record, pieces);
    TDN_TRY_VOID(settle({.admission_lsn = orphans[i].record.admission.lsn,
                         .parts = parts,
                         .pieces = pieces.view(),
                         .tenant_annex = annexes[2 * i].view(),
                         .operator_annex = annexes[2 * i + 1].view()}));
  }
  orphans_ = orphans.size();
  return orphans.empty() ? Result<void>{} : sync();
}

}  // namespace tdn::books
