#include "requests/request_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "io/memory_disk.h"
#include "requests/history.h"
#include "route/world_test.h"

namespace tdn::requests {
namespace {

using testing::HasSubstr;

RequestId id(std::uint32_t number) {
  RequestId made;
  for (unsigned i = 0; i < 4; ++i) {
    made.uid.bytes[i] = static_cast<std::uint8_t>(number >> 8U * i);
  }
  return made;
}

class RequestLogTest : public testing::Test {
 protected:
  void SetUp() override {
    domain::Manifests all = route::small_world();
    all.endpoints = {route::endpoint("b", "berlin"), route::endpoint("p", "paris")};
    snapshot_ = route::compile(all);
    open({.folder = "state/requests"});
  }
  void open(const RequestLogOptions& options) {
    auto opened = RequestLog::open(disk_, options);
    ASSERT_TRUE(opened.has_value()) << opened.error().detail();
    log_ = *std::move(opened);
    shard_ = &log_->add_shard();
    log_->publish(1, snapshot_, *snapshot_->find_site("paris"));
  }
  void decide(std::uint32_t number, std::uint8_t attempt = 0, std::uint64_t catalogue = 1) {
    std::vector<route::Facts> all(2);
    all[1].endpoint = {1};
    all[1].site = *snapshot_->find_site("paris");
    all[0].site_us = 10'000;
    const route::Work work;
    const route::Decision decision = route::decide(work, all);
    RawDecided raw;
    raw.request = id(number);
    raw.names = catalogue;
    raw.attempt = attempt;
    raw.reason = decision.reason;
    raw.chosen = decision.candidates.front().endpoint.value;
    route::Beginnings beginnings;
    for (std::uint32_t i = 1; i <= 12; ++i) {
      beginnings.push_back({i, i * 512});
    }
    shard_->decided(raw, {beginnings.begin(), beginnings.size()}, decision.all, notable(decision));
  }
  void end(std::uint32_t number, std::uint64_t at = 0) {
    RawEnded raw;
    raw.request = id(number);
    raw.at_us = at == 0 ? number : at;
    raw.names = 1;
    raw.model = 0;
    raw.endpoint = 1;
    raw.status = 200;
    shard_->ended(raw);
  }
  History history() {
    auto read = History::read(disk_, "state/requests");
    EXPECT_TRUE(read.has_value()) << read.error().detail();
    return *std::move(read);
  }
  void write() { ASSERT_TRUE(log_->write_batch().has_value()); }

  io::MemoryDisk disk_;
  std::shared_ptr<const domain::Snapshot> snapshot_;
  std::unique_ptr<RequestLog> log_;
  ShardLog* shard_ = nullptr;
};

TEST_F(RequestLogTest, WhatWasDecidedAndHowItEndedIsReadAgain) {
  decide(1);
  decide(1, 1);
  end(1);
  EXPECT_TRUE(log_->pending());
  write();
  EXPECT_FALSE(log_->pending());
  EXPECT_EQ(log_->written(), 3U);
  const History read = history();
  const Told* told = read.find(id(1));
  ASSERT_NE(told, nullptr);
  ASSERT_EQ(told->attempts.size(), 2U);
  EXPECT_EQ(told->attempts[1].attempt, 1U);
  EXPECT_TRUE(run_again(told->attempts[0]).same);
  EXPECT_EQ(told->attempts[0].beginnings.size(), Decided::kMostBeginnings);
  EXPECT_EQ(told->attempts[0].beginnings.back().bytes, 12U * 512) << "the longest are kept";
  EXPECT_EQ(read.endpoint_of(*told->ended), "paris/p");
  EXPECT_EQ(read.model_of(*told->ended), "m");
  EXPECT_EQ(read.here_of(told->attempts[0]), "paris");
  EXPECT_EQ(read.places_of(told->attempts[0])[0].name(), "berlin/b");
  EXPECT_EQ(read.find(id(2)), nullptr);
}

TEST_F(RequestLogTest, TheLastRequestsAreThoseThatEndedLast) {
  end(1, 30);
  end(2, 10);
  end(3, 20);
  write();
  const History read = history();
  const std::vector<const Ended*> last = read.last(2);
  ASSERT_EQ(last.size(), 2U);
  EXPECT_EQ(last[0]->request, id(3));
  EXPECT_EQ(last[1]->request, id(1));
}

TEST_F(RequestLogTest, FilesAreBoundedAndEachStandsForItself) {
  open({.folder = "state/requests", .file_bytes = 2'000, .files = 3});
  for (std::uint32_t i = 1; i <= 100; ++i) {
    decide(i);
    end(i);
    write();
  }
  EXPECT_EQ(disk_.list("state/requests")->size(), 3U);
  const History read = history();
  EXPECT_EQ(read.find(id(1)), nullptr);
  ASSERT_NE(read.find(id(100)), nullptr);
  EXPECT_EQ(read.model_of(*read.find(id(100))->ended), "m");
  EXPECT_LT(read.last(1'000).size(), 30U);
}

TEST_F(RequestLogTest, AnotherStartBeginsAnotherFile) {
  end(1);
  write();
  open({.folder = "state/requests"});
  end(2);
  write();
  EXPECT_EQ(disk_.list("state/requests")->size(), 2U);
  EXPECT_EQ(history().last(10).size(), 2U);
}

TEST_F(RequestLogTest, WithoutRoomEntriesAreDroppedAndCounted) {
  std::uint32_t sent = 0;
  while (shard_->dropped() == 0) {
    decide(++sent);
  }
  EXPECT_GT(sent, 300U);
  EXPECT_LT(sent, 2'000U);
  EXPECT_EQ(log_->dropped(), 1U);
  write();
  EXPECT_EQ(log_->written(), sent - 1);
  decide(++sent);
  EXPECT_EQ(log_->dropped(), 1U) << "there is room again";
}

TEST_F(RequestLogTest, TheRingGoesRound) {
  std::uint32_t number = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 97; ++i) {
      decide(++number);
      end(number);
    }
    write();
  }
  EXPECT_EQ(log_->dropped(), 0U);
  EXPECT_EQ(log_->written(), 2U * number);
  EXPECT_TRUE(run_again(history().find(id(number))->attempts[0]).same);
}

TEST_F(RequestLogTest, AnOldCatalogueIsDroppedNotMistaken) {
  decide(1, 0, 99);
  write();
  EXPECT_EQ(log_->dropped(), 1U);
  EXPECT_EQ(history().find(id(1)), nullptr);
}

TEST_F(RequestLogTest, WritingAndReadingAtOnceLosesNothing) {
  constexpr std::uint32_t kCount = 20'000;
  std::thread writer([this] {
    for (std::uint32_t i = 1; i <= kCount;) {
      const std::uint64_t before = shard_->dropped();
      end(i);
      if (shard_->dropped() == before) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  while (log_->written() < kCount) {
    write();
    std::this_thread::yield();
  }
  writer.join();
  EXPECT_EQ(log_->written(), kCount);
  EXPECT_EQ(history().last(2 * kCount).size(), kCount);
}

TEST_F(RequestLogTest, NothingOfItIsText) {
  decide(1);
  end(1);
  write();
  const auto names = *disk_.list("state/requests");
  const auto bytes = *io::read_file(disk_, "state/requests/" + names[0]);
  const std::string text(bytes.begin(), bytes.end());
  EXPECT_THAT(text, HasSubstr("berlin"));  // names are
  EXPECT_LT(bytes.size(), 1'500U);
}

}  // namespace
}  // namespace tdn::requests
