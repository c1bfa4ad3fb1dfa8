// Taking a sync: whether the edge is whom we know, whether its books are the ones we know, and its
// records, each exactly once (FORMATS §8). What is refused leaves traces too (a quarantine), so a
// refusal is a value here; errors are failures of the store, or a message that no edge of ours
// sends (Code::kInvalidRequest).
//
//   stale       numbered lower than one that was taken, or of an earlier start of the edge, as it
//               seems: starts are in the order of their uids, which hold the edge's wall clock. One
//               that goes on numbering its syncs is alive, whatever its clock says
//   clone       one epoch with two logs, or one seq with two contents: quarantined
//   rollback    the journal ends before what was acknowledged: the edge must write a new epoch
//   gap         records are missing before those uploaded
//
// Plain functions over a transaction, on the store's thread.
#pragma once

#include <optional>
#include <variant>

#include "base/time.h"
#include "protocol/sync.h"
#include "store/store.h"

namespace tdn::control {

// What of a reply concerns the books.
struct Taken {
  std::uint32_t epoch = 1;  // that the edge should write
  std::uint64_t acked = 0;
  std::uint64_t keep_from = 1;
  bool joined = false;  // it was not known before
  std::uint64_t records = 0;
  std::uint64_t repeated = 0;  // known already
  std::uint64_t recycled = 0;
};

using Ingested = std::variant<Taken, protocol::SyncRefusal>;

// `site`: whose secret came with it.
[[nodiscard]] Result<Ingested> take_sync(store::Transaction& transaction, std::string_view site,
                                         const protocol::SyncRequest& request, WallTime now);

}  // namespace tdn::control
