#include "cli/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <ostream>
#include <tuple>

#include "base/money.h"
#include "books/entry.h"
#include "books/journal_files.h"
#include "cli/state.h"
#include "codec/json_writer.h"

namespace tdn::cli {
namespace {

using books::Entry;
using books::Frame;

struct Report {
  meter::Summary summary;
  Names names;
  // Everything settled until then is in the rows; none if an edge has not yet said so.
  std::optional<WallTime> complete_through;
  // Of journals whose first records are gone from here: control has them.
  struct Beginning {
    std::string journal;
    std::uint64_t seq = 0;
    WallTime settled;
  };
  std::vector<Beginning> beginnings;
};

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
      summary.add(record);
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
                                            Report& report) {
  TDN_TRY(const std::vector<std::uint32_t> epochs, books::list_epochs(disk, dir));
  EpochRead last;
  for (const std::uint32_t epoch : epochs) {
    TDN_TRY(last, read_epoch(disk, dir, epoch, report.summary));
    if (last.first_seq > 1) {
      report.beginnings.push_back({dir, last.first_seq, last.first_settled});
    }
  }
  return last.complete;
}

Result<Report> make_report(const UsageOptions& options, io::Disk& disk) {
  TDN_TRY(const std::vector<std::string> journals, find_journals(disk, options.state));
  Report report{
      .summary = meter::Summary(options.by), .names = {}, .complete_through = {}, .beginnings = {}};
  TDN_TRY(report.names, read_names(options.state, journals));
  for (std::size_t i = 0; i < journals.size(); ++i) {
    TDN_TRY(const std::optional<WallTime> complete, add_journal(disk, journals[i], report));
    report.complete_through = i == 0 ? complete : std::min(complete, report.complete_through);
  }
  return report;
}

std::string name_of(const Report& report, meter::Dimension dimension, const Uid& uid) {
  const auto kind = report.names.find(std::string(meter::kind_of(dimension)));
  if (kind != report.names.end()) {
    if (const auto name = kind->second.find(uid); name != kind->second.end()) {
      return name->second;
    }
  }
  return uid.is_zero() ? "" : to_string(uid);
}

// Rows in the order of what they show.
struct Line {
  std::vector<std::string> by;
  Currency currency;
  meter::SummaryRow row;
};
std::vector<Line> lines_of(const Report& report) {
  std::vector<Line> lines;
  for (const auto& [key, row] : report.summary.rows()) {
    Line line{.by = {}, .currency = key.currency, .row = row};
    for (std::size_t i = 0; i < key.by.size(); ++i) {
      line.by.push_back(name_of(report, report.summary.by()[i], key.by[i]));
    }
    lines.push_back(std::move(line));
  }
  std::ranges::sort(lines, [](const Line& a, const Line& b) {
    return std::tie(a.by, a.currency) < std::tie(b.by, b.currency);
  });
  return lines;
}

void write_beginnings(codec::JsonWriter& json, const Report& report) {
  if (report.beginnings.empty()) {
    return;
  }
  json.key("beginsAt").begin_array();
  for (const Report::Beginning& beginning : report.beginnings) {
    json.begin_object().key("journal").string(beginning.journal);
    json.key("seq").string(std::to_string(beginning.seq));
    json.key("settled").string(to_rfc3339(beginning.settled)).end_object();
  }
  json.end_array();
}

std::string render_json(const Report& report) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("rows").begin_array();
  for (const Line& line : lines_of(report)) {
    json.begin_object().key("by").begin_object();
    for (std::size_t i = 0; i < line.by.size(); ++i) {
      json.key(meter::name_of(report.summary.by()[i])).string(line.by[i]);
    }
    json.end_object().key("requests").string(std::to_string(line.row.requests));
    json.key("tokens").begin_object();
    json.key("input").string(std::to_string(line.row.tokens.input));
    json.key("cachedInput").string(std::to_string(line.row.tokens.cached_input));
    json.key("output").string(std::to_string(line.row.tokens.output));
    json.end_object().key("amount").string(to_string(line.row.amount));
    json.key("currency").string(line.currency.text()).end_object();
  }
  json.end_array();
  write_beginnings(json, report);
  json.key("completeThrough");
  report.complete_through ? json.string(to_rfc3339(*report.complete_through)) : json.null();
  json.key("lateSites").begin_array().end_array().end_object();
  return text + "\n";
}

std::string render_table(const Report& report) {
  std::vector<std::vector<std::string>> cells(1);
  for (const meter::Dimension dimension : report.summary.by()) {
    cells[0].emplace_back(meter::name_of(dimension));
  }
  const std::size_t names = cells[0].size();
  for (const char* title : {"requests", "input", "cached input", "output", "amount", "currency"}) {
    cells[0].emplace_back(title);
  }
  for (const Line& line : lines_of(report)) {
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
  for (const Report::Beginning& beginning : report.beginnings) {
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
  out << (options.output == Output::kJson ? render_json(*report) : render_table(*report));
  return 0;
}

}  // namespace tdn::cli
