#include "books/books_service.h"

#include <fmt/format.h>

#include "base/log.h"

namespace tdn::books {
namespace {

// Kept free for frames that nobody claims space for: progress, marks, acknowledgements.
constexpr std::uint64_t kUnclaimedShare = 8;

Result<Uid> edge_uid(const std::string& path, io::Disk& disk, const Clock& clock, Random& random) {
  const auto bytes = io::read_file(disk, path);
  if (bytes) {
    std::string_view text = text_of(*bytes);
    text = text.substr(0, text.find('\n'));
    const auto uid = Uid::parse(text);
    if (!uid) {
      return fail(Code::kCorrupt,
                  fmt::format("{} does not hold a uid; restore it from a backup", path));
    }
    return *uid;
  }
  if (bytes.error().code() != Code::kMissing) {
    return fail(bytes.error());
  }
  const Uid uid = Uid::make(clock.wall(), random);
  TDN_TRY_VOID(io::replace_file(disk, path, bytes_of(to_string(uid) + "\n")));
  return uid;
}

Result<std::unique_ptr<Journal>> open_journal(const JournalOptions& options, io::Disk& disk,
                                              const Clock& clock, Random& random) {
  auto journal = Journal::open(options, disk, clock, random);
  if (!journal && journal.error().code() == Code::kCorrupt) {
    return fail(
        Code::kCorrupt,
        fmt::format("{}; nothing was changed: restore {} from a backup, or give the edge an empty "
                    "state folder and keep this one, `tdn journal dump` shows what it holds",
                    journal.error().detail(), options.dir));
  }
  return journal;
}

// Journals of earlier epochs, each recovered once so that its last requests are settled, too.
Result<std::vector<EpochEnd>> close_former(const JournalOptions& current, io::Disk& disk,
                                           const Clock& clock, Random& random) {
  TDN_TRY(const std::vector<std::uint32_t> epochs, list_epochs(disk, current.dir));
  if (!epochs.empty() && epochs.back() > current.epoch) {
    return fail(Code::kInvalid,
                fmt::format("{} holds a journal of epoch {}, but the state folder's `{}` says {}; "
                            "restore that file",
                            current.dir, epochs.back(), kEpochFile, current.epoch));
  }
  std::vector<EpochEnd> former;
  for (const std::uint32_t epoch : epochs) {
    if (epoch >= current.epoch) {
      continue;
    }
    auto end = read_epoch_end(disk, current.dir, epoch);
    if (!end && end.error().code() == Code::kMissing) {
      JournalOptions options = current;
      options.epoch = epoch;
      TDN_TRY(const std::unique_ptr<Journal> journal, open_journal(options, disk, clock, random));
      end = EpochEnd{epoch, journal->log(), journal->replica().last_seq(), false};
      TDN_TRY_VOID(write_epoch_end(disk, current.dir, *end));
      log_info("books", "closed the journal of an earlier epoch",
               {{"epoch", static_cast<std::uint64_t>(epoch)}, {"records", end->last_seq}});
    }
    TDN_TRY_VOID(end);
    if (!end->forked) {
      former.push_back(*std::move(end));
    }
  }
  return former;
}

}  // namespace

Result<std::unique_ptr<BooksService>> BooksService::open(const BooksOptions& options,
                                                         io::Disk& disk, const Clock& clock,
                                                         Random& random) {
  std::unique_ptr<BooksService> service(new BooksService());
  const std::string& dir = options.state_dir;
  const std::string books = fmt::format("{}/{}", dir, kBooksFolder);
  TDN_TRY_VOID(disk.make_dir(books));
  TDN_TRY(service->lock_, disk.lock(books + "/lock"));
  TDN_TRY(service->identity_.edge,
          edge_uid(fmt::format("{}/{}", dir, kEdgeUidFile), disk, clock, random));
  TDN_TRY(service->identity_.epoch, read_epoch(disk, dir));
  const JournalOptions journal{.dir = books,
                               .edge = service->identity_.edge,
                               .epoch = service->identity_.epoch,
                               .segment_bytes = options.segment_bytes};
  TDN_TRY(std::vector<EpochEnd> former, close_former(journal, disk, clock, random));
  TDN_TRY(service->journal_, open_journal(journal, disk, clock, random));
  if (const std::size_t orphans = service->journal_->orphans(); orphans > 0) {
    log_warning("books", "settled requests that were open when the process died",
                {{"requests", orphans}});
  }
  const std::uint64_t limit = options.segment_bytes - options.segment_bytes / kUnclaimedShare;
  service->space_ = std::make_unique<Space>(limit);
  service->writer_ =
      std::make_unique<Writer>(*service->journal_, *service->space_, clock, options.bug);
  service->outbox_ =
      std::make_unique<JournalOutbox>(disk, dir, books, *service->writer_, std::move(former));
  return service;
}

ShardBooks& BooksService::add_shard(io::Mailbox& mailbox) {
  const auto index = static_cast<std::uint32_t>(shards_.size());
  shards_.push_back(std::make_unique<ShardBooks>(identity_, index, *writer_, *space_, mailbox));
  return *shards_.back();
}

}  // namespace tdn::books
