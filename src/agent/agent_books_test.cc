// What becomes of the books: uploads, gaps, epochs, completeness.
#include <gmock/gmock.h>

#include "agent/agent_test_fixture.h"
#include "codec/packed.h"

namespace tdn::agent {
namespace {

class AgentBooksTest : public AgentFixture {};

TEST_F(AgentBooksTest, a_gap_is_filled_from_where_control_says) {
  start_in_network();
  for (int i = 0; i < 5; ++i) {
    outbox.settle("r" + std::to_string(i));
  }
  seconds(2);
  ASSERT_EQ(control.logs[1].size(), 5U);
  control.logs[1].resize(2);  // control came back from a backup
  outbox.current().keep_from = 3;
  outbox.settle("r5");
  seconds(6);
  EXPECT_THAT(control.logs[1], testing::ElementsAre("r0", "r1", "r2", "r3", "r4", "r5"));
}

TEST_F(AgentBooksTest, a_gap_that_cannot_be_filled_stops_uploads_and_nothing_else) {
  start_in_network();
  for (int i = 0; i < 5; ++i) {
    outbox.settle("r" + std::to_string(i));
  }
  seconds(2);
  control.logs[1].clear();
  outbox.settle("r5");
  seconds(5);
  EXPECT_TRUE(agent->quarantined());
  EXPECT_EQ(metric("tdn_uploads_stopped"), 1);
  publish(changed("New"), {1, 2});
  seconds(6);
  EXPECT_EQ(host.switches, 2);
  EXPECT_TRUE(host.admitting);
}

TEST_F(AgentBooksTest, books_that_forgot_an_acknowledgement_ask_what_control_has) {
  start_in_network();
  for (int i = 0; i < 5; ++i) {
    outbox.settle("r" + std::to_string(i));
  }
  seconds(2);
  end();
  outbox.current().acked = 1;
  outbox.current().keep_from = 5;
  ASSERT_TRUE(begin());
  outbox.settle("r5");
  seconds(3);
  EXPECT_FALSE(agent->quarantined());
  EXPECT_THAT(control.logs[1], testing::ElementsAre("r0", "r1", "r2", "r3", "r4", "r5"));
  EXPECT_EQ(outbox.current().acked, 6U);
}

TEST_F(AgentBooksTest, records_that_come_to_disk_while_others_are_read_go_with_them) {
  start_in_network();
  int more = 50;
  outbox.while_reading = [&] {
    if (more-- > 0) {
      outbox.settle("late" + std::to_string(more));
      outbox.refresh([] {});
    }
  };
  for (int i = 0; i < 50; ++i) {
    outbox.settle("r" + std::to_string(i));
    seconds(0.1);
  }
  seconds(60);
  EXPECT_FALSE(agent->quarantined());
  EXPECT_EQ(control.logs[1], outbox.current().records);
  for (const protocol::SyncRequest& request : control.requests) {
    ByteView rest = request.upload ? ByteView(request.upload->records) : ByteView();
    std::uint64_t last = request.upload ? request.upload->from - 1 : 0;
    while (*codec::unpack(rest)) {
      ++last;
    }
    ASSERT_LE(last, request.journal.last_seq);
  }
}

TEST_F(AgentBooksTest, a_clone_serves_on_and_uploads_nothing) {
  start_in_network();
  control.scripted = protocol::SyncRefusal{protocol::SyncFault::kClone, "two logs", 0, 0};
  outbox.settle("r0");
  seconds(3);
  EXPECT_TRUE(agent->quarantined());
  control.scripted.reset();
  seconds(10);
  EXPECT_TRUE(control.logs[1].empty());
  EXPECT_TRUE(host.admitting);
}

TEST_F(AgentBooksTest, a_rollback_begins_a_new_epoch_with_the_next_start) {
  start_in_network();
  control.scripted = protocol::SyncRefusal{protocol::SyncFault::kRollback, "old", 0, 4};
  seconds(3);
  EXPECT_EQ(host.restarts, 1);
  EXPECT_EQ(outbox.next_epoch, 4U);
  EXPECT_TRUE(outbox.forked);
  end();
  control.scripted.reset();
  outbox.start(2);
  ASSERT_TRUE(begin());
  outbox.settle("n0");
  seconds(3);
  EXPECT_THAT(control.logs[4], testing::ElementsAre("n0"));
  EXPECT_TRUE(control.logs[1].empty());
}

TEST_F(AgentBooksTest, an_earlier_epoch_is_uploaded_first_and_then_let_go) {
  start_in_network();
  control.next_fault = [] { return FakeControl::Fault::kLoseRequest; };
  for (int i = 0; i < 4; ++i) {
    outbox.settle("old" + std::to_string(i));
  }
  outbox.refresh([] {});
  static_cast<void>(outbox.begin_epoch(2, false));
  end();
  outbox.start(2);
  control.next_fault = nullptr;
  control.ordered_epoch = 2;
  ASSERT_TRUE(begin());
  outbox.settle("new0");
  seconds(8);
  EXPECT_THAT(control.logs[1], testing::ElementsAre("old0", "old1", "old2", "old3"));
  EXPECT_THAT(control.logs[2], testing::ElementsAre("new0"));
  EXPECT_TRUE(outbox.former().empty());
}

TEST_F(AgentBooksTest, completeness_is_said_only_when_everything_has_been_uploaded) {
  start_in_network();
  for (int i = 0; i < 2'000; ++i) {
    outbox.settle(std::string(1'000, 'x'));
  }
  const WallTime before = control.complete_through;
  test.settle();
  control.requests.clear();
  seconds(20);
  EXPECT_EQ(control.logs[1].size(), 2'000U);
  EXPECT_GT(control.complete_through, before);
  std::uint64_t uploaded = 0;
  for (const protocol::SyncRequest& request : control.requests) {
    ByteView rest = request.upload ? ByteView(request.upload->records) : ByteView();
    while (*codec::unpack(rest)) {
      ++uploaded;
    }
    EXPECT_TRUE(!request.complete_through || uploaded == 2'000U) << uploaded;
    EXPECT_LE(to_json(request).size(), protocol::kMostSyncBytes);
  }
}

TEST_F(AgentBooksTest, a_last_sync_at_the_end_uploads_what_was_settled) {
  start_in_network();
  seconds(3);
  outbox.settle("last");
  end();
  EXPECT_THAT(control.logs[1], testing::ElementsAre("last"));
}

// Whatever is lost, doubled or late, and however often the process dies: what was on disk arrives,
// once, in order.
TEST_F(AgentBooksTest, every_record_on_disk_arrives_exactly_once_through_faults_and_kills) {
  publish(network, {1, 1});
  control_up();
  SeededRandom faults(7);
  control.next_fault = [&] {
    const std::uint64_t dice = faults.below(10);
    return dice < 5 ? FakeControl::Fault::kNone : static_cast<FakeControl::Fault>(dice - 4);
  };
  std::uint64_t settled = 0;
  for (int life = 0; life < 40; ++life) {
    ASSERT_TRUE(begin());
    for (std::uint64_t step = faults.below(12); step > 0; --step) {
      for (std::uint64_t i = faults.below(40); i > 0; --i) {
        outbox.settle("record " + std::to_string(++settled));
      }
      seconds(0.05 * static_cast<double>(1 + faults.below(40)));
    }
    kill();
    settled = outbox.current().records.size();
  }
  control.next_fault = nullptr;
  ASSERT_TRUE(begin());
  seconds(20);
  EXPECT_GT(settled, 500U);
  EXPECT_EQ(control.logs[1], outbox.current().records);
  EXPECT_EQ(control.clones, 0U);
  EXPECT_EQ(outbox.current().acked, settled);
}

}  // namespace
}  // namespace tdn::agent
