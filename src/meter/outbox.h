// What an edge uploads from: the settled records that its books have on disk. Implemented by the
// journal (src/books); used by whoever talks to control (src/agent), which knows no journal.
//
//   outbox.refresh(…)                       // what was settled until now is on disk
//   const auto at = outbox.position();      // up to at.last_seq there is something to upload
//   outbox.read(at.epoch, acked + 1, …)     // on a worker thread: it reads files
//   outbox.acknowledge(at.epoch, acked, keep_from)
//
// Records are dense: 1, 2, 3, … in each epoch. An epoch is one log; when control orders a new one
// (the old journal came back from a backup), the old one's records stay here until they are
// uploaded and need not be kept. All calls are thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/uid.h"

namespace tdn::meter {

// How far the journal that is being written has come, on disk.
struct OutboxPosition {
  std::uint32_t epoch = 1;
  Uid log;
  std::uint64_t last_seq = 0;
  std::uint64_t acked = 0;      // what control said last, as far as this journal has noted it
  std::uint64_t keep_from = 0;  // records below may be gone
  // Everything that was settled until `complete_through` is among the records up to
  // `complete_seq`. Zero: not known yet.
  WallTime complete_through;
  std::uint64_t complete_seq = 0;
};

// An earlier epoch whose records are still here.
struct FormerEpoch {
  std::uint32_t epoch = 0;
  std::uint64_t last_seq = 0;
};

// Settlements as journalled ([record, tenant annex, operator annex] in CBOR), packed as they are
// uploaded (codec/packed.h).
struct OutboxRecords {
  std::vector<std::uint8_t> packed;
  std::uint64_t count = 0;
};

class Outbox {
 public:
  virtual ~Outbox() = default;

  [[nodiscard]] virtual OutboxPosition position() const = 0;
  // Puts on disk whatever was settled before the call; then the position says so and `done` is
  // called, once, from any thread, possibly from within.
  virtual void refresh(std::function<void()> done) = 0;
  // By epoch. Those that are done with leave the list.
  [[nodiscard]] virtual std::vector<FormerEpoch> former() const = 0;

  // Records from `from` on, at most `most_bytes` of them but one at least, none beyond what is on
  // disk. Blocks: reads files. Errors: kMissing (pruned), kCorrupt (names file and offset),
  // kUnavailable.
  [[nodiscard]] virtual Result<OutboxRecords> read(std::uint32_t epoch, std::uint64_t from,
                                                   std::size_t most_bytes) = 0;

  // Control has committed the records up to `acked`; those below `keep_from` may go. May block.
  virtual Result<void> acknowledge(std::uint32_t epoch, std::uint64_t acked,
                                   std::uint64_t keep_from) = 0;

  // From its next start on the edge writes `epoch`, which must be higher. `forked`: control knows
  // other records under the numbers of this log, so what was settled in it since the start can not
  // be uploaded; its files are kept for people. Blocks.
  virtual Result<void> begin_epoch(std::uint32_t epoch, bool forked) = 0;
};

}  // namespace tdn::meter
