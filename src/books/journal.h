// The edge's journal, single-threaded: frames are appended to a buffer, written, synced. It knows
// nothing of threads or waiting; `Writer` (books/writer.h) drives it from the real writer thread or
// from a simulated job. The format and its reasons: docs/reference/formats/journal.md.
//
// A batch is what lies between two syncs; it may be written in several pieces, and the next begins
// only after the sync. Space: each segment is reserved whole before its first use, and one more,
// the reserve, is kept ready, so that running out of disk shows when the next reserve cannot be
// made (`is_full`), never when a record must be written.
//
// An error from a call that changes files leaves the journal unusable: the process must end and
// replay decides (a failed sync is never retried).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_buffer.h"
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "books/entry.h"
#include "books/journal_files.h"
#include "books/replica.h"
#include "io/disk.h"

namespace tdn::books {

struct JournalOptions {
  std::string dir;  // its own folder; created if missing
  Uid edge;
  std::uint32_t epoch = 1;
  std::uint64_t segment_bytes = std::uint64_t{16} << 20U;  // a multiple of 8, at least 64 KiB
};

// A settlement before it has its place.
struct SettlementDraft {
  std::uint64_t admission_lsn = 0;
  meter::EncodedDraft parts;
  ByteView pieces;
  ByteView tenant_annex;
  ByteView operator_annex;
};

class Journal {
 public:
  // Recovers: replays what is there, makes sure that all of it is on disk, settles the requests
  // whose process died, and opens a new segment. kCorrupt names file and offset; kNoSpace says what
  // is needed. `disk`, `clock` and `random` are borrowed.
  [[nodiscard]] static Result<std::unique_ptr<Journal>> open(JournalOptions options, io::Disk& disk,
                                                             const Clock& clock, Random& random);

  // Each appends one frame to the current batch. May write, sync and start a new segment on the
  // way.
  [[nodiscard]] Result<std::uint64_t> admit(ByteView payload);  // its lsn
  [[nodiscard]] Result<void> progress(const ProgressEntry& entry);
  [[nodiscard]] Result<std::uint64_t> settle(const SettlementDraft& draft);  // the record's seq
  [[nodiscard]] Result<void> refuse(const RefusalEntry& entry);
  [[nodiscard]] Result<void> delivered(const DeliveredEntry& entry);
  [[nodiscard]] Result<void> acknowledge(const AckEntry& entry);
  // Says that all before is on disk, and that all that was settled up to `complete_through` is
  // before.
  [[nodiscard]] Result<void> mark_synced(WallTime complete_through);

  // Hands the buffer to the operating system: it survives the process, not the machine.
  [[nodiscard]] Result<void> write();
  // Makes everything appended so far survive the machine.
  [[nodiscard]] Result<void> sync();

  // Removes segments that the older checkpoint covers and whose records control keeps. Done with
  // each new segment, too.
  [[nodiscard]] Result<void> prune();

  // True while there is no reserve segment. Nothing may be admitted then; `try_reserve` is to be
  // called each second until it is false.
  [[nodiscard]] bool is_full() const { return !reserve_; }
  [[nodiscard]] Result<void> try_reserve();

  // Whether all is on disk, `synced` marks aside.
  // What still fits into the current segment, in bytes.
  [[nodiscard]] std::uint64_t room() const {
    const std::uint64_t used = tail_ + pending_.size();
    return used < options_.segment_bytes ? options_.segment_bytes - used : 0;
  }
  [[nodiscard]] bool is_durable() const { return unsynced_frames_ == 0; }
  [[nodiscard]] const Replica& replica() const { return replica_; }
  [[nodiscard]] std::uint64_t durable_lsn() const { return durable_lsn_; }
  [[nodiscard]] const Uid& log() const { return log_; }
  [[nodiscard]] const JournalOptions& options() const { return options_; }
  // Orphans that `open` settled.
  [[nodiscard]] std::size_t orphans() const { return orphans_; }

 private:
  struct Recovered;

  Journal(JournalOptions options, io::Disk& disk, const Clock& clock, Random& random);

  // journal_recovery.cc
  Result<void> recover();
  Result<Recovered> replay();
  Result<Replica> newest_state(const JournalFiles& files) const;
  Result<void> continue_from(const Recovered& recovered);
  Result<void> settle_orphans();

  // journal_segments.cc
  void draw_salt();  // for the next segment
  Result<void> start_segment(std::uint64_t first_lsn, ByteView frames);
  Result<void> next_segment();
  Result<void> write_checkpoint();
  [[nodiscard]] std::string path(std::string_view name) const;
  [[nodiscard]] std::string reserve_path() const;

  // Room for a frame with a payload of at most `payload` bytes, in this batch or the next.
  Result<void> make_room(std::size_t payload);
  std::size_t begin();
  template <class E>
  void end(std::size_t begin, FrameType type, const E& entry);
  template <class E>
  Result<void> append(FrameType type, const E& entry, std::size_t payload_bound);

  struct Segment {
    JournalFile file;
    std::uint64_t last_seq = 0;  // of the records in it and before
  };

  JournalOptions options_;
  io::Disk& disk_;
  const Clock& clock_;
  Random& random_;

  Replica replica_;
  Uid log_;
  std::uint32_t salt_ = 0;
  std::unique_ptr<io::File> file_;
  bool reserve_ = false;
  std::vector<Segment> segments_;  // the last one is being written
  std::vector<JournalFile> checkpoints_;

  ByteBuffer pending_;
  std::uint64_t tail_ = 0;             // where `pending_` will stand in the segment
  std::uint32_t batch_index_ = 0;      // of the next frame
  std::uint64_t unsynced_frames_ = 0;  // `synced` marks not counted
  std::uint64_t durable_lsn_ = 0;
  std::size_t orphans_ = 0;

  ByteBuffer record_;
};

}  // namespace tdn::books
