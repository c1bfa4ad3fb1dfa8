// The books on simulated time, without a gateway: tellers that open and settle admissions, and a
// crash in the middle.
#include "sim/journal_driver.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

#include "books/books_service.h"
#include "io/memory_disk.h"
#include "sim/replayed_journal.h"

namespace tdn::sim {
namespace {

constexpr const char* kState = "state";

class Teller final : private meter::DurableWaiter {
 public:
  Teller(meter::Books& books, Random& random, std::set<std::uint64_t>& released)
      : books_(books), random_(random), released_(released) {}

  // One request, from admission to the record that is on disk.
  void start(const Clock& clock) {
    record_ = {};
    record_.request = {Uid::make(clock.wall(), random_)};
    const auto admission = books_.admit(record_, {}, {}, nullptr);
    if (admission) {
      record_.reported.set(meter::TokenClass::kOutputText, 7);
      books_.settle(*admission, record_, {}, this);
    }
  }
  [[nodiscard]] bool waits() const { return is_waiting(); }

 private:
  void on_durable(std::uint64_t seq) override { released_.insert(seq); }

  meter::Books& books_;
  Random& random_;
  std::set<std::uint64_t>& released_;
  meter::UsageRecord record_;
};

struct Outcome {
  std::set<std::uint64_t> released;
  std::set<std::uint64_t> replayed;
  [[nodiscard]] bool lost() const { return !std::ranges::includes(replayed, released); }
};

// Runs until event `crash_at`, pulls the plug, and reads what the disk kept.
Outcome run(std::uint64_t seed, std::uint64_t crash_at, books::PlantedBug bug) {
  ManualClock clock;
  SeededRandom random(seed);
  Trace trace(clock);
  SimPoller poller(clock);
  io::Loop loop(clock, poller);
  io::MemoryDisk disk;
  Outcome outcome;
  {
    auto service = books::BooksService::open(
        {.state_dir = kState, .segment_bytes = 65'536, .bug = bug}, disk, clock, random);
    EXPECT_TRUE(service.has_value());
    books::ShardBooks& shard = (*service)->add_shard(loop.mailbox());
    loop.add_turn_hook(shard);
    JournalDriver driver(poller, random, trace, (*service)->writer(), {},
                         [](const Error& error) { FAIL() << to_string(error); });
    std::vector<std::unique_ptr<Teller>> tellers;
    for (int i = 0; i < 8; ++i) {
      tellers.push_back(std::make_unique<Teller>(shard, random, outcome.released));
    }
    while (poller.events() < crash_at) {
      const std::size_t next = random.below(tellers.size());
      if (!tellers[next]->waits()) {
        poller.after(Duration(random.below(500'000)), [] {});
        tellers[next]->start(clock);
      }
      loop.run_once(kNever);
    }
    while (loop.run_once(loop.now())) {
    }
    loop.remove_turn_hook(shard);
  }
  disk.crash(random);
  // Recovery, as at the next start, must find the journal in order.
  EXPECT_TRUE(
      books::BooksService::open({.state_dir = kState, .segment_bytes = 65'536}, disk, clock, random)
          .has_value());
  const Result<ReplayedJournal> journal = read_journal(disk, kState);
  EXPECT_TRUE(journal.has_value());
  for (const ReplayedRecord& record : journal->records) {
    EXPECT_TRUE(outcome.replayed.insert(record.record.seq).second);
  }
  return outcome;
}

TEST(JournalDriver, WhatWasReleasedIsInTheReplayedJournalAfterAnyCrash) {
  std::size_t released = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Outcome outcome = run(seed, 3 * seed, books::PlantedBug::kNone);
    EXPECT_FALSE(outcome.lost()) << "seed " << seed;
    released += outcome.released.size();
  }
  EXPECT_GT(released, 1000U);
}

TEST(JournalDriver, ReleasingBeforeTheSyncIsCaught) {
  int caught = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    caught += run(seed, 3 * seed, books::PlantedBug::kReleaseBeforeSync).lost() ? 1 : 0;
  }
  EXPECT_GT(caught, 0);
}

}  // namespace
}  // namespace tdn::sim
