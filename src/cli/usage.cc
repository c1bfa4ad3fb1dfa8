#include "cli/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <ostream>

#include "base/assert.h"
#include "books/entry.h"
#include "books/journal_files.h"
#include "cli/state.h"
#include "cli/usage_report.h"
#include "meter/usage_report.h"

namespace tdn::cli {
namespace {

using books::Frame;
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
    TDN_TRY(const books::Entry entry, books::decode_entry(frame));
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

Result<UsageReport> read_journals(const UsageOptions& options, const std::string& state,
                                  io::Disk& disk) {
  TDN_TRY(const std::vector<meter::Dimension> by, meter::parse_dimensions(options.by));
  TDN_TRY(const std::vector<std::string> journals, find_journals(disk, state));
  TDN_TRY(const Names names, read_names(disk, state, journals));
  meter::Summary summary(by);
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

// Both have the same form.
int show(const codec::yaml::Node& usage, const UsageOptions& options, const Screen& screen) {
  if (options.json) {
    screen.out << codec::yaml::to_json_line(usage);
    return 0;
  }
  const Result<std::string> table = usage_table(usage, options.by, screen.colours);
  if (!table) {
    return tell_failure(screen, "usage", table.error());
  }
  screen.out << *table;
  return 0;
}

}  // namespace

int usage(const UsageOptions& options, const std::string& state, io::Disk& disk, Screen screen) {
  const Result<UsageReport> report = read_journals(options, state, disk);
  if (!report) {
    return tell_failure(screen, "usage", report.error());
  }
  const auto tree = codec::yaml::from_json(meter::to_json(*report));
  TDN_ASSERT(tree.has_value());
  return show(*tree, options, screen);
}

io::Task<int> usage(client::ControlClient& control, UsageOptions options, Screen screen) {
  std::string path = "/api/v1/usage?by=" + client::escape_query(options.by);
  if (options.wait_seconds > 0) {
    path += fmt::format("&wait={}", options.wait_seconds);
  }
  const Duration patience = std::chrono::seconds(10 + options.wait_seconds);
  const Result<codec::yaml::Node> answer = co_await control.get(std::move(path), patience);
  co_return answer ? show(*answer, options, screen) : tell_failure(screen, "usage", answer.error());
}

}  // namespace tdn::cli
