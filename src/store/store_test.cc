// What every store does, whatever it stands on: one suite over all of them.
#include "store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "store/memory_store.h"
#include "store/test_stores.h"

namespace tdn::store {
namespace {

template <class Fixture>
class StoreTest : public testing::Test {
 protected:
  // Runs `work` in a transaction of its own.
  template <class Work>
  void commit(Work work) {
    ASSERT_TRUE(store().begin().has_value());
    work();
    ASSERT_TRUE(store().commit().has_value());
  }
  Store& store() { return fixture_.store(); }
  Fixture fixture_;
};

using Fixtures = testing::Types<MemoryFixture, SqliteFixture>;
TYPED_TEST_SUITE(StoreTest, Fixtures);

Uid uid(std::uint8_t number) {
  Uid uid;
  uid.bytes[15] = number;
  return uid;
}

ObjectRow object(std::string kind, std::string name, std::uint8_t number) {
  return {.kind = std::move(kind),
          .name = std::move(name),
          .identity = {.uid = uid(number),
                       .revision = {.version = 3, .digest = "abc"},
                       .parts = {{"price", {.version = 2, .digest = "def"}},
                                 {"weights", {.version = 1, .digest = ""}}}},
          .document = R"({"spec":{"a":"ü\"b"}})"};
}

std::vector<std::string> names_of(Store& store) {
  std::vector<std::string> names;
  EXPECT_TRUE(store
                  .visit_objects([&](const ObjectRow& row) {
                    names.push_back(row.kind + " " + row.name);
                    return true;
                  })
                  .has_value());
  return names;
}

TYPED_TEST(StoreTest, KeepsTheStateThereIsOneOf) {
  Store& store = this->store();
  const StateRow state{.network = uid(1),
                       .control_epoch = std::numeric_limits<std::uint64_t>::max(),
                       .version = 7,
                       .snapshot_envelope = "{\"manifest\":\"…\"}"};
  this->commit([&] {
    EXPECT_EQ(*store.state(), StateRow());
    ASSERT_TRUE(store.put_state(state).has_value());
    EXPECT_EQ(*store.state(), state);
  });
  this->fixture_.reopen();
  this->commit([&] { EXPECT_EQ(*this->store().state(), state); });
}

TYPED_TEST(StoreTest, KeepsObjectsInOrderAndReplacesThem) {
  Store& store = this->store();
  this->commit([&] {
    for (const char* name : {"b", "a/c", "a"}) {
      ASSERT_TRUE(store.put_object(object("Tenant", name, 1)).has_value());
    }
    ASSERT_TRUE(store.put_object(object("Key", "z", 2)).has_value());
    ObjectRow changed = object("Key", "z", 9);
    changed.document = "";
    ASSERT_TRUE(store.put_object(changed).has_value());
    ASSERT_TRUE(store.remove_object("Tenant", "b").has_value());
    ASSERT_TRUE(store.remove_object("Tenant", "never").has_value());
  });
  this->fixture_.reopen();
  this->commit([&] {
    EXPECT_THAT(names_of(this->store()), testing::ElementsAre("Key z", "Tenant a", "Tenant a/c"));
    std::vector<ObjectRow> rows;
    ASSERT_TRUE(this->store()
                    .visit_objects([&](const ObjectRow& row) {
                      rows.push_back(row);
                      return rows.size() < 2;
                    })
                    .has_value());
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].identity.uid, uid(9));
    EXPECT_EQ(rows[0].document, "");
    const ObjectRow expected = object("Tenant", "a", 1);
    EXPECT_EQ(rows[1].document, expected.document);
    EXPECT_EQ(rows[1].identity.revision.version, 3U);
    EXPECT_EQ(rows[1].identity.revision.digest, "abc");
    EXPECT_EQ(rows[1].identity.parts.at("price").version, 2U);
    EXPECT_EQ(rows[1].identity.parts.at("weights").digest, "");
  });
}

TYPED_TEST(StoreTest, KeepsTheNewestOfWhatIsGone) {
  Store& store = this->store();
  const std::size_t most = domain::Identities::kMostFormer;
  this->commit([&] {
    for (std::size_t i = 0; i < most + 3; ++i) {
      ASSERT_TRUE(store.add_former({"Key", std::to_string(i), uid(5)}).has_value());
    }
    std::vector<std::string> kept;
    ASSERT_TRUE(store
                    .visit_former([&](const domain::FormerObject& former) {
                      kept.push_back(former.name);
                      return true;
                    })
                    .has_value());
    ASSERT_EQ(kept.size(), most);
    EXPECT_EQ(kept.front(), "3");
    EXPECT_EQ(kept.back(), std::to_string(most + 2));
  });
}

TYPED_TEST(StoreTest, KeepsEdgesInTheOrderInWhichTheyJoined) {
  Store& store = this->store();
  EdgeRow first{.edge = uid(9),
                .site = "frankfurt",
                .epoch = 3,
                .boot = uid(2),
                .n = 12,
                .former_boots = {uid(3), uid(4)},
                .suspect_boot = uid(5),
                .suspect_n = 6,
                .quarantine = "clone",
                .complete_through = WallTime{-5},
                .last_sync = {77}};
  this->commit([&] {
    EXPECT_EQ(*store.edge(uid(9)), std::nullopt);
    ASSERT_TRUE(store.put_edge(first).has_value());
    ASSERT_TRUE(store.put_edge({.edge = uid(1), .site = "paris"}).has_value());
    first.n = 13;
    first.complete_through.reset();
    ASSERT_TRUE(store.put_edge(first).has_value());
  });
  this->fixture_.reopen();
  this->commit([&] {
    Store& again = this->store();
    const auto found = again.edge(uid(9));
    ASSERT_TRUE(found.has_value() && found->has_value());
    EXPECT_GT((*found)->joined, 0U);
    first.joined = (*found)->joined;
    EXPECT_EQ(**found, first);
    std::vector<std::string> sites;
    ASSERT_TRUE(again
                    .visit_edges([&](const EdgeRow& edge) {
                      sites.push_back(edge.site);
                      return true;
                    })
                    .has_value());
    EXPECT_THAT(sites, testing::ElementsAre("frankfurt", "paris"));
  });
}

TYPED_TEST(StoreTest, KeepsALogForEachEpochOfAnEdge) {
  Store& store = this->store();
  LogRow log{.edge = uid(9), .epoch = 2, .log = uid(5), .acked = 1ULL << 39U, .rolled_back = true};
  log.last_hash[31] = 1;
  this->commit([&] {
    ASSERT_TRUE(store.put_edge({.edge = uid(9), .site = "frankfurt"}).has_value());
    EXPECT_EQ(*store.log(uid(9), 2), std::nullopt);
    ASSERT_TRUE(store.put_log(log).has_value());
    ASSERT_TRUE(store.put_log({.edge = uid(9), .epoch = 1}).has_value());
    log.acked += 1;
    ASSERT_TRUE(store.put_log(log).has_value());
    EXPECT_EQ(*store.log(uid(9), 2), log);
    EXPECT_EQ((*store.log(uid(9), 1))->acked, 0U);
    EXPECT_EQ(*store.log(uid(8), 2), std::nullopt);
  });
}

std::vector<std::uint64_t> seqs(Store& store, const Uid& edge, std::uint32_t epoch,
                                std::uint64_t from) {
  std::vector<std::uint64_t> found;
  EXPECT_TRUE(store
                  .visit_records(edge, epoch, from,
                                 [&](const RecordRow& row) {
                                   found.push_back(row.seq);
                                   return true;
                                 })
                  .has_value());
  return found;
}

TYPED_TEST(StoreTest, KeepsEachRecordOncePerEdgeEpochAndSeq) {
  Store& store = this->store();
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  const std::vector<std::uint8_t> annex{0, 9};
  this->commit([&] {
    for (const std::uint8_t edge : {std::uint8_t{7}, std::uint8_t{8}}) {
      ASSERT_TRUE(store.put_edge({.edge = uid(edge), .site = "s"}).has_value());
      for (const std::uint32_t epoch : {1, 2}) {
        ASSERT_TRUE(store.put_log({.edge = uid(edge), .epoch = epoch}).has_value());
        for (const std::uint64_t seq : {std::uint64_t{3}, std::uint64_t{1}, std::uint64_t{2}}) {
          ASSERT_TRUE(store.append_record(uid(edge), epoch, {.seq = seq, .record = bytes}));
        }
      }
    }
    ASSERT_TRUE(store.append_record(uid(7), 1,
                                    {.seq = Transaction::kMostRecords,
                                     .recycled = true,
                                     .record = bytes,
                                     .tenant_annex = annex,
                                     .operator_annex = bytes}));
    const auto twice = store.append_record(uid(7), 1, {.seq = 2, .record = annex});
    ASSERT_FALSE(twice.has_value());
    EXPECT_EQ(twice.error().code(), Code::kConflict);
    EXPECT_EQ(store.failure(), nullptr);
  });
  this->fixture_.reopen();
  this->commit([&] {
    Store& again = this->store();
    EXPECT_THAT(seqs(again, uid(7), 1, 2), testing::ElementsAre(2, 3, Transaction::kMostRecords));
    EXPECT_THAT(seqs(again, uid(8), 2, 1), testing::ElementsAre(1, 2, 3));
    EXPECT_THAT(seqs(again, uid(9), 1, 1), testing::IsEmpty());
    ASSERT_TRUE(again.visit_records(uid(7), 1, 4, [&](const RecordRow& row) {
      EXPECT_TRUE(row.recycled);
      EXPECT_TRUE(std::ranges::equal(row.record, bytes));
      EXPECT_TRUE(std::ranges::equal(row.tenant_annex, annex));
      EXPECT_TRUE(std::ranges::equal(row.operator_annex, bytes));
      return true;
    }));
  });
}

meter::UsageCell cell(std::uint8_t tenant, std::uint8_t user, std::vector<std::string> tags) {
  meter::UsageCell cell{.tenant = uid(tenant),
                        .model = uid(3),
                        .currency = {{'U', 'S', 'D'}},
                        .tags = std::move(tags)};
  cell.user[0] = user;
  return cell;
}

TYPED_TEST(StoreTest, AddsUsageUpWithAndWithoutUsersAndTags) {
  Store& store = this->store();
  const Amount large = (static_cast<Amount>(5) << 64) - 1;
  const meter::SummaryRow row{
      .requests = 1, .tokens = {.input = 1, .cached_input = 2, .output = 3}, .amount = large};
  this->commit([&] {
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(store.add_usage(cell(1, 7, {"a:b", "12:"}), row));
    }
    ASSERT_TRUE(store.add_usage(cell(1, 0, {}), row));
    ASSERT_TRUE(store.add_usage(
        cell(2, 0, {}),
        {.tokens = {.input = std::numeric_limits<std::uint64_t>::max()}, .amount = -large}));
    ASSERT_TRUE(store.add_usage(cell(2, 0, {}), row));
  });
  this->fixture_.reopen();
  this->commit([&] {
    std::map<meter::UsageCell, meter::SummaryRow> all;
    std::map<meter::UsageCell, meter::SummaryRow> merged;
    ASSERT_TRUE(this->store().visit_usage(
        true, [&](const auto& at, const auto& sum) { EXPECT_TRUE(all.emplace(at, sum).second); }));
    ASSERT_TRUE(this->store().visit_usage(false, [&](const auto& at, const auto& sum) {
      EXPECT_TRUE(merged.emplace(at, sum).second);
    }));
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all.at(cell(1, 7, {"a:b", "12:"})).requests, 3U);
    EXPECT_EQ(all.at(cell(1, 7, {"a:b", "12:"})).amount, large * 3);
    ASSERT_EQ(merged.size(), 2U);
    EXPECT_EQ(merged.at(cell(1, 0, {})).requests, 4U);
    EXPECT_EQ(merged.at(cell(1, 0, {})).tokens.output, 12U);
    EXPECT_EQ(merged.at(cell(2, 0, {})).tokens.input, std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(merged.at(cell(2, 0, {})).amount, 0);
  });
}

// Writes something of every kind.
void write_all(Store& store, std::uint8_t number) {
  ASSERT_TRUE(store.put_state({.network = uid(number)}));
  ASSERT_TRUE(store.put_object(object("Tenant", std::to_string(number), number)));
  ASSERT_TRUE(store.add_former({"Key", std::to_string(number), uid(number)}));
  ASSERT_TRUE(store.put_edge({.edge = uid(number), .site = std::to_string(number)}));
  ASSERT_TRUE(store.put_log({.edge = uid(number), .epoch = 1, .acked = 1}));
  ASSERT_TRUE(store.append_record(uid(number), 1, {.seq = 1}));
  ASSERT_TRUE(store.add_usage(cell(number, 0, {}), {.requests = 1}));
}

// How many of the numbers have left traces, of any kind.
std::vector<int> traces(Store& store) {
  std::vector<int> found;
  for (std::uint8_t number = 1; number < 10; ++number) {
    bool any = store.state()->network == uid(number) || store.edge(uid(number))->has_value() ||
               store.log(uid(number), 1)->has_value() || !seqs(store, uid(number), 1, 1).empty();
    EXPECT_TRUE(store.visit_objects([&](const ObjectRow& row) {
      any |= row.name == std::to_string(number);
      return true;
    }));
    EXPECT_TRUE(store.visit_former([&](const domain::FormerObject& row) {
      any |= row.name == std::to_string(number);
      return true;
    }));
    EXPECT_TRUE(store.visit_usage(
        true, [&](const auto& at, const auto&) { any |= at.tenant == uid(number); }));
    if (any) {
      found.push_back(number);
    }
  }
  return found;
}

TYPED_TEST(StoreTest, UndoesWhatWasNotCommitted) {
  Store& store = this->store();
  this->commit([&] { write_all(store, 1); });
  ASSERT_TRUE(store.begin());
  write_all(store, 2);
  ASSERT_TRUE(store.remove_object("Tenant", "1"));
  store.roll_back();
  this->commit([&] {
    EXPECT_THAT(traces(store), testing::ElementsAre(1));
    EXPECT_EQ(names_of(store).size(), 1U);
  });
  ASSERT_TRUE(store.begin());
  write_all(store, 3);
  this->fixture_.crash();
  this->commit([&] { EXPECT_THAT(traces(this->store()), testing::ElementsAre(1)); });
}

TYPED_TEST(StoreTest, UndoesOneOperationAndKeepsItsNeighbours) {
  Store& store = this->store();
  this->commit([&] {
    for (std::uint8_t number = 1; number < 6; ++number) {
      ASSERT_TRUE(store.savepoint());
      write_all(store, number);
      ASSERT_TRUE(number % 2 == 0 ? store.undo() : store.release());
    }
  });
  this->fixture_.reopen();
  this->commit([&] { EXPECT_THAT(traces(this->store()), testing::ElementsAre(1, 3, 5)); });
}

}  // namespace
}  // namespace tdn::store
