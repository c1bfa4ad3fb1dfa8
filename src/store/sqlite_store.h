// The store in one SQLite file. Strict about SQLite's own rules, because Debian 12's version has a
// fault with two connections that write or checkpoint at once: one process owns the file (a lock
// file beside it), by one connection, which alone writes and checkpoints. Everything else, backups
// included, opens it read-only.
//
// WAL with synchronous=FULL, so that what `commit` returned from survives a loss of power; the log
// is taken over by this connection once it passes kCheckpointPages. At start: application_id,
// schema version and quick_check.
#pragma once

#include <memory>
#include <string>

#include "io/disk.h"
#include "store/store.h"

namespace tdn::store {

struct SqliteOptions {
  // Without it a loss of power may take the last commits: for tests that crash nothing.
  bool durable = true;
};

class SqliteStore final : public Store {
 public:
  static constexpr int kCheckpointPages = 2000;  // 8 MiB

  // Opens or makes the file. kInvalid: another process has it, or it is not a store of this
  // version; kCorrupt: it is damaged; kUnavailable, kNoSpace.
  [[nodiscard]] static Result<std::unique_ptr<SqliteStore>> open(const std::string& path,
                                                                 io::Disk& disk,
                                                                 const SqliteOptions& options = {});
  // Rolls back what is open and takes the log over.
  ~SqliteStore() override;

  Result<void> begin() override;
  Result<void> commit() override;
  void roll_back() override;
  Result<void> savepoint() override;
  Result<void> release() override;
  Result<void> undo() override;
  [[nodiscard]] const Error* failure() const override;

  Result<StateRow> state() override;
  Result<void> put_state(const StateRow& state) override;
  Result<void> put_object(const ObjectRow& object) override;
  Result<void> remove_object(std::string_view kind, std::string_view name) override;
  Result<void> visit_objects(const Visit<ObjectRow>& visit) override;
  Result<void> add_former(const domain::FormerObject& object) override;
  Result<void> visit_former(const Visit<domain::FormerObject>& visit) override;
  Result<std::optional<EdgeRow>> edge(const Uid& edge) override;
  Result<void> put_edge(const EdgeRow& edge) override;
  Result<void> visit_edges(const Visit<EdgeRow>& visit) override;
  Result<std::optional<LogRow>> log(const Uid& edge, std::uint32_t epoch) override;
  Result<void> put_log(const LogRow& log) override;
  Result<void> append_record(const Uid& edge, std::uint32_t epoch,
                             const RecordRow& record) override;
  Result<void> visit_records(const Uid& edge, std::uint32_t epoch, std::uint64_t from,
                             const Visit<RecordRow>& visit) override;
  Result<void> add_usage(const meter::UsageCell& cell, const meter::SummaryRow& row) override;
  Result<void> visit_usage(bool attribution, const VisitUsage& visit) override;

  // Pages in the log that are not taken over yet.
  [[nodiscard]] int log_pages() const;

 private:
  struct Parts;
  explicit SqliteStore(std::unique_ptr<Parts> parts);
  // The number that stands for (edge, epoch) in other tables; 0 if there is none.
  [[nodiscard]] std::int64_t log_number(const Uid& edge, std::uint32_t epoch);
  [[nodiscard]] Result<void> add_cell(const meter::UsageCell& cell, bool attribution,
                                      const meter::SummaryRow& row);

  std::unique_ptr<Parts> parts_;
};

}  // namespace tdn::store
