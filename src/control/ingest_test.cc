// Uploads: every record exactly once, whatever is lost, doubled, reordered or restarted; and what
// an edge is told whose books are not those we know.
#include "control/ingest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "control/test_edge.h"
#include "store/test_stores.h"

namespace tdn::control {
namespace {

using protocol::SyncFault;
using protocol::SyncRefusal;
using protocol::SyncRequest;

constexpr WallTime kNow{1'767'225'600'000'000};

// One sync as an operation of its own.
Result<Ingested> take(store::Store& store, const SyncRequest& request,
                      std::string_view site = "frankfurt") {
  EXPECT_TRUE(store.begin());
  EXPECT_TRUE(store.savepoint());
  auto result = take_sync(store, site, request, kNow);
  EXPECT_TRUE(result ? store.release() : store.undo());
  EXPECT_TRUE(store.commit());
  return result;
}

Taken taken(store::Store& store, const SyncRequest& request) {
  const auto result = take(store, request);
  EXPECT_TRUE(result.has_value()) << result.error().detail();
  if (const auto* refusal = std::get_if<SyncRefusal>(&*result)) {
    ADD_FAILURE() << protocol::to_string(refusal->fault) << ": " << refusal->message;
    return {};
  }
  return std::get<Taken>(*result);
}

SyncRefusal refused(store::Store& store, const SyncRequest& request,
                    std::string_view site = "frankfurt") {
  const auto result = take(store, request, site);
  EXPECT_TRUE(result.has_value());
  const auto* refusal = std::get_if<SyncRefusal>(&*result);
  EXPECT_NE(refusal, nullptr) << "it was taken";
  return refusal == nullptr ? SyncRefusal() : *refusal;
}

// What the store holds of one edge: seq of each record, and the requests that usage counts.
struct Held {
  std::vector<std::uint64_t> seqs;
  std::uint64_t requests = 0;
  std::uint64_t output = 0;
};
Held held(store::Store& store, const Uid& edge, std::uint32_t epoch = 1) {
  Held all;
  EXPECT_TRUE(store.begin());
  EXPECT_TRUE(store.visit_records(edge, epoch, 1, [&](const store::RecordRow& row) {
    all.seqs.push_back(row.seq);
    return true;
  }));
  EXPECT_TRUE(store.visit_usage(false, [&](const auto&, const meter::SummaryRow& row) {
    all.requests += row.requests;
    all.output += row.tokens.output;
  }));
  EXPECT_TRUE(store.commit());
  return all;
}

template <class Fixture>
class IngestTest : public testing::Test {
 protected:
  store::Store& store() { return fixture_.store(); }
  Fixture fixture_;
  TestEdge edge_{"frankfurt", 1};
};
using Fixtures = testing::Types<store::MemoryFixture, store::SqliteFixture>;
TYPED_TEST_SUITE(IngestTest, Fixtures);

TYPED_TEST(IngestTest, TakesWhatFollowsAndSaysUntilWhere) {
  for (int i = 0; i < 10; ++i) {
    this->edge_.settle(5);
  }
  const Taken first = taken(this->store(), this->edge_.upload(1, 4));
  EXPECT_TRUE(first.joined);
  EXPECT_EQ(first.acked, 4U);
  EXPECT_EQ(first.keep_from, 5U);
  EXPECT_EQ(first.records, 4U);
  const Taken second = taken(this->store(), this->edge_.upload(3, 10));
  EXPECT_FALSE(second.joined);
  EXPECT_EQ(second.acked, 10U);
  EXPECT_EQ(second.repeated, 2U);
  EXPECT_EQ(second.records, 6U);
  const Held all = held(this->store(), this->edge_.uid());
  EXPECT_EQ(all.seqs.size(), 10U);
  EXPECT_EQ(all.requests, 10U);
  EXPECT_EQ(all.output, 50U);
}

TYPED_TEST(IngestTest, NamesTheRecordThatIsDue) {
  for (int i = 0; i < 5; ++i) {
    this->edge_.settle(1);
  }
  taken(this->store(), this->edge_.upload(1, 2));
  const SyncRefusal gap = refused(this->store(), this->edge_.upload(4, 5));
  EXPECT_EQ(gap.fault, SyncFault::kGap);
  EXPECT_EQ(gap.expected, 3U);
  EXPECT_EQ(taken(this->store(), this->edge_.upload(3, 5)).acked, 5U);
}

TYPED_TEST(IngestTest, AnEmptyUploadAsks) {
  this->edge_.settle(1);
  taken(this->store(), this->edge_.upload(1, 1));
  EXPECT_EQ(taken(this->store(), this->edge_.upload(2, 1)).acked, 1U);
  EXPECT_EQ(taken(this->store(), this->edge_.sync()).acked, 1U);
}

TYPED_TEST(IngestTest, DropsWhatComesLate) {
  this->edge_.settle(1);
  const SyncRequest early = this->edge_.sync();
  const SyncRequest repeated = this->edge_.upload(1, 1);
  taken(this->store(), repeated);
  EXPECT_EQ(refused(this->store(), early).fault, SyncFault::kStale);
  EXPECT_EQ(taken(this->store(), repeated).acked, 1U) << "the answer may have been lost";
  this->edge_.restart();
  taken(this->store(), this->edge_.sync());
  EXPECT_EQ(refused(this->store(), repeated).fault, SyncFault::kStale) << "of a former start";
}

TYPED_TEST(IngestTest, ADelayedSyncOfAStartThatWasNeverSeenIsNoRollback) {
  this->edge_.settle(1);
  const SyncRequest delayed = this->edge_.sync();  // its journal ends at 1
  this->edge_.settle(1);
  this->edge_.settle(1);
  this->edge_.restart();
  taken(this->store(), this->edge_.upload(1, 3));
  EXPECT_EQ(refused(this->store(), delayed).fault, SyncFault::kStale);
  EXPECT_EQ(refused(this->store(), delayed).fault, SyncFault::kStale) << "doubled";
  EXPECT_EQ(taken(this->store(), this->edge_.sync()).epoch, 1U);
}

TYPED_TEST(IngestTest, AnEdgeWhoseClockWasSetBackIsBelievedWhenItGoesOn) {
  this->edge_.restart();
  taken(this->store(), this->edge_.sync());
  this->edge_.restart_with_an_earlier_clock();
  EXPECT_EQ(refused(this->store(), this->edge_.sync()).fault, SyncFault::kStale);
  taken(this->store(), this->edge_.sync());
  taken(this->store(), this->edge_.sync());
}

TYPED_TEST(IngestTest, OneSeqWithTwoContentsIsAClone) {
  TestEdge copy = this->edge_;
  this->edge_.settle(1);
  copy.settle(2);
  taken(this->store(), this->edge_.upload(1, 1));
  copy.restart();
  const SyncRefusal clone = refused(this->store(), copy.upload(1, 1));
  EXPECT_EQ(clone.fault, SyncFault::kClone);
  EXPECT_THAT(clone.message, testing::HasSubstr("two contents"));
  EXPECT_EQ(refused(this->store(), this->edge_.sync()).fault, SyncFault::kQuarantined);
  this->edge_.restart();
  EXPECT_EQ(refused(this->store(), this->edge_.sync()).fault, SyncFault::kQuarantined);
  EXPECT_EQ(held(this->store(), this->edge_.uid()).output, 1U);
}

TYPED_TEST(IngestTest, ABrokenChainIsAClone) {
  TestEdge copy = this->edge_;
  this->edge_.settle(1);
  copy.settle(2);
  copy.settle(3);
  taken(this->store(), this->edge_.upload(1, 1));
  copy.restart();
  EXPECT_EQ(refused(this->store(), copy.upload(2, 2)).fault, SyncFault::kClone);
}

TYPED_TEST(IngestTest, OneEpochWithTwoLogsIsAClone) {
  taken(this->store(), this->edge_.sync());
  this->edge_.set_log(test_uid(0x777));
  const SyncRefusal clone = refused(this->store(), this->edge_.sync());
  EXPECT_EQ(clone.fault, SyncFault::kClone);
  EXPECT_THAT(clone.message, testing::HasSubstr("has two logs"));
}

TYPED_TEST(IngestTest, AnEdgeOfAnotherSiteIsACloneAndLeavesTheFirstAlone) {
  taken(this->store(), this->edge_.sync());
  EXPECT_EQ(refused(this->store(), this->edge_.sync(), "paris").fault, SyncFault::kClone);
  taken(this->store(), this->edge_.sync());
}

TYPED_TEST(IngestTest, BooksThatGoBackGetANewEpoch) {
  this->edge_.settle(1);
  const codec::Digest hash = this->edge_.last_hash();
  this->edge_.settle(1);
  this->edge_.settle(1);
  taken(this->store(), this->edge_.upload(1, 3));
  this->edge_.roll_back_to(1, hash);
  this->edge_.restart();
  const SyncRefusal rollback = refused(this->store(), this->edge_.sync());
  EXPECT_EQ(rollback.fault, SyncFault::kRollback);
  EXPECT_EQ(rollback.epoch, 2U);
  // It asks again, and has settled more meanwhile: still the same epoch.
  this->edge_.settle(9);
  this->edge_.settle(9);
  this->edge_.settle(9);
  EXPECT_EQ(refused(this->store(), this->edge_.upload(2, 4)).epoch, 2U);
  this->edge_.begin_epoch(2);
  this->edge_.settle(4);
  const Taken after = taken(this->store(), this->edge_.upload(1, 1));
  EXPECT_EQ(after.epoch, 2U);
  EXPECT_EQ(after.acked, 1U);
  EXPECT_EQ(held(this->store(), this->edge_.uid(), 1).seqs.size(), 3U);
  EXPECT_EQ(held(this->store(), this->edge_.uid(), 2).output, 3U + 4U);
}

TYPED_TEST(IngestTest, RefusesRecordsThatAreNotTheEdgesOwn) {
  TestEdge other("frankfurt", 2);
  other.settle(1);
  SyncRequest foreign = this->edge_.sync();
  foreign.upload = other.upload(1, 1).upload;
  const auto result = take(this->store(), foreign);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), Code::kInvalidRequest);
  EXPECT_THAT(result.error().detail(), testing::HasSubstr("of another edge"));

  this->edge_.settle(1);
  this->edge_.payloads()[0][0] ^= 1;  // no array of three any more
  EXPECT_FALSE(take(this->store(), this->edge_.upload(1, 1)).has_value());
  EXPECT_THAT(held(this->store(), this->edge_.uid()).seqs, testing::IsEmpty());
}

TYPED_TEST(IngestTest, KeepsWhatALaterVersionWrites) {
  meter::UsageRecord record = TestEdge::draft(3);
  record.reported.set(static_cast<meter::TokenClass>(47), 7);  // a class that we do not know
  this->edge_.settle(record, {});
  const Taken later = taken(this->store(), this->edge_.upload(1, 1));
  EXPECT_EQ(later.acked, 1U);
  EXPECT_EQ(later.recycled, 1U);
  ASSERT_TRUE(this->store().begin());
  ASSERT_TRUE(this->store().visit_records(this->edge_.uid(), 1, 1, [](const auto& row) {
    EXPECT_TRUE(row.recycled);
    return true;
  }));
  ASSERT_TRUE(this->store().commit());
}

TYPED_TEST(IngestTest, CountsUsersAndTagsOfTheAnnexAndNothingSold) {
  meter::TenantAnnex annex;
  annex.salt[0] = 1;
  annex.user_hash[0] = 9;
  annex.tags = {"a", "b"};
  this->edge_.settle(TestEdge::draft(3), annex);
  meter::UsageRecord sold = TestEdge::draft(100);
  sold.side = meter::Side::kSold;
  this->edge_.settle(sold, {});
  taken(this->store(), this->edge_.upload(1, 2));
  ASSERT_TRUE(this->store().begin());
  int cells = 0;
  ASSERT_TRUE(this->store().visit_usage(true, [&](const meter::UsageCell& cell, const auto& row) {
    ++cells;
    EXPECT_THAT(cell.tags, testing::ElementsAre("a", "b"));
    EXPECT_EQ(cell.user, annex.user_hash);
    EXPECT_EQ(row.tokens.output, 3U);
  }));
  ASSERT_TRUE(this->store().commit());
  EXPECT_EQ(cells, 1);
}

// An edge uploads over a network that loses, doubles and delays, to a control that dies between
// commit and answer and before the commit.
RC_GTEST_PROP(Upload, EveryRecordIsHereExactlyOnceHoweverItCame, ()) {
  store::MemoryStore store;
  TestEdge edge("frankfurt", 1);
  std::uint64_t acked = 0;  // as the edge knows it
  std::uint64_t settled_output = 0;
  std::vector<SyncRequest> delayed;
  const int steps = *rc::gen::inRange(5, 80);
  for (int step = 0; step < steps; ++step) {
    const int settled = *rc::gen::inRange(0, 4);
    for (int i = 0; i < settled; ++i) {
      const auto output = *rc::gen::inRange<std::uint64_t>(0, 100);
      edge.settle(output);
      settled_output += output;
    }
    if (*rc::gen::weightedElement<bool>({{1, true}, {9, false}})) {
      edge.restart();
    }
    const std::uint64_t from =
        *rc::gen::inRange<std::uint64_t>(acked > 2 ? acked - 2 : 1, acked + 2);
    const std::uint64_t to =
        std::min<std::uint64_t>(edge.last(), from + *rc::gen::inRange<std::uint64_t>(0, 6));
    SyncRequest request = edge.upload(from, std::max(to, from - 1));
    const int fate = *rc::gen::inRange(0, 6);
    if (fate == 0) {  // lost, or much later; an edge has one sync in flight
      delayed.assign(1, request);
      continue;
    }
    if (fate == 1 && !delayed.empty()) {  // an old one arrives first
      [[maybe_unused]] const auto old = take(store, delayed.back());
      delayed.pop_back();
    }
    if (fate == 2) {  // control dies before the commit
      RC_ASSERT(store.begin().has_value());
      RC_ASSERT(take_sync(store, "frankfurt", request, kNow).has_value());
      store.crash();
      continue;
    }
    const int copies = fate == 3 ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const auto result = take(store, request);
      RC_ASSERT(result.has_value());
      const auto* reply = std::get_if<Taken>(&*result);
      if (reply != nullptr && fate != 4) {  // 4: control dies after the commit, the answer is lost
        acked = reply->acked;
      }
      if (const auto* refusal = std::get_if<SyncRefusal>(&*result)) {
        RC_ASSERT(refusal->fault == SyncFault::kGap);
        acked = refusal->expected - 1;
      }
    }
  }
  const Taken last = taken(store, edge.upload(acked + 1, edge.last()));
  RC_ASSERT(last.acked == edge.last());
  const Held all = held(store, edge.uid());
  RC_ASSERT(all.seqs.size() == edge.last());
  RC_ASSERT(all.requests == edge.last());
  RC_ASSERT(all.output == settled_output);
}

}  // namespace
}  // namespace tdn::control
