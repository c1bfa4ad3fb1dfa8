#include "sim/replayed_journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "books/books_service.h"
#include "books/entry.h"
#include "books/journal_files.h"
#include "codec/sha256.h"

namespace tdn::sim {
namespace {

Result<void> take(const books::Frame& frame, ReplayedJournal& journal) {
  TDN_TRY(const books::Entry entry, decode_entry(frame));
  if (const auto* admission = std::get_if<books::AdmissionEntry>(&entry)) {
    TDN_TRY(const meter::UsageRecord draft, meter::decode_record(admission->draft));
    journal.admissions[frame.lsn] = {draft.request};
  } else if (const auto* progress = std::get_if<books::ProgressEntry>(&entry)) {
    ReplayedAdmission& open = journal.admissions[progress->admission];
    open.output = std::max(open.output, books::decode_usage(progress->usage).totals().output);
  } else if (const auto* settlement = std::get_if<books::SettlementEntry>(&entry)) {
    TDN_TRY(meter::UsageRecord record, meter::decode_record(settlement->record));
    journal.records.push_back({std::move(record), codec::sha256(settlement->record)});
  }
  return {};
}

}  // namespace

Result<ReplayedJournal> read_journal(io::Disk& disk, const std::string& state_dir) {
  ReplayedJournal journal;
  const std::string dir = fmt::format("{}/{}", state_dir, books::kBooksFolder);
  TDN_TRY(const books::JournalFiles files, books::list_journal(disk, dir));
  const books::FrameVisitor visit = [&](const books::Frame& frame, std::uint64_t) {
    return take(frame, journal);
  };
  for (std::size_t i = 0; i < files.segments.size(); ++i) {
    TDN_TRY(const books::SegmentScan scan,
            books::scan_file(disk, files, i, books::Liveness::kAtRest, visit));
    static_cast<void>(scan);
  }
  return journal;
}

}  // namespace tdn::sim
