// The journal as `meter::Outbox`: the current epoch through the writer, earlier ones as files.
// Thread-safe; reads of one epoch after the other take turns.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "books/epochs.h"
#include "books/outbox_desk.h"
#include "books/record_reader.h"
#include "books/writer.h"
#include "io/disk.h"
#include "meter/outbox.h"

namespace tdn::books {

class JournalOutbox final : public meter::Outbox {
 public:
  // Disk and writer borrowed. `former`: those closed, forked ones left out.
  JournalOutbox(io::Disk& disk, std::string state_dir, std::string dir, Writer& writer,
                std::vector<EpochEnd> former);

  [[nodiscard]] meter::OutboxPosition position() const override { return desk_.position(); }
  void refresh(std::function<void()> done) override;
  [[nodiscard]] std::vector<meter::FormerEpoch> former() const override;
  [[nodiscard]] Result<meter::OutboxRecords> read(std::uint32_t epoch, std::uint64_t from,
                                                  std::size_t most_bytes) override;
  Result<void> acknowledge(std::uint32_t epoch, std::uint64_t acked,
                           std::uint64_t keep_from) override;
  Result<void> begin_epoch(std::uint32_t epoch, bool forked) override;

 private:
  [[nodiscard]] std::uint64_t last_of(std::uint32_t epoch) const;

  io::Disk& disk_;
  const std::string state_dir_;
  const std::string dir_;
  Writer& writer_;
  OutboxDesk& desk_;

  mutable std::mutex mutex_;
  RecordReader reader_;
  std::vector<EpochEnd> former_;
};

}  // namespace tdn::books
