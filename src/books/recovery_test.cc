#include <gtest/gtest.h>

#include <algorithm>

#include "books/test_rig.h"

namespace tdn::books {
namespace {

const std::string kFirstSegment = kDir + "/00000001-0000000000000001.tj";

std::vector<std::uint8_t> books_state(const Replica& replica) {
  ByteBuffer out;
  replica.encode(out);
  return {out.view().begin(), out.view().end()};
}

void put_file(io::Disk& disk, const std::string& path, ByteView bytes) {
  auto file = *disk.open(path, io::OpenMode::kCreate);
  ASSERT_TRUE(file->truncate(0));
  ASSERT_TRUE(file->write(0, bytes));
  ASSERT_TRUE(file->sync());
}

TEST(Recovery, WhatWasWrittenIsThereAgainAndTheEdgeIsTheSame) {
  Rig rig;
  rig.start();
  const Uid edge = rig.service->identity().edge;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    rig.request(i, i);
  }
  const auto before = books_state(rig.service->journal().replica());
  rig.start();
  EXPECT_EQ(rig.service->identity().edge, edge);
  EXPECT_EQ(books_state(rig.service->journal().replica()), before);
  rig.request(21);
  const auto stored = *read_all(rig.disk);
  ASSERT_EQ(stored.records.size(), 21U);
  for (std::size_t i = 0; i < 21; ++i) {
    EXPECT_EQ(stored.records[i].seq, i + 1);
    EXPECT_EQ(stored.records[i].request.uid, test_uid(1, i + 1));
    EXPECT_EQ(stored.records[i].edge, edge);
  }
}

TEST(Recovery, ASecondProcessIsKeptOutOfTheFolder) {
  Rig rig;
  rig.start();
  const auto second = BooksService::open(rig.options, rig.disk, rig.clock, rig.random);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().detail().find("in use by another tdn process"), std::string::npos);
}

// A journal whose last batch holds three frames: an admission, its settlement, a second admission.
struct CutCase {
  Rig rig;
  std::vector<std::uint8_t> bytes;  // of the only segment
  std::uint64_t batch_at = 0;       // where the last batch starts
  std::uint64_t end = 0;
  std::size_t records_before = 0;

  CutCase() {
    rig.start();
    for (std::uint64_t i = 1; i <= 4; ++i) {
      rig.request(i);
    }
    TestWaiter waiter;
    rig.settle(rig.admit(5), 5, 9, &waiter);
    rig.admit(6);
    rig.books->flush();
    EXPECT_TRUE(*rig.service->writer().write());
    EXPECT_TRUE(rig.service->writer().sync());
    rig.stop();
    bytes = *io::read_file(rig.disk, kFirstSegment);
    const auto stored = *read_all(rig.disk);
    for (std::size_t i = 0; i < stored.frames.size(); ++i) {
      if (stored.frames[i].index == 0) {
        batch_at = stored.offsets[i];
      }
    }
    end = stored.offsets.back();
    records_before = 4;
  }
};

TEST(Recovery, ACutAtEveryByteOfTheLastBatchStartsWithEverythingBefore) {
  CutCase cut_case;
  const std::vector<std::uint8_t> whole = cut_case.bytes;
  for (std::uint64_t cut = cut_case.batch_at; cut < cut_case.end + 400; ++cut) {
    Rig rig;
    ASSERT_TRUE(rig.disk.make_dir(kDir));
    for (const char* name : {"/edge-uid"}) {
      put_file(rig.disk, kState + name, *io::read_file(cut_case.rig.disk, kState + name));
    }
    std::vector<std::uint8_t> torn = whole;
    std::fill(torn.begin() + static_cast<std::ptrdiff_t>(cut), torn.end(), std::uint8_t{0});
    put_file(rig.disk, kFirstSegment, torn);
    ASSERT_TRUE(rig.disk.sync_dir(kDir));
    const auto started = rig.try_start();
    ASSERT_TRUE(started) << "cut at " << cut << ": " << to_string(started.error());
    const auto stored = read_all(rig.disk);
    ASSERT_TRUE(stored) << "cut at " << cut << ": " << to_string(stored.error());
    ASSERT_GE(stored->records.size(), cut_case.records_before) << "cut at " << cut;
    for (std::size_t i = 0; i < cut_case.records_before; ++i) {
      EXPECT_EQ(stored->records[i].end, meter::End::kComplete);
    }
    // And it is a journal that goes on.
    rig.request(7);
  }
}

TEST(Recovery, AFlippedBitBeforeTheLastBatchIsRefusedNamingFileAndOffset) {
  CutCase cut_case;
  Rig& rig = cut_case.rig;
  for (std::uint64_t bit = 0; bit < cut_case.batch_at * 8; bit += 3) {
    rig.disk.flip_bit(kFirstSegment, bit);
    const auto started = rig.try_start();
    ASSERT_FALSE(started) << "bit " << bit;
    EXPECT_EQ(started.error().code(), Code::kCorrupt);
    EXPECT_NE(started.error().detail().find(kFirstSegment), std::string::npos);
    EXPECT_NE(started.error().detail().find("offset"), std::string::npos);
    rig.disk.flip_bit(kFirstSegment, bit);
  }
  EXPECT_TRUE(rig.try_start());
}

TEST(Recovery, AFlippedBitInTheLastBatchIsATornTail) {
  CutCase cut_case;
  for (std::uint64_t bit = cut_case.batch_at * 8; bit < cut_case.end * 8; bit += 41) {
    CutCase fresh;
    fresh.rig.disk.flip_bit(kFirstSegment, bit);
    const auto started = fresh.rig.try_start();
    ASSERT_TRUE(started) << "bit " << bit << ": " << to_string(started.error());
    EXPECT_GE(read_all(fresh.rig.disk)->records.size(), fresh.records_before);
  }
}

TEST(Recovery, WhatSurvivedOfTheLastBatchIsMadeDurableBeforeServing) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rig rig(seed);
    rig.start();
    rig.request(1);
    TestWaiter waiter;
    rig.settle(rig.admit(2), 2, 3, &waiter);
    rig.books->flush();
    ASSERT_TRUE(*rig.service->writer().write());
    // The process dies before the sync, the machine after the restart.
    rig.disk.crash(rig.random, /*keep_unsynced=*/true);
    rig.start();
    rig.disk.crash(rig.random);
    rig.start();
    EXPECT_EQ(read_all(rig.disk)->records.size(), 2U) << "seed " << seed;
  }
}

TEST(Recovery, RestartsWithNothingInBetweenDoNotPileUpSegments) {
  Rig rig;
  rig.start();
  rig.request(1);
  for (int i = 0; i < 5; ++i) {
    rig.start();
  }
  EXPECT_LE(list_journal(rig.disk, kDir)->segments.size(), 2U);
  EXPECT_EQ(read_all(rig.disk)->records.size(), 1U);
}

TEST(Recovery, AnAdmissionWithoutOutputBecomesAnOrphanWithItsInputCountedAndNothingBilled) {
  Rig rig;
  rig.start();
  rig.admit(1);
  rig.turn();
  rig.clock.advance(std::chrono::seconds(9));
  rig.start();
  const auto stored = *read_all(rig.disk);
  ASSERT_EQ(stored.records.size(), 1U);
  const meter::UsageRecord& orphan = stored.records[0];
  EXPECT_EQ(orphan.end, meter::End::kOrphan);
  EXPECT_EQ(orphan.reported.totals(), (meter::TokenTotals{.input = 30}));
  EXPECT_EQ(orphan.charged.amount, 0);
  EXPECT_EQ(orphan.charged.currency, test_price().currency);
  EXPECT_EQ(orphan.flags & meter::kEstimated, meter::kEstimated);
  EXPECT_EQ(orphan.settled_us, 9'000'000U);
  EXPECT_EQ(orphan.admission.lsn, 1U);
  rig.start();
  EXPECT_EQ(read_all(rig.disk)->records.size(), 1U) << "settled once";
}

TEST(Recovery, AStreamCutByADeathIsSettledAtItsLastCheckpoint) {
  Rig rig;
  rig.start();
  const auto admission = rig.admit(1);
  meter::UsageVector usage;
  usage.set(meter::TokenClass::kInputTextFresh, 21);
  usage.set(meter::TokenClass::kInputTextCacheRead, 8);
  for (const std::uint64_t output : {4, 12}) {
    usage.set(meter::TokenClass::kOutputText, output);
    rig.books->checkpoint(admission, {.endpoint = test_uid(7, 2), .usage = usage});
    rig.turn();
  }
  rig.start();
  const auto stored = *read_all(rig.disk);
  ASSERT_EQ(stored.records.size(), 1U);
  EXPECT_EQ(stored.records[0].end, meter::End::kOrphan);
  EXPECT_EQ(stored.records[0].reported, usage);
  EXPECT_EQ(stored.records[0].charged.amount, 940'000);
  EXPECT_EQ(stored.records[0].serving.endpoint, test_uid(7, 2));
}

TEST(Recovery, AnOutputCheckpointBeforeAnyInputReportBillsTheOutputAlone) {
  Rig rig;
  rig.start();
  const auto admission = rig.admit(1);
  meter::UsageVector usage;
  usage.set(meter::TokenClass::kOutputText, 5);
  rig.books->checkpoint(admission, {.endpoint = test_uid(7), .usage = usage});
  rig.turn();
  rig.start();
  const auto stored = *read_all(rig.disk);
  EXPECT_EQ(stored.records[0].reported.totals(), (meter::TokenTotals{.input = 30, .output = 5}));
  EXPECT_EQ(stored.records[0].charged.amount, 200'000);
}

TEST(Recovery, ARefusedAdmissionLeavesNoRecord) {
  Rig rig;
  rig.start();
  rig.books->refuse(rig.admit(1), Code::kOverloaded);
  rig.turn();
  rig.start();
  EXPECT_TRUE(read_all(rig.disk)->records.empty());
  EXPECT_EQ(rig.books->open_admissions(), 0U);
}

TEST(Recovery, AMissingSegmentIsNamed) {
  Rig rig;
  rig.start();
  for (std::uint64_t i = 0; i < 400; ++i) {
    rig.request(i);
  }
  rig.stop();
  const auto files = *list_journal(rig.disk, kDir);
  ASSERT_GE(files.segments.size(), 4U);
  ASSERT_TRUE(rig.disk.remove(files.segments[1].path));
  const auto started = rig.try_start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().detail().find(files.segments[0].path), std::string::npos)
      << to_string(started.error());
}

TEST(Recovery, ADamagedCheckpointFileCostsTimeAndNothingElse) {
  Rig rig;
  rig.start();
  for (std::uint64_t i = 0; i < 400; ++i) {
    rig.request(i);
  }
  const auto state = books_state(rig.service->journal().replica());
  rig.stop();
  const auto files = *list_journal(rig.disk, kDir);
  ASSERT_EQ(files.checkpoints.size(), 2U);
  rig.disk.flip_bit(files.checkpoints[1].path, 200);
  rig.start();
  EXPECT_EQ(books_state(rig.service->journal().replica()), state);
  rig.stop();
  rig.disk.flip_bit(files.checkpoints[0].path, 200);
  rig.start();
  EXPECT_EQ(books_state(rig.service->journal().replica()), state);
}

TEST(Recovery, AJournalThatEndsBeforeItsCheckpointIsRefused) {
  Rig rig;
  rig.start();
  for (std::uint64_t i = 0; i < 400; ++i) {
    rig.request(i);
  }
  rig.stop();
  auto files = *list_journal(rig.disk, kDir);
  while (files.segments.size() > 1) {
    ASSERT_TRUE(rig.disk.remove(files.segments.back().path));
    files.segments.pop_back();
  }
  const auto started = rig.try_start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().detail().find("frames are missing"), std::string::npos);
}

}  // namespace
}  // namespace tdn::books
