#include "control/ingest.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/fail_point.h"
#include "codec/cbor.h"
#include "codec/packed.h"
#include "meter/summary.h"

namespace tdn::control {
namespace {

using protocol::SyncFault;
using protocol::SyncRefusal;
using protocol::SyncRequest;
using protocol::Upload;

// A settlement payload: the record and its annexes, each empty if there is none.
struct Settlement {
  ByteView record;
  ByteView tenant_annex;
  ByteView operator_annex;
};

Result<Settlement> open_settlement(ByteView payload, std::uint64_t seq) {
  codec::CborReader cbor(payload);
  const bool three = cbor.array() == 3;
  const Settlement settlement{cbor.bytes(), cbor.bytes(), cbor.bytes()};
  if (!three || !cbor.ok() || !cbor.at_end()) {
    return fail(Code::kInvalidRequest,
                fmt::format("upload: record {} is no settlement; check the edge's journal", seq));
  }
  return settlement;
}

// Most requests of a tenant, and all to one endpoint at one price, have annexes of the same bytes:
// those of the record before are not hashed again.
class LastAnnex {
 public:
  [[nodiscard]] bool fits(ByteView annex, const codec::Digest& announced) {
    if (annex.empty()) {  // an erased one is no fault
      return true;
    }
    if (!std::ranges::equal(annex, bytes_)) {
      bytes_ = annex;
      digest_ = codec::sha256(annex);
    }
    return digest_ == announced;
  }

 private:
  ByteView bytes_;  // of the upload
  codec::Digest digest_{};
};

class Sync {
 public:
  Sync(store::Transaction& transaction, std::string_view site, const SyncRequest& request,
       WallTime now)
      : transaction_(transaction), site_(site), request_(request), now_(now) {}

  Result<Ingested> take() {
    TDN_TRY(const std::optional<store::EdgeRow> known, transaction_.edge(request_.edge));
    taken_.joined = !known;
    edge_ = known ? *known : store::EdgeRow{.edge = request_.edge, .site = std::string(site_)};
    if (known && edge_.site != site_) {
      return Ingested(refusal(
          SyncFault::kClone,
          fmt::format("this edge's uid belongs to site {}, the node secret to {}; give each site a "
                      "state folder of its own",
                      edge_.site, site_)));
    }
    if (!edge_.quarantine.empty()) {
      return Ingested(refusal(SyncFault::kQuarantined, edge_.quarantine));
    }
    if (is_stale()) {
      TDN_TRY_VOID(transaction_.put_edge(edge_));
      return Ingested(refusal(SyncFault::kStale, "a later sync of this edge was taken already"));
    }
    meet();
    TDN_TRY(Ingested result, take_books());
    if (std::holds_alternative<Taken>(result) && request_.complete_through) {
      edge_.complete_through = request_.complete_through;
    }
    TDN_TRY_VOID(transaction_.put_edge(edge_));
    return result;
  }

 private:
  [[nodiscard]] SyncRefusal refusal(SyncFault fault, std::string message) const {
    return {.fault = fault, .message = std::move(message), .expected = 0, .epoch = edge_.epoch};
  }

  // What was delayed must not pass for a rollback. But a clock that was set back must not shut an
  // edge out: it is believed when it goes on.
  [[nodiscard]] bool is_stale() {
    if (request_.boot == edge_.boot) {
      return request_.n < edge_.n;
    }
    const auto& former = edge_.former_boots;
    const bool seems_earlier =
        std::ranges::find(former, request_.boot) != former.end() || request_.boot < edge_.boot;
    if (!seems_earlier || (request_.boot == edge_.suspect_boot && request_.n > edge_.suspect_n)) {
      return false;
    }
    edge_.suspect_boot = request_.boot;
    edge_.suspect_n = request_.n;
    return true;
  }

  // Keeps what this sync says of the edge itself.
  void meet() {
    if (request_.boot != edge_.boot && !edge_.boot.is_zero()) {
      edge_.former_boots.push_back(edge_.boot);
      if (edge_.former_boots.size() > store::EdgeRow::kMostFormerBoots) {
        edge_.former_boots.erase(edge_.former_boots.begin());
      }
    }
    std::erase(edge_.former_boots, request_.boot);
    edge_.boot = request_.boot;
    edge_.n = request_.n;
    edge_.suspect_boot = {};
    edge_.last_sync = now_;
    // Higher than known: control was restored from a backup that is older than the epoch.
    edge_.epoch =
        taken_.joined ? request_.journal.epoch : std::max(edge_.epoch, request_.journal.epoch);
  }

  Result<store::LogRow> log_of(std::uint32_t epoch) {
    TDN_TRY(std::optional<store::LogRow> known, transaction_.log(request_.edge, epoch));
    if (known) {
      return *std::move(known);
    }
    store::LogRow log{.edge = request_.edge, .epoch = epoch};
    TDN_TRY_VOID(transaction_.put_edge(edge_));  // which a log stands under
    TDN_TRY_VOID(transaction_.put_log(log));
    return log;
  }

  Result<Ingested> take_books() {
    TDN_TRY(store::LogRow log, log_of(request_.journal.epoch));
    if (log.log.is_zero()) {
      log.log = request_.journal.log;
      TDN_TRY_VOID(transaction_.put_log(log));
    } else if (log.log != request_.journal.log) {
      return quarantine(
          SyncFault::kClone,
          fmt::format("epoch {} has two logs, {} and {}: the state folder was copied, or its "
                      "journal made anew; start the edge with an empty state folder",
                      log.epoch, to_string(log.log), to_string(request_.journal.log)));
    }
    if (log.rolled_back || request_.journal.last_seq < log.acked) {
      return roll_back(log);
    }
    if (!request_.upload) {
      return acknowledge(log);
    }
    if (request_.upload->epoch != log.epoch) {
      TDN_TRY(log, log_of(request_.upload->epoch));
    }
    return take_upload(log, *request_.upload);
  }

  Result<Ingested> quarantine(SyncFault fault, std::string why) {
    edge_.quarantine = why;
    return Ingested(refusal(fault, std::move(why)));
  }

  Result<Ingested> roll_back(store::LogRow& log) {
    if (!log.rolled_back) {
      log.rolled_back = true;
      TDN_TRY_VOID(transaction_.put_log(log));
      edge_.epoch = std::max(edge_.epoch, log.epoch + 1);
    }
    return Ingested(refusal(
        SyncFault::kRollback,
        fmt::format("the journal of epoch {} ends at record {}, {} were acknowledged: an older "
                    "state came back; go on with epoch {}",
                    log.epoch, request_.journal.last_seq, log.acked, edge_.epoch)));
  }

  [[nodiscard]] Ingested acknowledge(const store::LogRow& log) {
    taken_.epoch = edge_.epoch;
    taken_.acked = log.acked;
    taken_.keep_from = log.acked + 1;  // no backup is configured: what is here is what there is
    return taken_;
  }

  Result<Ingested> take_upload(store::LogRow& log, const Upload& upload) {
    if (upload.from == 0) {
      return fail(Code::kInvalidRequest, "upload.from: records are counted from 1");
    }
    if (upload.from > log.acked + 1) {
      SyncRefusal gap =
          refusal(SyncFault::kGap, fmt::format("record {} of epoch {} is due, not {}",
                                               log.acked + 1, log.epoch, upload.from));
      gap.expected = log.acked + 1;
      return Ingested(gap);
    }
    std::vector<Settlement> settlements;
    TDN_TRY_VOID(unpack(upload, settlements));
    TDN_TRY(const std::uint64_t differs, compare(log, upload.from, settlements));
    if (differs != 0) {
      return two_contents(log, differs);
    }
    const std::uint64_t known =
        std::min<std::uint64_t>(log.acked + 1 - upload.from, settlements.size());
    const std::span<const Settlement> fresh = std::span(settlements).subspan(known);
    taken_.repeated = known;
    if (fresh.empty()) {
      return acknowledge(log);
    }
    TDN_TRY(const bool chained, append(log, fresh));
    if (!chained) {
      return two_contents(log, log.acked);
    }
    TDN_TRY_VOID(transaction_.put_log(log));
    for (const auto& [cell, row] : usage_) {
      TDN_TRY_VOID(transaction_.add_usage(cell, row));
    }
    fail_point("control.before_commit");
    return acknowledge(log);
  }

  static Result<void> unpack(const Upload& upload, std::vector<Settlement>& settlements) {
    ByteView packed(upload.records);
    while (true) {
      TDN_TRY(const std::optional<ByteView> payload, codec::unpack(packed));
      if (!payload) {
        return {};
      }
      TDN_TRY(settlements.emplace_back(),
              open_settlement(*payload, upload.from + settlements.size()));
    }
  }

  // The first seq that we have with another content; 0 if none.
  Result<std::uint64_t> compare(const store::LogRow& log, std::uint64_t from,
                                const std::vector<Settlement>& settlements) {
    std::uint64_t differs = 0;
    if (from > log.acked) {
      return differs;
    }
    const std::uint64_t last = from + settlements.size() - 1;
    TDN_TRY_VOID(
        transaction_.visit_records(log.edge, log.epoch, from, [&](const store::RecordRow& row) {
          if (row.seq <= last &&
              !std::ranges::equal(row.record, settlements[row.seq - from].record)) {
            differs = row.seq;
          }
          return row.seq < last && differs == 0;
        }));
    return differs;
  }

  Result<Ingested> two_contents(store::LogRow& log, std::uint64_t seq) {
    if (log.rolled_back) {
      return roll_back(log);
    }
    return quarantine(
        SyncFault::kClone,
        fmt::format("record {} of epoch {} was uploaded with two contents: two processes write one "
                    "edge's books, or its disk was changed; start the edge with an empty state "
                    "folder",
                    seq, log.epoch));
  }

  // False if the chain of hashes does not go on from what we have.
  Result<bool> append(store::LogRow& log, std::span<const Settlement> fresh) {
    for (const Settlement& settlement : fresh) {
      const std::uint64_t seq = log.acked + 1;
      TDN_TRY(const meter::UsageRecord record, decode(settlement, log.epoch, seq));
      if (record.prev != log.last_hash) {
        return false;
      }
      const bool recycled = meter::is_recycled(record);
      TDN_TRY_VOID(transaction_.append_record(log.edge, log.epoch,
                                              {.seq = seq,
                                               .recycled = recycled,
                                               .record = settlement.record,
                                               .tenant_annex = settlement.tenant_annex,
                                               .operator_annex = settlement.operator_annex}));
      add_up(record, settlement.tenant_annex);
      log.acked = seq;
      log.last_hash = codec::sha256(settlement.record);
      ++taken_.records;
      taken_.recycled += recycled ? 1 : 0;
    }
    return true;
  }

  Result<meter::UsageRecord> decode(const Settlement& settlement, std::uint32_t epoch,
                                    std::uint64_t seq) {
    auto record = meter::decode_record(settlement.record);
    const auto wrong = [&](std::string_view why) {
      return fail(Code::kInvalidRequest,
                  fmt::format("upload: record {} of epoch {}: {}; check the edge's journal", seq,
                              epoch, why));
    };
    if (!record) {
      return wrong(record.error().detail());
    }
    if (record->edge != request_.edge || record->epoch != epoch || record->seq != seq) {
      return wrong("is the record of another edge or place");
    }
    if (!tenant_annex_.fits(settlement.tenant_annex, record->tenant_annex) ||
        !operator_annex_.fits(settlement.operator_annex, record->operator_annex)) {
      return wrong("an annex is not the one that the record names");
    }
    return record;
  }

  void add_up(const meter::UsageRecord& record, ByteView annex_bytes) {
    if (!meter::is_usage(record)) {
      return;
    }
    std::optional<meter::TenantAnnex> annex;
    if (!annex_bytes.empty()) {  // one of a later version counts without its user and tags
      const auto decoded = meter::decode_tenant_annex(annex_bytes);
      annex = decoded ? std::optional(*decoded) : std::nullopt;
    }
    usage_[meter::cell_of(record, annex ? &*annex : nullptr)] += meter::row_of(record);
  }

  store::Transaction& transaction_;
  std::string_view site_;
  const SyncRequest& request_;
  WallTime now_;
  store::EdgeRow edge_;
  Taken taken_;
  LastAnnex tenant_annex_;
  LastAnnex operator_annex_;
  std::map<meter::UsageCell, meter::SummaryRow> usage_;
};

}  // namespace

Result<Ingested> take_sync(store::Transaction& transaction, std::string_view site,
                           const SyncRequest& request, WallTime now) {
  return Sync(transaction, site, request, now).take();
}

}  // namespace tdn::control
