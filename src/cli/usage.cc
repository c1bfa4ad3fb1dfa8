#include "cli/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <ostream>

#include "base/money.h"
#include "books/entry.h"
#include "books/journal_files.h"
#include "cli/state.h"
#include "meter/usage_report.h"

namespace tdn::cli {
namespace {

using books::Entry;
using books::Frame;
using meter::UsageLine;
using meter::UsageReport;

Result<void> add_settlement(const meter::UsageRecord& record, ByteView annex_bytes,
                            meter::Summary& summary) {
  if (annex_bytes.empty() || !summary.wants_attribution()) {
    summary.add(record);
    return {};
  }
  TDN_TRY(const meter::TenantAnnex annex, meter::decode_tenant_annex(annex_bytes));
  summary.add(record, &annex);
  return {};
}

// The segments of one epoch. Each record's seq is one more than that of the one before.
struct EpochRead {
  std::optional<WallTime> complete;
  std::uint64_t first_seq = 0;  // 0: no record here
  WallTime first_settled;
};

Result<EpochRead> read_epoch(io::Disk& disk, const std::string& dir, std::uint32_t epoch,
                             meter::Summary& summary) {
  TDN_TRY(const books::JournalFiles files, books::list_journal(disk, dir, epoch));
  EpochRead read;
  const auto visit = [&](const Frame& frame, std::uint64_t) -> Result<void> {
    if (frame.type != books::FrameType::kSettlement && frame.type != books::FrameType::kSynced) {
      return {};
    }
    TDN_TRY(const Entry entry, books::decode_entry(frame));
    if (const auto* settlement = std::get_if<books::SettlementEntry>(&entry)) {
      TDN_TRY(const meter::UsageRecord record, meter::decode_record(settlement->record));
      TDN_TRY_VOID(add_settlement(record, settlement->tenant_annex, summary));
      if (read.first_seq == 0) {
        read.first_seq = settlement->seq;
        read.first_settled = {record.admitted.us + static_cast<std::int64_t>(record.settled_us)};
      }
    } else if (const auto* synced = std::get_if<books::SyncedEntry>(&entry)) {
      read.complete = synced->wall;
    }
    return {};
  };
  for (std::size_t i = 0; i < files.segments.size(); ++i) {
    const auto scanned = books::scan_file(disk, files, i, books::Liveness::kLive, visit);
    // Removed since it was listed: control has taken it.
    const bool gone = !scanned && scanned.error().code() == Code::kMissing && read.first_seq == 0;
    if (!scanned && !gone) {
      return fail(scanned.error());
    }
  }
  return read;
}

// All epochs of one edge; when the last of them, which is being written, was last known complete.
Result<std::optional<WallTime>> add_journal(io::Disk& disk, const std::string& dir,
                                            meter::Summary& summary,
                                            std::vector<UsageReport::Beginning>& beginnings) {
  TDN_TRY(const std::vector<std::uint32_t> epochs, books::list_epochs(disk, dir));
  EpochRead last;
  for (const std::uint32_t epoch : epochs) {
    TDN_TRY(last, read_epoch(disk, dir, epoch, summary));
    if (last.first_seq > 1) {
      beginnings.push_back({dir, last.first_seq, last.first_settled});
    }
  }
  return last.complete;
}

Result<UsageReport> make_report(const UsageOptions& options, io::Disk& disk) {
  TDN_TRY(const std::vector<std::string> journals, find_journals(disk, options.state));
  TDN_TRY(const Names names, read_names(options.state, journals));
  meter::Summary summary(options.by);
  std::optional<WallTime> complete_through;
  std::vector<UsageReport::Beginning> beginnings;
  for (std::size_t i = 0; i < journals.size(); ++i) {
    TDN_TRY(const std::optional<WallTime> complete,
            add_journal(disk, journals[i], summary, beginnings));
    complete_through = i == 0 ? complete : std::min(complete, complete_through);
  }
  const meter::NameOf name_of = [&names](std::string_view kind, const Uid& uid) -> std::string {
    const auto of_kind = names.find(std::string(kind));
    if (of_kind == names.end()) {
      return "";
    }
    const auto name = of_kind->second.find(uid);
    return name == of_kind->second.end() ? "" : name->second;
  };
  UsageReport report = meter::make_report(summary, name_of);
  report.complete_through = complete_through;
  report.beginnings = std::move(beginnings);
  return report;
}

std::string render_table(const UsageReport& report) {
  std::vector<std::vector<std::string>> cells(1);
  for (const meter::Dimension dimension : report.by) {
    cells[0].emplace_back(meter::name_of(dimension));
  }
  const std::size_t names = cells[0].size();
  for (const char* title : {"requests", "input", "cached input", "output", "amount", "currency"}) {
    cells[0].emplace_back(title);
  }
  for (const UsageLine& line : report.lines) {
    std::vector<std::string>& row = cells.emplace_back(line.by);
    const meter::TokenTotals& tokens = line.row.tokens;
    for (const std::uint64_t number :
         {line.row.requests, tokens.input, tokens.cached_input, tokens.output}) {
      row.push_back(std::to_string(number));
    }
    row.push_back(to_string(line.row.amount));
    row.emplace_back(line.currency.text());
  }
  std::string text;
  for (const std::vector<std::string>& row : cells) {
    std::string shown;
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::size_t width = 0;
      for (const std::vector<std::string>& other : cells) {
        width = std::max(width, other[i].size());
      }
      // Names to the left, numbers to the right.
      const bool left = i < names || i + 1 == row.size();
      shown +=
          left ? fmt::format("{:<{}}  ", row[i], width) : fmt::format("{:>{}}  ", row[i], width);
    }
    shown.erase(shown.find_last_not_of(' ') + 1);
    text += shown + "\n";
  }
  text += report.complete_through
              ? fmt::format("complete through {}\n", to_rfc3339(*report.complete_through))
              : "not yet known to be complete: the edge has just started\n";
  for (const UsageReport::Beginning& beginning : report.beginnings) {
    text += fmt::format("{} begins with record {}, settled {}; what is older is at control\n",
                        beginning.journal, beginning.seq, to_rfc3339(beginning.settled));
  }
  return text;
}

}  // namespace

int usage(const UsageOptions& options, io::Disk& disk, std::ostream& out, std::ostream& err) {
  const auto report = make_report(options, disk);
  if (!report) {
    err << "tdn usage: " << report.error().detail() << "\n";
    return 1;
  }
  out << (options.output == Output::kJson ? meter::to_json(*report) + "\n" : render_table(*report));
  return 0;
}

}  // namespace tdn::cli
