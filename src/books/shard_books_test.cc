#include "books/shard_books.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "books/test_rig.h"

namespace tdn::books {
namespace {

TEST(ShardBooks, NobodyIsToldBeforeTheSync) {
  Rig rig;
  rig.start();
  TestWaiter admitted;
  TestWaiter settled;
  const auto admission = rig.admit(1, &admitted);
  rig.settle(admission, 1, 5, &settled);
  rig.books->flush();
  Writer& writer = rig.service->writer();
  EXPECT_TRUE(writer.has_work());
  ASSERT_TRUE(*writer.write());
  rig.loop->mailbox().drain();
  EXPECT_FALSE(admitted.durable);
  EXPECT_FALSE(settled.durable);
  ASSERT_TRUE(writer.sync());
  writer.release();
  EXPECT_FALSE(settled.durable) << "on the shard's own thread only";
  rig.loop->mailbox().drain();
  EXPECT_TRUE(admitted.durable);
  EXPECT_EQ(admitted.seq, 0U);
  EXPECT_TRUE(settled.durable);
  EXPECT_EQ(settled.seq, 1U);
}

TEST(ShardBooks, APlainAdmissionWaitsAMomentForCompanyAndAsksForNoSync) {
  Rig rig;
  rig.start();
  rig.turn();
  rig.loop->add_turn_hook(*rig.books);
  rig.admit(1);
  rig.loop->run_once(rig.clock.now());
  Writer& writer = rig.service->writer();
  EXPECT_FALSE(writer.has_work());
  rig.clock.advance(ShardBooks::kPatience / 2);
  rig.admit(2);
  rig.loop->run_once(rig.clock.now());
  EXPECT_FALSE(writer.has_work());
  rig.clock.advance(ShardBooks::kPatience / 2);
  rig.loop->run_once(rig.clock.now());
  EXPECT_TRUE(writer.has_work()) << "counted from the first";
  EXPECT_FALSE(*writer.write());
  const auto stored = *read_all(rig.disk);
  EXPECT_EQ(std::ranges::count(stored.frames, FrameType::kAdmission, &Frame::type), 2);
}

TEST(ShardBooks, WhatIsUrgentTakesAWaitingAdmissionAlong) {
  Rig rig;
  rig.start();
  rig.turn();
  rig.loop->add_turn_hook(*rig.books);
  const auto admission = rig.admit(1);
  rig.loop->run_once(rig.clock.now());
  EXPECT_FALSE(rig.service->writer().has_work());
  EXPECT_EQ(rig.loop->timers().size(), 1U);
  rig.settle(admission, 1, 5);
  rig.loop->run_once(rig.clock.now());
  EXPECT_TRUE(rig.service->writer().has_work());
  EXPECT_EQ(rig.loop->timers().size(), 0U);
  rig.turn();
  EXPECT_EQ(read_all(rig.disk)->records.size(), 1U);
}

TEST(ShardBooks, AnAdmissionWithAWaiterIsHandedOverInItsTurn) {
  Rig rig;
  rig.start();
  rig.turn();
  rig.loop->add_turn_hook(*rig.books);
  TestWaiter waiter;
  rig.admit(1, &waiter);
  rig.loop->run_once(rig.clock.now());
  EXPECT_TRUE(rig.service->writer().has_work());
  rig.turn();
  EXPECT_TRUE(waiter.durable);
}

// As when the process is killed: the loop of a simulation lives on.
TEST(ShardBooks, DyingWithAWaitingAdmissionLeavesNoTimerBehind) {
  Rig rig;
  rig.start();
  rig.turn();
  rig.loop->add_turn_hook(*rig.books);
  rig.admit(1);
  rig.loop->run_once(rig.clock.now());
  rig.loop->remove_turn_hook(*rig.books);
  rig.service.reset();
  EXPECT_EQ(rig.loop->timers().size(), 0U);
}

TEST(ShardBooks, DeliveredWakesNobodyAndGoesWithTheNextBatch) {
  Rig rig;
  rig.start();
  rig.request(1);
  rig.books->delivered(1);
  rig.books->flush();
  EXPECT_FALSE(rig.service->writer().has_work());
  rig.request(2);
  const auto stored = *read_all(rig.disk);
  EXPECT_EQ(std::ranges::count(stored.frames, FrameType::kDelivered, &Frame::type), 1);
}

TEST(ShardBooks, ManyTurnsOfNothingButDeliveredWakeTheWriterBeforeTheWayIsFull) {
  Rig rig;
  rig.start();
  rig.request(1);
  int turns = 0;
  for (; turns < 1000 && !rig.service->writer().has_work(); ++turns) {
    rig.books->delivered(1);
    rig.books->flush();
  }
  EXPECT_LT(turns, 64);
  EXPECT_GT(turns, 1);
}

TEST(ShardBooks, AHandoverWithManyWaitersTellsThemAllButTheCancelled) {
  Rig rig(1, std::uint64_t{1} << 20U);
  rig.start();
  std::deque<TestWaiter> waiters(100);
  for (std::uint64_t i = 0; i < waiters.size(); ++i) {
    rig.admit(i, &waiters[i]);
    if (i % 3 == 0) {
      waiters[i].cancel();
    }
  }
  rig.turn();
  for (std::size_t i = 0; i < waiters.size(); ++i) {
    EXPECT_EQ(waiters[i].durable, i % 3 != 0) << i;
  }
}

TEST(ShardBooks, FramesBetweenTwoSyncsAreOneBatch) {
  Rig rig;
  rig.start();
  rig.turn();
  const auto first = rig.admit(1);
  rig.turn();
  const auto second = rig.admit(2);
  rig.turn();
  rig.settle(first, 1, 5);
  rig.turn();
  rig.settle(second, 2, 5);
  rig.turn();
  std::vector<int> indexes;
  const auto stored = *read_all(rig.disk);
  for (const Frame& frame : stored.frames) {
    indexes.push_back(frame.index);
  }
  EXPECT_EQ(indexes, (std::vector<int>{0, 1, 2, 0}));
}

TEST(ShardBooks, ACancelledOrDestroyedWaiterIsNotTold) {
  Rig rig;
  rig.start();
  TestWaiter cancelled;
  const auto first = rig.admit(1, &cancelled);
  {
    TestWaiter gone;
    rig.settle(first, 1, 5, &gone);
  }
  cancelled.cancel();
  EXPECT_FALSE(cancelled.is_waiting());
  rig.turn();
  EXPECT_FALSE(cancelled.durable);
  EXPECT_EQ(read_all(rig.disk)->records.size(), 1U) << "written all the same";
}

TEST(ShardBooks, AnnexesAreStoredBesideTheRecordWhichHoldsTheirHashes) {
  Rig rig;
  rig.start();
  const auto admission = rig.admit(1);
  meter::UsageRecord record = test_record(1, rig.clock.wall(), 20, 5);
  meter::Annexes annexes;
  annexes.tenant.salt[0] = 1;
  annexes.tenant.client_country = "DE";
  annexes.ours.salt[0] = 2;
  annexes.ours.route_reason = 3;
  rig.books->settle(admission, record, annexes, nullptr);
  rig.turn();
  const auto files = *list_journal(rig.disk, kDir);
  bool seen = false;
  const auto visit = [&](const Frame& frame, std::uint64_t) -> Result<void> {
    TDN_TRY(const Entry entry, decode_entry(frame));
    if (const auto* settlement = std::get_if<SettlementEntry>(&entry)) {
      seen = true;
      const auto stored = *meter::decode_record(settlement->record);
      EXPECT_EQ(stored.tenant_annex, codec::sha256(settlement->tenant_annex));
      EXPECT_EQ(stored.operator_annex, codec::sha256(settlement->operator_annex));
      EXPECT_EQ(meter::decode_tenant_annex(settlement->tenant_annex)->client_country, "DE");
      EXPECT_EQ(meter::decode_operator_annex(settlement->operator_annex)->route_reason, 3U);
    }
    return {};
  };
  ASSERT_TRUE(scan_file(rig.disk, files, 0, Liveness::kAtRest, visit));
  EXPECT_TRUE(seen);
}

TEST(ShardBooks, AMomentWithoutWorkIsMarkedOnce) {
  Rig rig;
  rig.start();
  rig.request(1);
  const WallTime settled = rig.clock.wall();
  const auto frames = read_all(rig.disk)->frames.size();
  for (int i = 0; i < 10; ++i) {
    rig.turn();
  }
  EXPECT_EQ(read_all(rig.disk)->frames.size(), frames);
  rig.clock.advance(rig.service->writer().next_retry() - rig.clock.now());
  for (int i = 0; i < 10; ++i) {
    rig.turn();
    rig.clock.advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(rig.service->writer().next_retry(), kNever);
  const auto files = *list_journal(rig.disk, kDir);
  std::vector<WallTime> marks;
  const auto visit = [&](const Frame& frame, std::uint64_t) -> Result<void> {
    TDN_TRY(const Entry entry, decode_entry(frame));
    if (const auto* synced = std::get_if<SyncedEntry>(&entry)) {
      marks.push_back(synced->wall);
    }
    return {};
  };
  ASSERT_TRUE(scan_file(rig.disk, files, 0, Liveness::kAtRest, visit));
  ASSERT_EQ(marks.size(), 1U);
  EXPECT_GE(marks[0], settled) << "complete through the last settlement";
}

TEST(ShardBooks, UnderSteadyLoadTheMarkComesEachSecond) {
  Rig rig;
  rig.start();
  for (std::uint64_t i = 0; i < 60; ++i) {
    rig.request(i);
    rig.clock.advance(std::chrono::milliseconds(100));
  }
  const auto stored = *read_all(rig.disk);
  EXPECT_EQ(std::ranges::count(stored.frames, FrameType::kSynced, &Frame::type), 5);
}

}  // namespace
}  // namespace tdn::books
