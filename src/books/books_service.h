// The edge's books put together, as the program and the simulator own them: state folder, journal,
// writer, and one `meter::Books` per shard.
//
// Order of taking down: shards stop producing and flush; the writer closes; the shards' loops end;
// this is destroyed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "books/journal.h"
#include "books/outbox.h"
#include "books/shard_books.h"
#include "books/space.h"
#include "books/writer.h"
#include "io/disk.h"
#include "io/mailbox.h"

namespace tdn::books {

struct BooksOptions {
  std::string state_dir;  // of this edge alone
  std::uint64_t segment_bytes = std::uint64_t{16} << 20U;
  PlantedBug bug = PlantedBug::kNone;
};

class BooksService {
 public:
  // Locks the state folder, reads or makes the edge's uid and epoch, closes the journals of earlier
  // epochs, recovers the current one. All but the options borrowed.
  [[nodiscard]] static Result<std::unique_ptr<BooksService>> open(const BooksOptions& options,
                                                                  io::Disk& disk,
                                                                  const Clock& clock,
                                                                  Random& random);

  [[nodiscard]] const EdgeIdentity& identity() const { return identity_; }
  [[nodiscard]] Journal& journal() { return *journal_; }
  [[nodiscard]] Writer& writer() { return *writer_; }
  // What control is told; of use while the writer runs.
  [[nodiscard]] meter::Outbox& outbox() { return *outbox_; }
  // The books of one more shard, whose mail arrives in `mailbox`. Before the writer runs.
  ShardBooks& add_shard(io::Mailbox& mailbox);
  [[nodiscard]] ShardBooks& shard(std::size_t index) { return *shards_[index]; }

 private:
  BooksService() = default;

  EdgeIdentity identity_;
  std::unique_ptr<io::FileLock> lock_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Space> space_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<JournalOutbox> outbox_;
  std::vector<std::unique_ptr<ShardBooks>> shards_;
};

// Below the state folder.
inline constexpr std::string_view kBooksFolder = "books";
inline constexpr std::string_view kEdgeUidFile = "edge-uid";

}  // namespace tdn::books
