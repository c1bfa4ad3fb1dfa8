#include "cli/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <variant>

#include "books/checkpoint_file.h"
#include "books/entry.h"
#include "books/journal_files.h"
#include "books/replica.h"
#include "cli/record_json.h"
#include "cli/state.h"
#include "codec/json_writer.h"

namespace tdn::cli {
namespace {

using namespace books;

void field(codec::JsonWriter& json, std::string_view name, std::uint64_t number) {
  json.key(name).string(std::to_string(number));
}

// The members that say what the frame is about.
struct EntryJson {
  codec::JsonWriter& json;

  void operator()(const AdmissionEntry& entry) const {
    json.key("draft");
    write_record(json, *meter::decode_record(entry.draft));
    json.key("prices").begin_object();
    json.key("input").string(to_string_per_million(entry.price.input));
    json.key("cachedInput").string(to_string_per_million(entry.price.cached_input));
    json.key("output").string(to_string_per_million(entry.price.output)).end_object();
  }
  void operator()(const ProgressEntry& entry) const {
    field(json, "admission", entry.admission);
    field(json, "leg", entry.leg);
    json.key("endpoint").string(to_string(entry.endpoint)).key("usage");
    write_usage(json, decode_usage(entry.usage));
  }
  void operator()(const SettlementEntry& entry) const {
    json.key("record");
    write_record(json, *meter::decode_record(entry.record));
    json.key("recordBytes").number(static_cast<std::uint64_t>(entry.record.size()));
    json.key("tenantAnnexBytes").number(static_cast<std::uint64_t>(entry.tenant_annex.size()));
    json.key("operatorAnnexBytes").number(static_cast<std::uint64_t>(entry.operator_annex.size()));
  }
  void operator()(const RefusalEntry& entry) const {
    field(json, "admission", entry.admission);
    json.key("code").string(entry.code);
  }
  void operator()(const AckEntry& entry) const {
    field(json, "acked", entry.acked);
    field(json, "keepFrom", entry.keep_from);
  }
  void operator()(const DeliveredEntry& entry) const { field(json, "seq", entry.seq); }
  void operator()(const SyncedEntry& entry) const {
    json.key("completeThrough").string(to_rfc3339(entry.wall));
  }
};

Result<void> dump_epoch(const std::string& dir, std::uint32_t epoch, io::Disk& disk,
                        std::ostream& out) {
  TDN_TRY(const JournalFiles files, list_journal(disk, dir, epoch));
  for (std::size_t i = 0; i < files.segments.size(); ++i) {
    const std::string& path = files.segments[i].path;
    const auto visit = [&](const Frame& frame, std::uint64_t offset) -> Result<void> {
      TDN_TRY(const Entry entry, decode_entry(frame));
      std::string line;
      codec::JsonWriter json(line);
      json.begin_object();
      json.key("segment").string(path.substr(path.rfind('/') + 1));
      field(json, "offset", offset);
      field(json, "lsn", frame.lsn);
      field(json, "batch", frame.batch());
      json.key("type").string(books::name_of(frame.type));
      std::visit(EntryJson{json}, entry);
      json.end_object();
      out << line << "\n";
      return {};
    };
    TDN_TRY_VOID(scan_file(disk, files, i, Liveness::kLive, visit));
  }
  return {};
}

// The state from which the kept segments go on: empty, or the oldest checkpoint if the first ones
// were pruned.
Result<Replica> state_before(io::Disk& disk, const JournalFiles& files,
                             const SegmentHeader& first) {
  if (first.first_lsn == 1) {
    return Replica(first.edge, first.epoch);
  }
  for (const JournalFile& file : files.checkpoints) {
    TDN_TRY(const std::vector<std::uint8_t> bytes, io::read_file(disk, file.path));
    auto state = decode_checkpoint(bytes);
    if (!state) {
      return fail(state.error().with(file.path));
    }
    return state;
  }
  return fail(Code::kCorrupt,
              fmt::format("{}: starts at lsn {}, and there is no checkpoint file before it",
                          files.segments.front().path, first.first_lsn));
}

Result<void> check_epoch(const std::string& dir, std::uint32_t epoch, io::Disk& disk,
                         std::ostream& out) {
  TDN_TRY(const JournalFiles files, list_journal(disk, dir, epoch));
  TDN_TRY(const std::vector<std::uint8_t> first_bytes,
          io::read_file(disk, files.segments.front().path));
  const auto first = parse_header(first_bytes);
  if (!first) {
    return fail(first.error().with(files.segments.front().path));
  }
  TDN_TRY(Replica replica, state_before(disk, files, *first));
  const std::uint64_t gone = replica.last_seq();
  SegmentScan torn;  // the last segment's is the one that may be
  for (std::size_t i = 0; i < files.segments.size(); ++i) {
    std::uint64_t frames = 0;
    const std::uint64_t seq_before = replica.last_seq();
    const auto visit = [&](const Frame& frame, std::uint64_t) -> Result<void> {
      ++frames;
      TDN_TRY(const Entry entry, decode_entry(frame));
      return frame.lsn < replica.next_lsn() ? Result<void>{} : replica.apply(entry, frame.payload);
    };
    TDN_TRY(const SegmentScan scan, scan_file(disk, files, i, Liveness::kLive, visit));
    torn = scan;
    if (scan.header.edge != first->edge || scan.header.log != first->log) {
      return fail(Code::kCorrupt, fmt::format("{}: damaged at offset 16: of another edge or log",
                                              files.segments[i].path));
    }
    out << fmt::format("{}: ok, {} frames, lsn {} to {}, {} records{}\n", files.segments[i].path,
                       frames, scan.header.first_lsn, scan.end.next_lsn - 1,
                       replica.last_seq() - seq_before,
                       replica.last_seq() == seq_before
                           ? ""
                           : fmt::format(" (seq {} to {})", seq_before + 1, replica.last_seq()));
  }
  if (torn.torn_bytes > 0) {
    out << fmt::format(
        "{}: torn tail at offset {}, {} bytes: a batch that a crash cut short, or that is being "
        "written "
        "just now; the next start drops it\n",
        files.segments.back().path, torn.end.offset, torn.torn_bytes);
  }
  if (gone > 0) {
    out << fmt::format(
        "{}: begins behind record {}; those up to it were uploaded to control and removed\n", dir,
        gone);
  }
  out << fmt::format("{}: edge {}, epoch {}, {} records, {} requests open\n", dir,
                     to_string(replica.edge()), replica.epoch(), replica.last_seq(),
                     replica.open_count());
  return {};
}

using Work = Result<void> (*)(const std::string& dir, std::uint32_t epoch, io::Disk& disk,
                              std::ostream& out);

Result<void> for_each_epoch(const std::string& dir, io::Disk& disk, std::ostream& out, Work work) {
  TDN_TRY(const std::vector<std::uint32_t> epochs, list_epochs(disk, dir));
  for (const std::uint32_t epoch : epochs) {
    TDN_TRY_VOID(work(dir, epoch, disk, out));
  }
  return {};
}

int for_each_journal(std::string_view command, const std::string& dir, io::Disk& disk,
                     std::ostream& out, std::ostream& err, Work work) {
  const auto journals = find_journals(disk, dir);
  if (!journals) {
    err << command << ": " << journals.error().detail() << "\n";
    return 1;
  }
  for (const std::string& journal : *journals) {
    if (const auto done = for_each_epoch(journal, disk, out, work); !done) {
      err << command << ": " << done.error().detail() << "\n";
      return 1;
    }
  }
  return 0;
}

}  // namespace

int journal_dump(const std::string& dir, io::Disk& disk, std::ostream& out, std::ostream& err) {
  return for_each_journal("tdn journal dump", dir, disk, out, err, dump_epoch);
}

int journal_check(const std::string& dir, io::Disk& disk, std::ostream& out, std::ostream& err) {
  return for_each_journal("tdn journal check", dir, disk, out, err, check_epoch);
}

}  // namespace tdn::cli
