// An edge's books on a disk in memory, driven step by step. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "books/books_service.h"
#include "books/journal_files.h"
#include "books/test_records.h"
#include "io/loop.h"
#include "io/memory_disk.h"
#include "meter/usage_record.h"

namespace tdn::books {

inline const std::string kState = "/edge";
inline const std::string kDir = "/edge/books";

class TestWaiter final : public meter::DurableWaiter {
 public:
  bool durable = false;
  std::uint64_t seq = 0;

 private:
  void on_durable(std::uint64_t record_seq) override {
    durable = true;
    seq = record_seq;
  }
};

class QuietPoller final : public io::Poller {
 public:
  void poll(Instant) override {}
  void interrupt() override {}
};

struct StoredRecord {
  meter::UsageRecord record;
  std::string file;
  std::uint64_t offset = 0;
};

// What a journal's folder holds, read as the commands do.
struct Stored {
  std::vector<Frame> frames;  // without payload
  std::vector<std::uint64_t> offsets;
  std::vector<meter::UsageRecord> records;
};

inline Result<Stored> read_all(io::Disk& disk) {
  Stored stored;
  TDN_TRY(const JournalFiles files, list_journal(disk, kDir));
  for (std::size_t i = 0; i < files.segments.size(); ++i) {
    const auto visit = [&](const Frame& frame, std::uint64_t offset) -> Result<void> {
      TDN_TRY(const Entry entry, decode_entry(frame));
      if (const auto* settlement = std::get_if<SettlementEntry>(&entry)) {
        TDN_TRY(meter::UsageRecord record, meter::decode_record(settlement->record));
        stored.records.push_back(std::move(record));
      }
      Frame kept = frame;
      kept.payload = {};
      stored.frames.push_back(kept);
      stored.offsets.push_back(offset);
      return {};
    };
    TDN_TRY_VOID(scan_file(disk, files, i, Liveness::kAtRest, visit));
  }
  return stored;
}

class Rig {
 public:
  explicit Rig(std::uint64_t seed = 1, std::uint64_t segment_bytes = 65'536)
      : random(seed), options{.state_dir = kState, .segment_bytes = segment_bytes} {}

  // As a process starts and ends, however it ends.
  [[nodiscard]] Result<void> try_start() {
    stop();
    loop = std::make_unique<io::Loop>(clock, poller);
    TDN_TRY(service, BooksService::open(options, disk, clock, random));
    books = &service->add_shard(loop->mailbox());
    return {};
  }
  void start() {
    const auto started = try_start();
    ASSERT_TRUE(started) << to_string(started.error());
  }
  void stop() {
    books = nullptr;
    loop.reset();
    service.reset();
  }

  // One turn of the loop, the writer and the mail.
  void turn() {
    books->flush();
    const auto wants_sync = service->writer().write();
    ASSERT_TRUE(wants_sync) << to_string(wants_sync.error());
    if (*wants_sync) {
      ASSERT_TRUE(service->writer().sync());
    }
    service->writer().release();
    ASSERT_TRUE(service->writer().rest());
    loop->mailbox().drain();
  }

  meter::AdmissionHandle admit(std::uint64_t request, meter::DurableWaiter* waiter = nullptr) {
    meter::UsageRecord draft = test_draft(request, clock.wall());
    const auto admission = books->admit(draft, test_price(), {}, waiter);
    EXPECT_TRUE(admission) << to_string(admission.error());
    return admission ? *admission : meter::AdmissionHandle{};
  }
  void settle(meter::AdmissionHandle admission, std::uint64_t request, std::uint64_t output,
              meter::DurableWaiter* waiter = nullptr) {
    meter::UsageRecord record = test_record(request, clock.wall(), 20, output);
    books->settle(admission, record, {}, waiter);
  }
  // A whole request in a turn of its own.
  void request(std::uint64_t number, std::uint64_t output = 5) {
    TestWaiter waiter;
    settle(admit(number), number, output, &waiter);
    turn();
    EXPECT_TRUE(waiter.durable);
  }

  io::MemoryDisk disk;
  ManualClock clock;
  SeededRandom random;
  BooksOptions options;
  QuietPoller poller;
  std::unique_ptr<io::Loop> loop;
  std::unique_ptr<BooksService> service;
  ShardBooks* books = nullptr;
};

}  // namespace tdn::books
