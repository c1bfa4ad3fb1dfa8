// What control keeps, behind typed operations in transactions: SQLite below it (sqlite_store.h), or
// memory in the simulator and in tests (memory_store.h). One suite of tests holds for both.
//
//   TDN_TRY_VOID(store.begin());
//   TDN_TRY_VOID(store.savepoint());       // per operation, so that one that is refused
//   …                                      // undoes nothing of its neighbours
//   TDN_TRY_VOID(store.release());         // or undo()
//   TDN_TRY_VOID(store.commit());          // durable when it returns
//
// Errors of the operations below are failures of the storage, but for those that a comment names.
// After one nothing is known: `failure()` says it from then on, every call answers it, and the
// process that owns the store should end, for only what is read anew at start can be trusted.
//
// Not thread-safe: one thread at a time, in a real process the one thread of its pool.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "meter/summary.h"
#include "store/rows.h"

namespace tdn::store {

class Transaction {
 public:
  // False from a visitor ends the visit.
  template <class Row>
  using Visit = std::function<bool(const Row&)>;

  [[nodiscard]] virtual Result<StateRow> state() = 0;
  [[nodiscard]] virtual Result<void> put_state(const StateRow& state) = 0;

  // By kind and name.
  [[nodiscard]] virtual Result<void> put_object(const ObjectRow& object) = 0;
  // No error if there is none.
  [[nodiscard]] virtual Result<void> remove_object(std::string_view kind,
                                                   std::string_view name) = 0;
  // In the order of kind and name.
  [[nodiscard]] virtual Result<void> visit_objects(const Visit<ObjectRow>& visit) = 0;

  // Objects that are gone, so that their usage keeps a name. The oldest beyond
  // Identities::kMostFormer are forgotten.
  [[nodiscard]] virtual Result<void> add_former(const domain::FormerObject& object) = 0;
  [[nodiscard]] virtual Result<void> visit_former(const Visit<domain::FormerObject>& visit) = 0;

  [[nodiscard]] virtual Result<std::optional<EdgeRow>> edge(const Uid& edge) = 0;
  // A new one gets its `joined`; of a known one it stays.
  [[nodiscard]] virtual Result<void> put_edge(const EdgeRow& edge) = 0;
  // In the order in which they joined.
  [[nodiscard]] virtual Result<void> visit_edges(const Visit<EdgeRow>& visit) = 0;

  [[nodiscard]] virtual Result<std::optional<LogRow>> log(const Uid& edge, std::uint32_t epoch) = 0;
  // Its edge must be there.
  [[nodiscard]] virtual Result<void> put_log(const LogRow& log) = 0;

  // The log must be there. One record per edge, epoch and seq (1 to kMostRecords): a second one is
  // Code::kConflict and no failure.
  static constexpr std::uint64_t kMostRecords = (std::uint64_t{1} << 40U) - 1;
  [[nodiscard]] virtual Result<void> append_record(const Uid& edge, std::uint32_t epoch,
                                                   const RecordRow& record) = 0;
  // From `from` on, in the order of seq.
  [[nodiscard]] virtual Result<void> visit_records(const Uid& edge, std::uint32_t epoch,
                                                   std::uint64_t from,
                                                   const Visit<RecordRow>& visit) = 0;

  // Adds to a cell of usage.
  [[nodiscard]] virtual Result<void> add_usage(const meter::UsageCell& cell,
                                               const meter::SummaryRow& row) = 0;
  using VisitUsage = std::function<void(const meter::UsageCell&, const meter::SummaryRow&)>;
  // All of them; each once, in no order that means anything. Without `attribution` cells that
  // differ only in user and tags come as one.
  [[nodiscard]] virtual Result<void> visit_usage(bool attribution, const VisitUsage& visit) = 0;

 protected:
  ~Transaction() = default;
};

class Store : public Transaction {
 public:
  virtual ~Store() = default;

  [[nodiscard]] virtual Result<void> begin() = 0;
  [[nodiscard]] virtual Result<void> commit() = 0;
  // Undoes all since `begin`.
  virtual void roll_back() = 0;

  // One at a time, within a transaction.
  [[nodiscard]] virtual Result<void> savepoint() = 0;
  [[nodiscard]] virtual Result<void> release() = 0;
  [[nodiscard]] virtual Result<void> undo() = 0;

  // Not null once the storage failed.
  [[nodiscard]] virtual const Error* failure() const = 0;
};

}  // namespace tdn::store
