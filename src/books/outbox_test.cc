#include "books/outbox.h"

#include <gmock/gmock.h>

#include "books/test_rig.h"
#include "codec/packed.h"

namespace tdn::books {
namespace {

using meter::OutboxPosition;
using testing::HasSubstr;

std::uint64_t seq_of(ByteView payload) {
  const Frame frame{.lsn = 1, .type = FrameType::kSettlement, .payload = payload};
  const auto entry = decode_entry(frame);
  EXPECT_TRUE(entry.has_value());
  return entry ? std::get<SettlementEntry>(*entry).seq : 0;
}

// All of them, in pieces of so many bytes; each must follow the one before.
std::uint64_t read_through(meter::Outbox& outbox, std::uint32_t epoch, std::uint64_t from,
                           std::size_t bytes) {
  while (true) {
    const auto records = outbox.read(epoch, from, bytes);
    EXPECT_TRUE(records.has_value()) << records.error().detail();
    if (!records || records->count == 0) {
      return from - 1;
    }
    const std::uint64_t before = from;
    ByteView rest = records->packed;
    for (auto payload = codec::unpack(rest); payload && *payload; payload = codec::unpack(rest)) {
      EXPECT_EQ(seq_of(**payload), from);
      ++from;
    }
    EXPECT_EQ(from, before + records->count);
  }
}

class OutboxTest : public testing::Test {
 protected:
  OutboxTest() { rig.start(); }
  ~OutboxTest() override { rig.stop(); }
  meter::Outbox& outbox() { return rig.service->outbox(); }
  std::size_t segments(std::uint32_t epoch = 1) {
    return list_journal(rig.disk, kDir, epoch)->segments.size();
  }
  void requests(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      rig.request(++number);
    }
  }
  void acknowledge(std::uint64_t acked) {
    ASSERT_TRUE(outbox().acknowledge(outbox().position().epoch, acked, acked + 1));
    rig.turn();
  }

  Rig rig;
  std::uint64_t number = 0;
};

TEST_F(OutboxTest, gives_every_record_once_in_order_whatever_the_pieces_and_over_segments) {
  requests(600);
  ASSERT_GT(segments(), 3U);
  for (const std::size_t bytes : {1U, 700U, 5'000U, 1'000'000U}) {
    EXPECT_EQ(read_through(outbox(), 1, 1, bytes), 600U);
  }
  EXPECT_EQ(read_through(outbox(), 1, 599, 100'000), 600U);
  EXPECT_EQ(read_through(outbox(), 1, 300, 100'000), 600U);
}

TEST_F(OutboxTest, reads_on_in_the_segment_that_is_being_written) {
  std::uint64_t read = 0;
  for (int round = 0; round < 300; ++round) {
    requests(1 + static_cast<std::uint64_t>(round) % 3);
    read = read_through(outbox(), 1, read + 1, 1'000);
    ASSERT_EQ(read, number);
  }
}

TEST_F(OutboxTest, nothing_is_given_that_is_not_on_disk) {
  requests(3);
  const auto admission = rig.admit(++number);
  rig.settle(admission, number, 5);
  rig.books->flush();
  ASSERT_TRUE(rig.service->writer().write().has_value());  // written, not synced
  EXPECT_EQ(outbox().position().last_seq, 3U);
  EXPECT_EQ(read_through(outbox(), 1, 1, 100'000), 3U);
  ASSERT_TRUE(rig.service->writer().sync());
  rig.service->writer().release();
  EXPECT_EQ(read_through(outbox(), 1, 1, 100'000), 4U);
}

TEST_F(OutboxTest, survives_a_restart_even_one_that_rewrites_the_last_batch) {
  requests(200);
  for (int start = 0; start < 3; ++start) {
    rig.start();
    EXPECT_EQ(read_through(outbox(), 1, 1, 3'000), number);
    requests(5);
    EXPECT_EQ(read_through(outbox(), 1, 190, 3'000), number);
  }
}

TEST_F(OutboxTest, a_refresh_makes_an_honest_statement_of_what_is_complete) {
  const auto admission = rig.admit(++number);
  rig.settle(admission, number, 5);  // nobody waits for it
  rig.books->flush();
  const WallTime settled = rig.clock.wall();
  rig.clock.advance(std::chrono::seconds(1));
  bool refreshed = false;
  outbox().refresh([&] { refreshed = true; });
  const auto wants_sync = rig.service->writer().write();
  ASSERT_TRUE(wants_sync.has_value());
  EXPECT_TRUE(*wants_sync);  // the record is not on disk yet: no word before it is
  EXPECT_FALSE(refreshed);
  EXPECT_LT(outbox().position().complete_through, settled);
  ASSERT_TRUE(rig.service->writer().sync());
  EXPECT_TRUE(refreshed);
  const OutboxPosition at = outbox().position();
  EXPECT_GT(at.complete_through, settled);
  EXPECT_LT(at.complete_through, rig.clock.wall());
  EXPECT_EQ(at.complete_seq, 1U);
  rig.service->writer().release();
}

TEST_F(OutboxTest, a_refresh_without_work_is_answered_without_a_sync) {
  rig.turn();
  bool refreshed = false;
  rig.clock.advance(std::chrono::seconds(5));
  outbox().refresh([&] { refreshed = true; });
  const auto wants_sync = rig.service->writer().write();
  ASSERT_TRUE(wants_sync.has_value());
  EXPECT_FALSE(*wants_sync);
  EXPECT_TRUE(refreshed);
}

TEST_F(OutboxTest, closing_leaves_nobody_waiting) {
  int told = 0;
  outbox().refresh([&] { ++told; });
  ASSERT_TRUE(rig.service->writer().close());
  EXPECT_EQ(told, 1);
  outbox().refresh([&] { ++told; });
  EXPECT_EQ(told, 2);
}

TEST_F(OutboxTest, what_is_acknowledged_goes_and_the_books_open_again) {
  requests(600);
  const std::size_t before = segments();
  acknowledge(250);
  EXPECT_EQ(outbox().position().acked, 0U);  // not on disk yet
  requests(1);
  EXPECT_EQ(outbox().position().acked, 250U);
  EXPECT_EQ(outbox().position().keep_from, 251U);
  EXPECT_LT(segments(), before);
  EXPECT_EQ(read_through(outbox(), 1, 251, 10'000), number);
  EXPECT_EQ(outbox().read(1, 1, 10'000).error().code(), Code::kMissing);
  acknowledge(number);
  requests(1);
  EXPECT_LE(segments(), 3U);  // two checkpoints' worth, and the one in use
  rig.start();
  EXPECT_EQ(outbox().position().acked, number - 1);
  EXPECT_EQ(outbox().position().last_seq, number);
  EXPECT_EQ(read_through(outbox(), 1, number, 10'000), number);
}

TEST_F(OutboxTest, an_edge_that_is_started_often_does_not_keep_a_segment_of_each_start) {
  for (int start = 0; start < 40; ++start) {
    requests(2);
    acknowledge(number);
    rig.start();
  }
  EXPECT_LE(segments(), 10U);
  EXPECT_EQ(outbox().position().last_seq, number);
  EXPECT_EQ(read_through(outbox(), 1, number, 10'000), number);
}

TEST_F(OutboxTest, an_acknowledgement_below_what_is_to_be_kept_removes_nothing) {
  requests(600);
  const std::size_t before = segments();
  ASSERT_TRUE(outbox().acknowledge(1, 600, 1));
  rig.turn();
  EXPECT_EQ(segments(), before);
}

TEST_F(OutboxTest, a_full_disk_is_freed_by_an_acknowledgement) {
  requests(300);
  rig.disk.set_capacity(rig.disk.used() + 32'768);
  std::uint64_t settled = number;
  while (rig.books->accepting() && number < 5'000) {
    requests(1);
    settled = number;
  }
  ASSERT_FALSE(rig.books->accepting());
  acknowledge(settled);
  rig.clock.advance(std::chrono::seconds(2));
  rig.turn();
  EXPECT_TRUE(rig.books->accepting());
  requests(200);
  EXPECT_EQ(read_through(outbox(), 1, settled + 1, 10'000), number);
}

TEST_F(OutboxTest, a_new_epoch_begins_at_the_next_start_and_the_old_one_is_still_read) {
  requests(50);
  static_cast<void>(rig.admit(++number));  // open when the process dies
  rig.turn();
  ASSERT_TRUE(outbox().begin_epoch(2, false));
  EXPECT_EQ(outbox().position().epoch, 1U);
  rig.start();
  EXPECT_EQ(outbox().position().epoch, 2U);
  EXPECT_EQ(outbox().position().last_seq, 0U);
  ASSERT_EQ(outbox().former().size(), 1U);
  EXPECT_EQ(outbox().former()[0].epoch, 1U);
  EXPECT_EQ(outbox().former()[0].last_seq, 51U);  // the orphan was settled in its own epoch
  number = 0;
  requests(20);
  EXPECT_EQ(read_through(outbox(), 1, 1, 10'000), 51U);
  EXPECT_EQ(read_through(outbox(), 2, 1, 10'000), 20U);
  ASSERT_TRUE(outbox().acknowledge(1, 51, 20));  // control's backup is behind
  EXPECT_EQ(outbox().former().size(), 1U);
  rig.start();  // and again
  EXPECT_EQ(outbox().former().size(), 1U);
  ASSERT_TRUE(outbox().acknowledge(1, 51, 52));
  EXPECT_TRUE(outbox().former().empty());
  EXPECT_EQ(segments(1), 0U);
  rig.start();
  EXPECT_TRUE(outbox().former().empty());
  EXPECT_EQ(read_through(outbox(), 2, 1, 10'000), 20U);
}

TEST_F(OutboxTest, a_forked_epoch_is_kept_and_not_offered) {
  requests(5);
  ASSERT_TRUE(outbox().begin_epoch(2, true));
  rig.start();
  EXPECT_TRUE(outbox().former().empty());
  EXPECT_GT(segments(1), 0U);
  EXPECT_FALSE(outbox().begin_epoch(2, false));
}

TEST_F(OutboxTest, a_journal_of_a_later_epoch_than_the_state_folder_says_is_refused) {
  ASSERT_TRUE(outbox().begin_epoch(3, false));
  rig.start();
  ASSERT_TRUE(rig.disk.remove(kState + "/epoch"));
  const auto started = rig.try_start();
  ASSERT_FALSE(started.has_value());
  EXPECT_THAT(started.error().detail(), HasSubstr("epoch 3"));
}

// Whatever moment the machine stops at, what was on disk is read, dense, and nothing twice.
TEST_F(OutboxTest, crashes_at_any_moment_lose_nothing_that_was_given_out) {
  std::uint64_t given = 0;
  for (int round = 0; round < 60; ++round) {
    requests(1 + rig.random.below(9));
    given = std::max(given, read_through(outbox(), 1, given + 1, 2'000));
    if (rig.random.below(2) == 0) {
      acknowledge(given);
    }
    rig.stop();
    rig.disk.crash(rig.random);
    rig.start();
    const OutboxPosition at = outbox().position();
    ASSERT_GE(at.last_seq, given);
    ASSERT_LE(at.acked, given);
    number = at.last_seq;
    ASSERT_EQ(read_through(outbox(), 1, std::max<std::uint64_t>(at.keep_from, 1), 2'000), number);
  }
}

}  // namespace
}  // namespace tdn::books
