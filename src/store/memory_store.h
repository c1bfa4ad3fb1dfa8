// The store in memory: deterministic, for the simulator and for tests. What is committed is what a
// crash leaves: `crash` undoes what is open, as the death of a process would.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "store/store.h"

namespace tdn::store {

class MemoryStore final : public Store {
 public:
  MemoryStore() = default;

  Result<void> begin() override;
  Result<void> commit() override;
  void roll_back() override;
  Result<void> savepoint() override;
  Result<void> release() override;
  Result<void> undo() override;
  [[nodiscard]] const Error* failure() const override { return failure_ ? &*failure_ : nullptr; }

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

  [[nodiscard]] bool in_transaction() const { return open_; }
  // The process that used it died: what was open is undone, the next may begin.
  void crash() { roll_back(); }
  // The next commit fails, and with it the store, until `repair`.
  void fail_next_commit() { fail_next_commit_ = true; }
  // As a new start on the same disk: what was committed is there.
  void repair();

 private:
  using Place = std::pair<std::string, std::string>;  // kind, name
  using LogPlace = std::pair<Uid, std::uint32_t>;     // edge, epoch
  struct Record {
    bool recycled = false;
    std::vector<std::uint8_t> record, tenant_annex, operator_annex;
  };

  // kUnavailable once failed; `begin` must have been called.
  [[nodiscard]] Result<void> check() const;
  template <class Map>
  void assign(Map& map, const typename Map::key_type& key, typename Map::mapped_type value);
  template <class Map>
  void erase(Map& map, const typename Map::key_type& key);
  void undo_to(std::size_t mark);

  StateRow state_;
  std::map<Place, ObjectRow> objects_;
  std::map<std::uint64_t, domain::FormerObject> former_;
  std::map<Uid, EdgeRow> edges_;
  std::map<LogPlace, LogRow> logs_;
  std::map<LogPlace, std::map<std::uint64_t, Record>> records_;
  std::map<meter::UsageCell, meter::SummaryRow> usage_;
  std::uint64_t next_former_ = 0;
  std::uint64_t next_joined_ = 1;

  std::vector<std::function<void()>> undo_;  // the newest last
  std::size_t savepoint_ = 0;
  bool open_ = false;
  bool fail_next_commit_ = false;
  std::optional<Error> failure_;
};

}  // namespace tdn::store
