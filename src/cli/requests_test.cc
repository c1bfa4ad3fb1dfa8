#include "cli/requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "io/memory_disk.h"
#include "io/test_loop.h"
#include "requests/request_log.h"
#include "route/world_test.h"

namespace tdn::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

RequestId id(std::uint8_t number) {
  RequestId made;
  made.uid.bytes[15] = number;
  return made;
}

class RequestsTest : public testing::Test {
 protected:
  // `for_peer`: the other site had it, and sent it here.
  void write(const std::string& folder, std::string_view site, std::uint8_t request,
             bool for_peer = false) {
    domain::Manifests all = route::small_world();
    all.endpoints = {route::endpoint("b", "berlin"), route::endpoint("p", "paris")};
    const auto snapshot = route::compile(all);
    auto log = *requests::RequestLog::open(disk_, {.folder = folder});
    requests::ShardLog& shard = log->add_shard();
    log->publish(1, snapshot, *snapshot->find_site(site));
    std::vector<route::Facts> facts(2);
    facts[1].endpoint = {1};
    facts[1].site_us = 7'000;
    if (for_peer) {
      facts[1].exclusion = route::Exclusion::kElsewhere;
    }
    route::Work work;
    work.input_tokens = 100;
    const route::Decision decision = route::decide(work, facts);
    requests::RawDecided decided;
    decided.request = id(request);
    decided.names = 1;
    decided.work = work;
    decided.reason = decision.reason;
    decided.chosen = chosen_;
    shard.decided(decided, {}, decision.all, requests::notable(decision));
    requests::RawEnded ended;
    ended.request = id(request);
    ended.names = 1;
    ended.at_us = 1'767'225'600'000'000U + request;
    ended.model = 0;
    ended.endpoint = 0;
    ended.status = 200;
    ended.attempts = 1;
    ended.reason = route::Reason::kNearest;
    ended.input = 90;
    ended.output = 12;
    ended.first_us = 20'500;
    ended.total_us = 310'000;
    shard.ended(ended);
    ASSERT_TRUE(log->write_batch().has_value());
  }
  int list(RequestsOptions options) {
    options.state = options.state.empty() ? "net" : options.state;
    return requests(options, disk_, out_, err_);
  }
  void begin_explain(std::uint8_t request, std::optional<std::uint32_t> attempt,
                     std::optional<int>& status, std::string site = {}) {
    RecordedOptions options{"net", id(request), attempt, site, Format::kTable};
    loop_.group.spawn(
        io::TestLoop::keep(explain_recorded(std::move(options), disk_, out_, err_), status));
    loop_.settle();
  }
  int explain(std::uint8_t request, std::optional<std::uint32_t> attempt = std::nullopt,
              std::string site = {}) {
    std::optional<int> status;
    begin_explain(request, attempt, status, std::move(site));
    loop_.advance(std::chrono::seconds(1));
    return status.value_or(-1);
  }

  io::MemoryDisk disk_;
  std::uint32_t chosen_ = 0;
  std::ostringstream out_;
  std::ostringstream err_;
  io::TestLoop loop_;
};

TEST_F(RequestsTest, ListsTheLastOfAllSitesOrOfOne) {
  write("net/sites/berlin/requests", "berlin", 1);
  write("net/sites/paris/requests", "paris", 2);
  EXPECT_EQ(list({}), 0);
  EXPECT_EQ(
      out_.str(),
      R"(time                         request                               at      model  endpoint  reason   status  in  cached  out  first ms  total ms
2026-01-01T00:00:00.000001Z  00000000-0000-0000-0000-000000000001  berlin  m      berlin/b  nearest  200     90       0   12      20.5     310.0
2026-01-01T00:00:00.000002Z  00000000-0000-0000-0000-000000000002  paris   m      berlin/b  nearest  200     90       0   12      20.5     310.0
)");
  out_.str("");
  EXPECT_EQ(list({.state = "", .site = "paris", .format = Format::kJson}), 0);
  EXPECT_THAT(out_.str(),
              HasSubstr(R"("id":"00000000-0000-0000-0000-000000000002","site":"paris")"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("000000000001\"")));
  out_.str("");
  EXPECT_EQ(list({.state = "", .site = "", .last = 1}), 0);
  EXPECT_THAT(out_.str(), Not(HasSubstr("000000000001")));
}

TEST_F(RequestsTest, ARecordedDecisionIsDecidedAgain) {
  write("net/requests", "berlin", 1);
  EXPECT_EQ(explain(1), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("chosen   berlin/b: none that is permitted is nearer"));
  EXPECT_THAT(out_.str(), HasSubstr("How it ended\n  200, berlin/b, first byte after 20.5 ms, all "
                                    "after 310.0 ms, 12 output tokens\n"));
  EXPECT_EQ(explain(1, 3), 1);
  EXPECT_THAT(err_.str(), HasSubstr("has 1 recorded attempts"));
}

// The folders are looked through in the order of their names.
TEST_F(RequestsTest, OfAForwardedRequestTheDecisionOfTheSiteThatWasAskedIsTold) {
  write("net/sites/berlin/requests", "berlin", 1, true);
  write("net/sites/paris/requests", "paris", 1);
  EXPECT_EQ(explain(1), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("asked at paris"));
  EXPECT_THAT(out_.str(), HasSubstr("at berlin, too: --site berlin shows that"));
  out_.str("");
  EXPECT_EQ(explain(1, std::nullopt, "berlin"), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("asked at berlin"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("--site")));
  EXPECT_EQ(explain(1, std::nullopt, "ashburn"), 1);
  EXPECT_THAT(err_.str(), HasSubstr("of site ashburn in net"));
}

TEST_F(RequestsTest, ADifferenceIsToldAndFails) {
  chosen_ = 1;
  write("net/requests", "berlin", 1);
  EXPECT_EQ(explain(1), 1);
  EXPECT_THAT(out_.str(), HasSubstr("Not as recorded: then it was paris/p (nearest)."));
}

TEST_F(RequestsTest, WhatIsNotThereIsNamed) {
  EXPECT_EQ(list({}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("tdn requests: "));
  write("net/requests", "berlin", 1);
  err_.str("");
  EXPECT_EQ(explain(9), 1);
  EXPECT_THAT(err_.str(), HasSubstr("no decision about 00000000-0000-0000-0000-000000000009"));
}

TEST_F(RequestsTest, AnEntryThatIsWrittenAMomentLaterIsFound) {
  write("net/requests", "berlin", 1);
  std::optional<int> status;
  begin_explain(2, std::nullopt, status);
  EXPECT_FALSE(status.has_value());
  write("net/requests", "berlin", 2);
  loop_.advance(std::chrono::milliseconds(100));
  EXPECT_EQ(status, 0) << err_.str();
}

}  // namespace
}  // namespace tdn::cli
