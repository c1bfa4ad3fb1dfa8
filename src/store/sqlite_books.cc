// The half of SqliteStore about edges and what they uploaded.
#include <algorithm>

#include "base/assert.h"
#include "store/detail/parts.h"

namespace tdn::store {
namespace {

using detail::Statement;

constexpr unsigned kSeqBits = 40;

EdgeRow edge_of(const Statement& sql) {
  EdgeRow edge{.edge = sql.uid(1),
               .site = std::string(sql.text(2)),
               .joined = sql.count(0),
               .epoch = static_cast<std::uint32_t>(sql.number(3)),
               .boot = sql.uid(4),
               .n = sql.count(5),
               .former_boots = {},
               .suspect_boot = sql.uid(10),
               .suspect_n = sql.count(11),
               .quarantine = std::string(sql.text(7)),
               .complete_through = {},
               .last_sync = {sql.number(9)}};
  ByteView boots = sql.bytes(6);
  while (boots.size() >= sizeof(Uid::bytes)) {
    Uid& boot = edge.former_boots.emplace_back();
    std::ranges::copy(boots.first(boot.bytes.size()), boot.bytes.begin());
    boots = boots.subspan(boot.bytes.size());
  }
  if (!sql.is_null(8)) {
    edge.complete_through = WallTime{sql.number(8)};
  }
  return edge;
}

meter::SummaryRow row_of(const Statement& sql, int first) {
  const auto high = static_cast<Amount>(sql.number(first + 4));
  return {
      .requests = sql.count(first),
      .tokens = {.input = sql.count(first + 1),
                 .cached_input = sql.count(first + 2),
                 .output = sql.count(first + 3)},
      .amount = high * (static_cast<Amount>(1) << 64) + static_cast<Amount>(sql.count(first + 5))};
}

meter::UsageCell cell_of(const Statement& sql) {
  meter::UsageCell cell{.tenant = sql.uid(0),
                        .project = sql.uid(1),
                        .key = sql.uid(2),
                        .model = sql.uid(3),
                        .site = sql.uid(4),
                        .endpoint = sql.uid(5),
                        .currency = {},
                        .user = {},
                        .tags = detail::tags_of_text(sql.text(8))};
  const std::string_view currency = sql.text(6);
  std::copy_n(currency.begin(), std::min(currency.size(), cell.currency.code.size()),
              cell.currency.code.begin());
  const ByteView user = sql.bytes(7);
  std::copy_n(user.begin(), std::min(user.size(), cell.user.size()), cell.user.begin());
  return cell;
}

}  // namespace

Result<std::optional<EdgeRow>> SqliteStore::edge(const Uid& edge) {
  Statement& sql = parts_->sql->edge.reset().bind(edge);
  std::optional<EdgeRow> row;
  if (sql.step()) {
    row = edge_of(sql);
  }
  sql.reset();
  TDN_TRY_VOID(parts_->db.check());
  return row;
}

Result<void> SqliteStore::put_edge(const EdgeRow& edge) {
  std::vector<std::uint8_t> boots;
  for (const Uid& boot : edge.former_boots) {
    boots.insert(boots.end(), boot.bytes.begin(), boot.bytes.end());
  }
  Statement& sql = parts_->sql->put_edge.reset()
                       .bind(edge.edge)
                       .bind(std::string_view(edge.site))
                       .bind(edge.epoch)
                       .bind(edge.boot)
                       .bind(edge.n)
                       .bind(ByteView(boots))
                       .bind(std::string_view(edge.quarantine));
  edge.complete_through ? sql.bind(edge.complete_through->us) : sql.bind_null();
  return sql.bind(edge.last_sync.us).bind(edge.suspect_boot).bind(edge.suspect_n).run();
}

Result<void> SqliteStore::visit_edges(const Visit<EdgeRow>& visit) {
  Statement& sql = parts_->sql->edges.reset();
  while (sql.step() && visit(edge_of(sql))) {
  }
  sql.reset();
  return parts_->db.check();
}

Result<std::optional<LogRow>> SqliteStore::log(const Uid& edge, std::uint32_t epoch) {
  Statement& sql = parts_->sql->log.reset().bind(edge).bind(epoch);
  std::optional<LogRow> row;
  if (sql.step()) {
    row.emplace(LogRow{.edge = edge,
                       .epoch = epoch,
                       .log = sql.uid(1),
                       .acked = sql.count(2),
                       .last_hash = {},
                       .rolled_back = sql.number(4) != 0});
    const ByteView hash = sql.bytes(3);
    std::copy_n(hash.begin(), std::min(hash.size(), row->last_hash.size()), row->last_hash.begin());
    parts_->numbers[{edge, epoch}] = sql.number(0);
  }
  sql.reset();
  TDN_TRY_VOID(parts_->db.check());
  return row;
}

Result<void> SqliteStore::put_log(const LogRow& log) {
  return parts_->sql->put_log.reset()
      .bind(log.edge)
      .bind(log.epoch)
      .bind(log.log)
      .bind(log.acked)
      .bind(ByteView(log.last_hash))
      .bind(std::int64_t{log.rolled_back ? 1 : 0})
      .run();
}

std::int64_t SqliteStore::log_number(const Uid& edge, std::uint32_t epoch) {
  const auto known = parts_->numbers.find({edge, epoch});
  if (known != parts_->numbers.end()) {
    return known->second;
  }
  const auto found = log(edge, epoch);  // which remembers the number
  return found && *found ? parts_->numbers.at({edge, epoch}) : 0;
}

Result<void> SqliteStore::append_record(const Uid& edge, std::uint32_t epoch,
                                        const RecordRow& record) {
  const std::int64_t number = log_number(edge, epoch);
  TDN_TRY_VOID(parts_->db.check());
  TDN_ASSERT(number > 0 && record.seq >= 1 && record.seq <= kMostRecords);
  const std::uint64_t id = (static_cast<std::uint64_t>(number) << kSeqBits) | record.seq;
  return parts_->sql->append_record.reset()
      .bind(id)
      .bind(std::int64_t{record.recycled ? 1 : 0})
      .bind(record.record)
      .bind(record.tenant_annex)
      .bind(record.operator_annex)
      .run();
}

Result<void> SqliteStore::visit_records(const Uid& edge, std::uint32_t epoch, std::uint64_t from,
                                        const Visit<RecordRow>& visit) {
  const std::int64_t number = log_number(edge, epoch);
  TDN_TRY_VOID(parts_->db.check());
  if (number == 0 || from > kMostRecords) {
    return {};
  }
  const std::uint64_t base = static_cast<std::uint64_t>(number) << kSeqBits;
  Statement& sql = parts_->sql->records.reset().bind(base | from).bind(base | kMostRecords);
  while (sql.step()) {
    const RecordRow row{.seq = sql.count(0) & kMostRecords,
                        .recycled = sql.number(1) != 0,
                        .record = sql.bytes(2),
                        .tenant_annex = sql.bytes(3),
                        .operator_annex = sql.bytes(4)};
    if (!visit(row)) {
      break;
    }
  }
  sql.reset();
  return parts_->db.check();
}

Result<void> SqliteStore::add_cell(const meter::UsageCell& cell, bool attribution,
                                   const meter::SummaryRow& row) {
  const std::string tags = attribution ? detail::tags_to_text(cell.tags) : "";
  const meter::Digest user = attribution ? cell.user : meter::Digest{};
  const auto bind_cell = [&](Statement& sql) -> Statement& {
    return sql.reset()
        .bind(std::int64_t{attribution ? 1 : 0})
        .bind(cell.tenant)
        .bind(cell.project)
        .bind(cell.key)
        .bind(cell.model)
        .bind(cell.site)
        .bind(cell.endpoint)
        .bind(cell.currency.text())
        .bind(ByteView(user))
        .bind(std::string_view(tags));
  };
  Statement& sql = bind_cell(parts_->sql->cell);
  meter::SummaryRow sum = sql.step() ? row_of(sql, 0) : meter::SummaryRow();
  sql.reset();
  TDN_TRY_VOID(parts_->db.check());
  sum += row;
  return bind_cell(parts_->sql->put_cell)
      .bind(sum.requests)
      .bind(sum.tokens.input)
      .bind(sum.tokens.cached_input)
      .bind(sum.tokens.output)
      .bind(static_cast<std::int64_t>(sum.amount >> 64))
      .bind(static_cast<std::uint64_t>(sum.amount))
      .run();
}

Result<void> SqliteStore::add_usage(const meter::UsageCell& cell, const meter::SummaryRow& row) {
  TDN_TRY_VOID(add_cell(cell, false, row));
  return add_cell(cell, true, row);
}

Result<void> SqliteStore::visit_usage(bool attribution, const VisitUsage& visit) {
  Statement& sql = parts_->sql->cells.reset().bind(std::int64_t{attribution ? 1 : 0});
  while (sql.step()) {
    visit(cell_of(sql), row_of(sql, 9));
  }
  sql.reset();
  return parts_->db.check();
}

}  // namespace tdn::store
