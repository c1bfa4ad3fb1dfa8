// Running out of disk, and disks that fail.
#include <gtest/gtest.h>

#include <chrono>

#include "books/test_rig.h"

namespace tdn::books {
namespace {

using namespace std::chrono_literals;

TEST(FullDisk, StopsAdmissionSettlesWhatIsOpenAndRecoversWhenFreed) {
  Rig rig;
  rig.start();
  // Room for what there is and nothing more: the next reserve cannot be made.
  rig.disk.set_capacity(rig.disk.used());
  std::vector<std::pair<meter::AdmissionHandle, std::uint64_t>> open;
  std::uint64_t requests = 0;
  while (rig.books->accepting()) {
    ASSERT_LT(requests, 2000U);
    open.emplace_back(rig.admit(requests), requests);
    ++requests;
    if (open.size() > 8) {
      rig.settle(open.front().first, open.front().second, 7);
      open.erase(open.begin());
    }
    rig.turn();
  }
  meter::UsageRecord draft = test_draft(requests, rig.clock.wall());
  const auto refused = rig.books->admit(draft, test_price(), {}, nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kStorageUnavailable);

  for (const auto& [admission, number] : open) {
    TestWaiter waiter;
    rig.settle(admission, number, 7, &waiter);
    rig.turn();
    EXPECT_TRUE(waiter.durable) << "an open request settles into the reserve";
  }
  EXPECT_FALSE(rig.books->accepting());

  rig.disk.set_capacity(UINT64_MAX);
  rig.turn();
  EXPECT_FALSE(rig.books->accepting()) << "tried again each second, not each turn";
  rig.clock.advance(1s);
  rig.turn();
  EXPECT_TRUE(rig.books->accepting());
  rig.request(requests);
  EXPECT_EQ(read_all(rig.disk)->records.size(), requests + 1);
  rig.start();
  EXPECT_EQ(read_all(rig.disk)->records.size(), requests + 1);
}

TEST(FullDisk, AStartWithoutRoomForASegmentSaysWhatItNeeds) {
  Rig rig;
  rig.disk.set_capacity(10'000);
  const auto started = rig.try_start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), Code::kNoSpace);
  EXPECT_NE(started.error().detail().find("free some space"), std::string::npos);
}

TEST(FullDisk, OpenAdmissionsNeverClaimMoreThanTheReserveHolds) {
  Rig rig;
  rig.start();
  std::uint64_t admitted = 0;
  for (;; ++admitted) {
    meter::UsageRecord draft = test_draft(admitted, rig.clock.wall());
    if (!rig.books->admit(draft, test_price(), {}, nullptr)) {
      break;
    }
    ASSERT_LT(admitted, 1000U);
  }
  EXPECT_GT(admitted, 10U);
  // All of them settle at once although there is no space for another segment.
  rig.disk.set_capacity(rig.disk.used());
  for (std::uint32_t slot = 0; slot < admitted; ++slot) {
    rig.settle({slot}, slot, 7);
  }
  rig.turn();
  EXPECT_EQ(read_all(rig.disk)->records.size(), admitted);
}

TEST(FailingDisk, AFailedSyncIsReportedAndNobodyIsToldThatTheRecordIsSafe) {
  Rig rig;
  rig.start();
  TestWaiter waiter;
  rig.settle(rig.admit(1), 1, 1, &waiter);
  rig.books->flush();
  rig.disk.set_fault([](io::DiskOp op, const std::string& path) -> Result<void> {
    if (op == io::DiskOp::kSync) {
      return fail(Code::kUnavailable, "cannot sync " + path);
    }
    return {};
  });
  ASSERT_TRUE(rig.service->writer().write());
  EXPECT_FALSE(rig.service->writer().sync());
  rig.loop->mailbox().drain();
  EXPECT_FALSE(waiter.durable);
}

TEST(Segments, AreLeftWhenFullAndPrunedOnlyWhenControlKeepsThem) {
  Rig rig;
  rig.start();
  for (std::uint64_t i = 0; i < 400; ++i) {
    rig.request(i);
  }
  const std::size_t kept = list_journal(rig.disk, kDir)->segments.size();
  EXPECT_GE(kept, 4U);
  EXPECT_EQ(read_all(rig.disk)->records.size(), 400U);

  ASSERT_TRUE(rig.service->journal().acknowledge({.acked = 300, .keep_from = 250}));
  for (std::uint64_t i = 400; i < 500; ++i) {
    rig.request(i);
  }
  const auto files = *list_journal(rig.disk, kDir);
  EXPECT_LT(files.segments.size(), kept);
  EXPECT_GT(files.segments.front().name.lsn, 1U);
  const auto stored = *read_all(rig.disk);
  EXPECT_LE(stored.records.front().seq, 250U) << "nothing that must be kept is gone";
  EXPECT_EQ(stored.records.back().seq, 500U);
  rig.start();
  EXPECT_EQ(rig.service->journal().replica().last_seq(), 500U);
  EXPECT_EQ(rig.service->journal().replica().ack().keep_from, 250U);
}

}  // namespace
}  // namespace tdn::books
