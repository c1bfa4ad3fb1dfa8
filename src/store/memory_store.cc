#include "store/memory_store.h"

#include "base/assert.h"

namespace tdn::store {

Result<void> MemoryStore::check() const {
  if (failure_) {
    return fail(*failure_);
  }
  TDN_ASSERT(open_);
  return {};
}

// Each change leaves behind how it is undone.
template <class Map>
void MemoryStore::assign(Map& map, const typename Map::key_type& key,
                         typename Map::mapped_type value) {
  const auto [at, fresh] = map.try_emplace(key);
  if (fresh) {
    undo_.push_back([&map, key] { map.erase(key); });
  } else {
    undo_.push_back([&map, key, former = at->second]() mutable { map[key] = std::move(former); });
  }
  at->second = std::move(value);
}

template <class Map>
void MemoryStore::erase(Map& map, const typename Map::key_type& key) {
  const auto found = map.find(key);
  if (found != map.end()) {
    undo_.push_back(
        [&map, key, former = found->second]() mutable { map[key] = std::move(former); });
    map.erase(found);
  }
}

void MemoryStore::undo_to(std::size_t mark) {
  while (undo_.size() > mark) {
    undo_.back()();
    undo_.pop_back();
  }
}

Result<void> MemoryStore::begin() {
  if (failure_) {
    return fail(*failure_);
  }
  TDN_ASSERT(!open_);
  open_ = true;
  return {};
}

Result<void> MemoryStore::commit() {
  TDN_TRY_VOID(check());
  if (fail_next_commit_) {
    fail_next_commit_ = false;
    failure_.emplace(Code::kUnavailable, "the store in memory was told to fail");
    return fail(*failure_);
  }
  undo_.clear();
  open_ = false;
  return {};
}

void MemoryStore::roll_back() {
  undo_to(0);
  open_ = false;
}

void MemoryStore::repair() {
  roll_back();
  failure_.reset();
}

Result<void> MemoryStore::savepoint() {
  TDN_TRY_VOID(check());
  savepoint_ = undo_.size();
  return {};
}

Result<void> MemoryStore::release() { return check(); }

Result<void> MemoryStore::undo() {
  TDN_TRY_VOID(check());
  undo_to(savepoint_);
  return {};
}

Result<StateRow> MemoryStore::state() {
  TDN_TRY_VOID(check());
  return state_;
}

Result<void> MemoryStore::put_state(const StateRow& state) {
  TDN_TRY_VOID(check());
  undo_.push_back([this, former = state_] { state_ = former; });
  state_ = state;
  return {};
}

Result<void> MemoryStore::put_object(const ObjectRow& object) {
  TDN_TRY_VOID(check());
  assign(objects_, {object.kind, object.name}, object);
  return {};
}

Result<void> MemoryStore::remove_object(std::string_view kind, std::string_view name) {
  TDN_TRY_VOID(check());
  erase(objects_, {std::string(kind), std::string(name)});
  return {};
}

Result<void> MemoryStore::visit_objects(const Visit<ObjectRow>& visit) {
  TDN_TRY_VOID(check());
  for (const auto& [place, object] : objects_) {
    if (!visit(object)) {
      break;
    }
  }
  return {};
}

Result<void> MemoryStore::add_former(const domain::FormerObject& object) {
  TDN_TRY_VOID(check());
  assign(former_, next_former_++, object);
  if (former_.size() > domain::Identities::kMostFormer) {
    erase(former_, former_.begin()->first);
  }
  return {};
}

Result<void> MemoryStore::visit_former(const Visit<domain::FormerObject>& visit) {
  TDN_TRY_VOID(check());
  for (const auto& [order, object] : former_) {
    if (!visit(object)) {
      break;
    }
  }
  return {};
}

Result<std::optional<EdgeRow>> MemoryStore::edge(const Uid& edge) {
  TDN_TRY_VOID(check());
  const auto found = edges_.find(edge);
  return found == edges_.end() ? std::nullopt : std::optional(found->second);
}

Result<void> MemoryStore::put_edge(const EdgeRow& edge) {
  TDN_TRY_VOID(check());
  EdgeRow row = edge;
  const auto found = edges_.find(edge.edge);
  row.joined = found != edges_.end() ? found->second.joined : next_joined_++;
  assign(edges_, edge.edge, std::move(row));
  return {};
}

Result<void> MemoryStore::visit_edges(const Visit<EdgeRow>& visit) {
  TDN_TRY_VOID(check());
  std::map<std::uint64_t, const EdgeRow*> ordered;
  for (const auto& [uid, row] : edges_) {
    ordered.emplace(row.joined, &row);
  }
  for (const auto& [joined, row] : ordered) {
    if (!visit(*row)) {
      break;
    }
  }
  return {};
}

Result<std::optional<LogRow>> MemoryStore::log(const Uid& edge, std::uint32_t epoch) {
  TDN_TRY_VOID(check());
  const auto found = logs_.find({edge, epoch});
  return found == logs_.end() ? std::nullopt : std::optional(found->second);
}

Result<void> MemoryStore::put_log(const LogRow& log) {
  TDN_TRY_VOID(check());
  TDN_ASSERT(edges_.contains(log.edge));
  assign(logs_, {log.edge, log.epoch}, log);
  return {};
}

Result<void> MemoryStore::append_record(const Uid& edge, std::uint32_t epoch,
                                        const RecordRow& record) {
  TDN_TRY_VOID(check());
  TDN_ASSERT(logs_.contains({edge, epoch}) && record.seq >= 1 && record.seq <= kMostRecords);
  std::map<std::uint64_t, Record>& records = records_[{edge, epoch}];
  if (records.contains(record.seq)) {
    return fail(Code::kConflict, "there is a record of that edge, epoch and seq already");
  }
  const auto copy = [](ByteView bytes) {
    return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
  };
  assign(records, record.seq,
         Record{record.recycled, copy(record.record), copy(record.tenant_annex),
                copy(record.operator_annex)});
  return {};
}

Result<void> MemoryStore::visit_records(const Uid& edge, std::uint32_t epoch, std::uint64_t from,
                                        const Visit<RecordRow>& visit) {
  TDN_TRY_VOID(check());
  const auto records = records_.find({edge, epoch});
  if (records == records_.end()) {
    return {};
  }
  for (auto at = records->second.lower_bound(from); at != records->second.end(); ++at) {
    const auto& [seq, row] = *at;
    if (!visit({seq, row.recycled, row.record, row.tenant_annex, row.operator_annex})) {
      break;
    }
  }
  return {};
}

Result<void> MemoryStore::add_usage(const meter::UsageCell& cell, const meter::SummaryRow& row) {
  TDN_TRY_VOID(check());
  const auto found = usage_.find(cell);
  meter::SummaryRow sum = found == usage_.end() ? meter::SummaryRow() : found->second;
  assign(usage_, cell, sum += row);
  return {};
}

Result<void> MemoryStore::visit_usage(bool attribution, const VisitUsage& visit) {
  TDN_TRY_VOID(check());
  std::map<meter::UsageCell, meter::SummaryRow> merged;
  for (const auto& [cell, row] : usage_) {
    meter::UsageCell shown = cell;
    if (!attribution) {
      shown.user = {};
      shown.tags.clear();
    }
    merged[shown] += row;
  }
  for (const auto& [cell, row] : merged) {
    visit(cell, row);
  }
  return {};
}

}  // namespace tdn::store
