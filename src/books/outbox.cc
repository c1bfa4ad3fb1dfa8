#include "books/outbox.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"

namespace tdn::books {

JournalOutbox::JournalOutbox(io::Disk& disk, std::string state_dir, std::string dir, Writer& writer,
                             std::vector<EpochEnd> former)
    : disk_(disk),
      state_dir_(std::move(state_dir)),
      dir_(std::move(dir)),
      writer_(writer),
      desk_(writer.desk()),
      reader_(disk, dir_),
      former_(std::move(former)) {}

void JournalOutbox::refresh(std::function<void()> done) {
  if (desk_.refresh(done)) {
    writer_.rouse();
  } else {
    done();
  }
}

std::vector<meter::FormerEpoch> JournalOutbox::former() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<meter::FormerEpoch> former;
  for (const EpochEnd& end : former_) {
    former.push_back({end.epoch, end.last_seq});
  }
  return former;
}

std::uint64_t JournalOutbox::last_of(std::uint32_t epoch) const {
  const meter::OutboxPosition now = desk_.position();
  if (epoch == now.epoch) {
    return now.last_seq;
  }
  const auto end = std::ranges::find(former_, epoch, &EpochEnd::epoch);
  return end == former_.end() ? 0 : end->last_seq;
}

Result<meter::OutboxRecords> JournalOutbox::read(std::uint32_t epoch, std::uint64_t from,
                                                 std::size_t most_bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return reader_.read(epoch, from, last_of(epoch), most_bytes);
}

Result<void> JournalOutbox::acknowledge(std::uint32_t epoch, std::uint64_t acked,
                                        std::uint64_t keep_from) {
  const meter::OutboxPosition now = desk_.position();
  if (epoch == now.epoch) {
    if (acked != now.acked || keep_from != now.keep_from) {
      desk_.acknowledge({.acked = acked, .keep_from = keep_from});
      writer_.rouse();
    }
    return {};
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto end = std::ranges::find(former_, epoch, &EpochEnd::epoch);
  if (end == former_.end() || acked < end->last_seq || keep_from <= end->last_seq) {
    return {};
  }
  TDN_TRY_VOID(remove_epoch(disk_, dir_, epoch));
  log_info("books", "removed the journal of an earlier epoch: control keeps all of it",
           {{"epoch", static_cast<std::uint64_t>(epoch)}, {"records", end->last_seq}});
  former_.erase(end);
  return {};
}

Result<void> JournalOutbox::begin_epoch(std::uint32_t epoch, bool forked) {
  const meter::OutboxPosition now = desk_.position();
  if (epoch <= now.epoch) {
    return fail(Code::kInvalid, fmt::format("epoch {} is not after epoch {}", epoch, now.epoch));
  }
  if (forked) {
    // Before the number: from then on the next start closes the epoch as it finds it.
    TDN_TRY_VOID(write_epoch_end(disk_, dir_, {now.epoch, now.log, now.last_seq, true}));
  }
  return write_epoch(disk_, state_dir_, epoch);
}

}  // namespace tdn::books
