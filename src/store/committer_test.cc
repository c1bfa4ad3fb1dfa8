// Group commit: who is committed with whom, and what happens when something fails.
#include "store/committer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/epoll.h"
#include "io/test_loop.h"
#include "store/memory_store.h"
#include "store/test_stores.h"

namespace tdn::store {
namespace {

using Operation = std::function<Result<int>(Transaction&)>;

Operation put(std::string name, int answer) {
  return [name = std::move(name), answer](Transaction& transaction) -> Result<int> {
    TDN_TRY_VOID(
        transaction.put_object({.kind = "Key", .name = name, .identity = {}, .document = {}}));
    if (answer < 0) {
      return fail(Code::kInvalid, "refused");
    }
    return answer;
  };
}

std::vector<std::string> names(Store& store) {
  std::vector<std::string> names;
  EXPECT_TRUE(store.begin());
  EXPECT_TRUE(store.visit_objects([&](const ObjectRow& row) {
    names.push_back(row.name);
    return true;
  }));
  store.roll_back();
  return names;
}

io::Task<> keep(Committer& committer, Operation operation, std::optional<Result<int>>& result) {
  result.emplace(co_await committer.run<int>(std::move(operation)));
}

class CommitterTest : public testing::Test {
 protected:
  CommitterTest() { committer_.start(); }
  ~CommitterTest() override {
    test_.group.spawn(committer_.stop());
    test_.settle();
  }
  MemoryStore store_;
  io::BlockingPool pool_{0};
  io::TestLoop test_;
  std::vector<std::string> failures_;
  Committer committer_{test_.loop, pool_, store_,
                       [this](const Error& error) { failures_.push_back(error.detail()); }};
};

TEST_F(CommitterTest, CommitsTogetherWhatWaits) {
  std::vector<std::optional<Result<int>>> results(600);
  for (std::size_t i = 0; i < results.size(); ++i) {
    test_.group.spawn(keep(committer_, put(std::to_string(i), static_cast<int>(i)), results[i]));
  }
  test_.settle();
  for (std::size_t i = 0; i < results.size(); ++i) {
    ASSERT_TRUE(results[i].has_value());
    EXPECT_EQ(**results[i], static_cast<int>(i));
  }
  EXPECT_EQ(names(store_).size(), 600U);
  EXPECT_LE(committer_.metrics().commits.value(), 4U);  // the first may have been alone
  EXPECT_EQ(committer_.metrics().operations.value(), 600U);
}

TEST_F(CommitterTest, OneThatIsRefusedUndoesNothingOfItsNeighbours) {
  std::vector<std::optional<Result<int>>> results(3);
  test_.group.spawn(keep(committer_, put("a", 1), results[0]));
  test_.group.spawn(keep(committer_, put("b", -1), results[1]));
  test_.group.spawn(keep(committer_, put("c", 3), results[2]));
  test_.settle();
  EXPECT_EQ(**results[0], 1);
  ASSERT_FALSE(results[1]->has_value());
  EXPECT_EQ(results[1]->error().detail(), "refused");
  EXPECT_EQ(**results[2], 3);
  EXPECT_THAT(names(store_), testing::ElementsAre("a", "c"));
  EXPECT_THAT(failures_, testing::IsEmpty());
}

TEST_F(CommitterTest, AFailedCommitIsToldBeforeAnythingIsAnswered) {
  store_.fail_next_commit();
  std::optional<Result<int>> result;
  test_.group.spawn(keep(committer_, put("a", 1), result));
  test_.settle();
  EXPECT_EQ(failures_.size(), 1U);
  ASSERT_TRUE(result.has_value() && !result->has_value());
  EXPECT_EQ(result->error().code(), Code::kStorageUnavailable);
  store_.repair();
  EXPECT_THAT(names(store_), testing::IsEmpty());
}

TEST_F(CommitterTest, RefusesMoreThanMayWait) {
  std::vector<std::optional<Result<int>>> results(Committer::kMostWaiting + 1);
  for (auto& result : results) {
    test_.group.spawn(keep(committer_, put("same", 1), result));
  }
  test_.settle();
  int overloaded = 0;
  for (const auto& result : results) {
    ASSERT_TRUE(result.has_value());
    overloaded += !result->has_value() && result->error().code() == Code::kOverloaded ? 1 : 0;
  }
  EXPECT_EQ(overloaded, 1);
}

TEST(CommitterOnSqlite, RunsOnAThreadOfItsOwn) {
  SqliteFixture fixture;
  io::EpollPoller poller(system_clock());
  io::Loop loop(system_clock(), poller);
  io::BlockingPool pool(1);
  Committer committer(loop, pool, fixture.store(),
                      [](const Error& error) { FAIL() << error.detail(); });
  io::TaskGroup group(loop);
  committer.start();
  std::vector<std::optional<Result<int>>> results(100);
  for (std::size_t i = 0; i < results.size(); ++i) {
    group.spawn(keep(committer, put(std::to_string(i), i % 2 == 0 ? 0 : -1), results[i]));
  }
  while (group.size() > 0) {
    loop.run_once(kNever);
  }
  group.spawn(committer.stop());
  while (group.size() > 0) {
    loop.run_once(kNever);
  }
  EXPECT_EQ(names(fixture.store()).size(), 50U);
}

}  // namespace
}  // namespace tdn::store
