// The real thread on the real disk, with a real loop.
#include "books/writer_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "books/test_rig.h"
#include "io/shards.h"

namespace tdn::books {
namespace {

class Folder {
 public:
  Folder() {
    std::string pattern = testing::TempDir() + "/tdn-books-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// One request after another, each settled before the next is admitted.
class Client final : public meter::DurableWaiter {
 public:
  Client(meter::Books& books, std::uint64_t first, std::uint64_t count)
      : books_(books), next_(first), last_(first + count) {}

  void start() {
    if (next_ == last_) {
      done_.set_value();
      return;
    }
    meter::UsageRecord draft = test_draft(next_, {});
    const auto admission = books_.admit(draft, test_price(), {}, nullptr);
    ASSERT_TRUE(admission);
    meter::UsageRecord record = test_record(next_, {}, 20, 5);
    ++next_;
    books_.settle(*admission, record, {}, this);
  }
  std::future<void> done() { return done_.get_future(); }

 private:
  void on_durable(std::uint64_t seq) override {
    books_.delivered(seq);
    start();
  }

  meter::Books& books_;
  std::uint64_t next_;
  std::uint64_t last_;
  std::promise<void> done_;
};

TEST(WriterThread, ServesSeveralShardsAndEndsCleanly) {
  constexpr std::uint64_t kClients = 8;
  constexpr std::uint64_t kRequests = 50;
  const Folder folder;
  const BooksOptions options{.state_dir = folder.path()};
  io::Disk& disk = io::system_disk();
  {
    auto service = *BooksService::open(options, disk, system_clock(), system_random());
    io::BlockingPool pool(1);
    io::Shards shards(2, pool);
    for (int i = 0; i < shards.count(); ++i) {
      ShardBooks& books = service->add_shard(shards.loop(i).mailbox());
      shards.post(i, [&books](io::Shard& shard) { shard.loop.add_turn_hook(books); });
    }
    WriterThread thread(service->writer(), system_clock(),
                        [](const Error& error) { ADD_FAILURE() << to_string(error); });
    std::vector<std::unique_ptr<Client>> clients;
    std::vector<std::future<void>> done;
    for (std::uint64_t i = 0; i < kClients; ++i) {
      const int shard = static_cast<int>(i) % shards.count();
      clients.push_back(std::make_unique<Client>(service->shard(static_cast<std::size_t>(shard)),
                                                 i * kRequests, kRequests));
      done.push_back(clients.back()->done());
      shards.post(shard, [client = clients.back().get()](io::Shard&) { client->start(); });
    }
    for (std::future<void>& client : done) {
      client.wait();
    }
    shards.on_each([&service](io::Shard& shard) {
      shard.loop.remove_turn_hook(service->shard(static_cast<std::size_t>(shard.index)));
      service->shard(static_cast<std::size_t>(shard.index)).flush();
    });
    thread.stop();
    shards.stop();
  }
  const auto files = *list_journal(disk, folder.path() + "/books");
  std::uint64_t records = 0;
  FrameType last = FrameType::kAdmission;
  const auto visit = [&](const Frame& frame, std::uint64_t) -> Result<void> {
    records += frame.type == FrameType::kSettlement ? 1 : 0;
    last = frame.type;
    return {};
  };
  for (std::size_t i = 0; i < files.segments.size(); ++i) {
    ASSERT_TRUE(scan_file(disk, files, i, Liveness::kAtRest, visit));
  }
  EXPECT_EQ(records, kClients * kRequests);
  EXPECT_EQ(last, FrameType::kSynced) << "marked as cleanly ended";
}

TEST(WriterThread, AFailedWriteIsFatalOnce) {
  io::MemoryDisk disk;
  ManualClock clock;
  SeededRandom random(1);
  auto service = *BooksService::open({.state_dir = kState}, disk, clock, random);
  disk.set_fault([](io::DiskOp op, const std::string&) -> Result<void> {
    if (op == io::DiskOp::kSync) {
      return fail(Code::kUnavailable, "the disk is gone");
    }
    return {};
  });
  std::promise<std::string> fatal;
  QuietPoller poller;
  io::Loop loop(clock, poller);
  ShardBooks& books = service->add_shard(loop.mailbox());
  WriterThread thread(service->writer(), clock,
                      [&fatal](const Error& error) { fatal.set_value(error.detail()); });
  TestWaiter waiter;
  meter::UsageRecord draft = test_draft(1, {});
  ASSERT_TRUE(books.admit(draft, test_price(), {}, &waiter));
  books.flush();
  EXPECT_EQ(fatal.get_future().get(), "the disk is gone");
  thread.stop();
  loop.mailbox().drain();
  EXPECT_FALSE(waiter.durable);
}

// Stands still but for what the disk's syncs take.
class SyncClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return Instant(ns_.load()); }
  [[nodiscard]] WallTime wall() const override { return {1'767'225'600'000'000}; }
  void advance(Duration by) { ns_ += by.count(); }

 private:
  std::atomic<std::int64_t> ns_ = std::chrono::nanoseconds(std::chrono::hours(1)).count();
};

// One shard, whose requests are settled one after the other; who did the last sync is noted.
class TurnsOfTheWriter : public testing::Test {
 protected:
  TurnsOfTheWriter() {
    disk.set_fault([this](io::DiskOp op, const std::string&) -> Result<void> {
      if (op == io::DiskOp::kSync) {
        synced_here = std::this_thread::get_id() == test_thread;
        clock.advance(sync_takes.load());
      }
      return {};
    });
  }
  ~TurnsOfTheWriter() override { thread.stop(); }

  // Whether this thread, the shard's, did the sync itself.
  bool request_syncs_here() {
    meter::UsageRecord draft = test_draft(++number, {});
    const auto admission = books.admit(draft, test_price(), {}, nullptr);
    EXPECT_TRUE(admission);
    TestWaiter waiter;
    meter::UsageRecord record = test_record(number, {}, 20, 5);
    books.settle(*admission, record, {}, &waiter);
    books.flush();
    while (!waiter.durable) {
      loop.mailbox().drain();
      std::this_thread::yield();
    }
    return synced_here;
  }
  // Requests until one is synced here; 0 if none of a thousand is.
  int requests_until_here() {
    for (int count = 1; count <= 1000; ++count) {
      if (request_syncs_here()) {
        return count;
      }
    }
    return 0;
  }

  const std::thread::id test_thread = std::this_thread::get_id();
  std::atomic<bool> synced_here = false;
  std::atomic<Duration> sync_takes{Duration(std::chrono::microseconds(1))};
  std::uint64_t number = 0;
  io::MemoryDisk disk;
  SyncClock clock;
  SeededRandom random{1};
  std::unique_ptr<BooksService> service =
      *BooksService::open({.state_dir = kState}, disk, clock, random);
  QuietPoller poller;
  io::Loop loop{clock, poller};
  ShardBooks& books = service->add_shard(loop.mailbox());
  WriterThread thread{service->writer(), clock,
                      [](const Error& error) { ADD_FAILURE() << to_string(error); }};
};

TEST_F(TurnsOfTheWriter, GoToTheShardOnceSyncsWereQuick) {
  EXPECT_GE(requests_until_here(), 60);
  EXPECT_TRUE(request_syncs_here());
}

TEST_F(TurnsOfTheWriter, GoBackToTheThreadAfterOneSlowSync) {
  ASSERT_GT(requests_until_here(), 0);
  sync_takes = std::chrono::milliseconds(1);
  EXPECT_TRUE(request_syncs_here()) << "the slow one itself";
  sync_takes = std::chrono::microseconds(1);
  EXPECT_FALSE(request_syncs_here());
  EXPECT_GE(requests_until_here(), 60);
}

TEST_F(TurnsOfTheWriter, StayWithTheThreadOnAnOrdinaryDisk) {
  sync_takes = std::chrono::microseconds(300);
  EXPECT_EQ(requests_until_here(), 0);
}

}  // namespace
}  // namespace tdn::books
