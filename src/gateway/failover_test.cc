// What a failing engine costs the requests that meet it, and what it costs the others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "gateway/gateway_test_fixture.h"

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;
using route::Health;
using route::Observation;
using testing::HasSubstr;
using testing::Not;

class FailoverTest : public GatewayFixture {
 protected:
  // The newest connection to an engine, and its port.
  std::size_t newest() { return engines.far.size() - 1; }
  std::uint16_t port_of_newest() { return engines.far.back().first; }
  // One request whose every attempt meets this status.
  std::string fail_everywhere(int status) {
    const auto client = request(kPlain);
    std::string got;
    for (int attempts = 0; attempts < 5 && got.empty(); ++attempts) {
      answer("{}", status, newest(), "connection: close\r\n");
      got = read(*client);
    }
    return got;
  }
};

constexpr std::string_view kThird = R"(---
{apiVersion: tdn/v1, kind: Endpoint, metadata: {name: third}, spec: {site: paris, kind: openai, url: "http://127.0.0.1:1003", models: [{model: m, as: engine-m}]}}
)";

TEST_F(FailoverTest, ARequestThatTwoEnginesFailedAtIsNotTriedOnAThird) {
  more_manifests = kThird;
  start();
  EXPECT_THAT(fail_everywhere(500), HasSubstr("HTTP/1.1 502 "));
  EXPECT_EQ(engines.far.size(), 2U);
  // The first counts one failure, the second none: there it is the request that is suspect.
  EXPECT_EQ(state("near").health_state().failures, 1);
  EXPECT_EQ(state("far").health_state().failures + state("third").health_state().failures, 0);
}

TEST_F(FailoverTest, AnEnginesNotFoundIsPassedOnIfNoOtherKnowsBetter) {
  constexpr std::string_view kNoModel =
      R"({"error":{"message":"no such model","code":"not_found"}})";
  start();
  const auto first = request(kPlain);
  answer(kNoModel, 404, 0);
  ASSERT_EQ(engines.far.size(), 2U);
  answer(kNoModel, 404, 1);
  const std::string got = read(*first);
  EXPECT_THAT(got, HasSubstr("HTTP/1.1 404 "));
  EXPECT_THAT(got, HasSubstr(kNoModel));
  EXPECT_TRUE(books.records.empty());
  EXPECT_EQ(books.refused, 1);
}

TEST_F(FailoverTest, AnEnginesNotFoundIsNotPassedOnIfAnotherKnowsBetter) {
  start();
  const auto client = request(kPlain);
  answer(R"({"error":{"message":"no such model"}})", 404, 0);
  ASSERT_EQ(engines.far.size(), 2U);
  answer(kWhole, 200, 1);
  EXPECT_THAT(read(*client), HasSubstr("tdn-route: paris/far; reason=failover"));
  EXPECT_EQ(books.records.size(), 1U);
}

TEST_F(FailoverTest, BusyEnginesAndClosedDoorsDoNotMakeARequestSuspect) {
  more_manifests = kThird;
  start();
  engines.refusing = {1001};
  const auto client = request(kPlain);
  answer("{}", 503, newest(), "connection: close\r\n");
  ASSERT_EQ(engines.far.size(), 2U);
  answer(kWhole, 200, newest());
  EXPECT_THAT(read(*client), HasSubstr("HTTP/1.1 200 "));
}

TEST_F(FailoverTest, OneTenantsPoisonTakesTheEngineFromThatTenantAlone) {
  start();
  for (int i = 0; i < route::kFailures; ++i) {
    EXPECT_THAT(fail_everywhere(500), HasSubstr("HTTP/1.1 502 "));
  }
  const std::size_t before = engines.far.size();
  const auto poisoned = request(kPlain);
  ASSERT_EQ(engines.far.size(), before + 1);
  EXPECT_EQ(port_of_newest(), 1002) << "for this tenant it is ejected";
  EXPECT_NE(state("near").health(), Health::kEjected);
  use_fenced_key = true;
  const auto other = request(kPlain);
  ASSERT_EQ(engines.far.size(), before + 2);
  EXPECT_EQ(port_of_newest(), 1001);
  answer(kWhole, 200, newest());
  EXPECT_THAT(read(*other), HasSubstr("HTTP/1.1 200 "));
}

TEST_F(FailoverTest, TwoTenantsFailuresTakeItFromAll) {
  more_manifests = kThird;
  start();
  fail_everywhere(500);
  fail_everywhere(500);
  use_fenced_key = true;
  fail_everywhere(500);
  EXPECT_EQ(state("near").health(), Health::kEjected);
  use_fenced_key = false;
  const std::size_t before = engines.far.size();
  const auto client = request(kPlain);
  ASSERT_EQ(engines.far.size(), before + 1);
  EXPECT_NE(port_of_newest(), 1001);
  // Who may be served nowhere else is still served there.
  use_fenced_key = true;
  const auto fenced = request(kPlain);
  EXPECT_EQ(port_of_newest(), 1001);
}

TEST_F(FailoverTest, ABlackHoleCostsTheConnectBudgetOnce) {
  start();
  engines.black_holes = {1001};
  const auto first = request(kPlain);
  test.advance(999ms);
  EXPECT_TRUE(engines.far.empty());
  test.advance(1ms);
  ASSERT_EQ(engines.far.size(), 1U);
  EXPECT_EQ(port_of_newest(), 1002);
  answer(kWhole);
  EXPECT_THAT(read(*first), HasSubstr("HTTP/1.1 200 "));
  EXPECT_EQ(state("near").health(), Health::kDown);
  engines.dialled.clear();
  const auto second = request(kPlain);
  answer(kWhole);
  EXPECT_THAT(read(*second), HasSubstr("HTTP/1.1 200 "));
  EXPECT_THAT(engines.dialled, testing::Not(testing::Contains(1001)));
  state("near").observe(Observation::kProbeAnswered, test.clock.now());
  engines.black_holes.clear();
  const auto third = request(kPlain);
  EXPECT_EQ(port_of_newest(), 1001) << "after a probe it is used again";
}

TEST_F(FailoverTest, AnEdgeWithoutDescriptorsDoesNotCallItsEnginesDown) {
  start();
  engines.exhausted = true;
  const auto client = request(kPlain);
  const std::string got = read(*client);
  EXPECT_THAT(got, HasSubstr("\"code\":\"overloaded\""));
  EXPECT_THAT(got, HasSubstr("retry-after: "));
  EXPECT_THAT(got, HasSubstr("no connection to spare"));
  EXPECT_THAT(got, Not(HasSubstr("open files"))) << "that is its operator's";
  EXPECT_EQ(state("near").health(), Health::kUnknown);
  engines.exhausted = false;
  test.advance(1s);
  const auto second = request(kPlain);
  EXPECT_EQ(port_of_newest(), 1001);
}

TEST_F(FailoverTest, ARetryIsOnlyMadeIfThereIsTimeForIt) {
  options.total = 1900ms;
  start();
  engines.black_holes = {1001};
  const auto client = request(kPlain);
  test.advance(950ms);
  EXPECT_THAT(read(*client), HasSubstr("HTTP/1.1 504 "));
  EXPECT_TRUE(engines.far.empty()) << "950 ms are less than a connection may take";
}

TEST_F(FailoverTest, AnAttemptLeavesHalfOfTheTimeForAnother) {
  options.total = 20s;
  start();
  const auto client = request(kPlain);
  test.advance(10s);
  ASSERT_EQ(engines.far.size(), 2U);
  answer(kWhole, 200, 1);
  EXPECT_THAT(read(*client), HasSubstr("HTTP/1.1 200 "));
  EXPECT_TRUE(engine(0).peer_gone());
}

TEST_F(FailoverTest, AStreamThatPausesForTooLongIsOver) {
  start();
  const auto client = request(kStream);
  begin_stream();
  event(text_event(3));
  read(*client);
  test.advance(29'999ms);
  EXPECT_EQ(read(*client), "");
  test.advance(1ms);
  EXPECT_THAT(read(*client), HasSubstr("stream_interrupted"));
  ASSERT_EQ(books.records.size(), 1U);
  EXPECT_EQ(books.records[0].end, meter::End::kTimedOut);
  EXPECT_EQ(books.records[0].reported.totals().output, 3U);
  ASSERT_TRUE(state("near").last_failure().has_value());
  EXPECT_EQ(state("near").last_failure()->what, Observation::kStalled);
  EXPECT_TRUE(engine().peer_gone()) << "it works for nobody";
}

TEST_F(FailoverTest, AStreamThatHasNotBegunMayWaitItsTurn) {
  start();
  const auto client = request(kStream);
  begin_stream();
  test.advance(119s);  // it is in the engine's queue
  EXPECT_EQ(engines.far.size(), 1U);
  event(text_event(1));
  EXPECT_THAT(read(*client), HasSubstr("\"content\":\"x\""));
}

TEST_F(FailoverTest, AStreamThatNeverBeginsIsTriedElsewhere) {
  start();
  const auto client = request(kStream);
  begin_stream();
  event(": still here\n\n");
  test.advance(120s);
  ASSERT_EQ(engines.far.size(), 2U);
  EXPECT_EQ(read(*client), "");
  begin_stream(1);
  event(text_event(1), 1);
  EXPECT_THAT(read(*client), HasSubstr("HTTP/1.1 200 OK"));
  EXPECT_EQ(state("near").last_failure()->what, Observation::kTimedOut);
}

TEST_F(FailoverTest, AStreamThatBreaksOffCountsAgainstItsEngine) {
  start();
  const auto client = request(kStream);
  begin_stream();
  event(text_event(3));
  engine().abort();
  test.settle();
  EXPECT_THAT(read(*client), HasSubstr("stream_interrupted"));
  EXPECT_EQ(state("near").health_state().failures, 1);
  EXPECT_EQ(state("near").last_failure()->what, Observation::kBroken);
}

TEST_F(FailoverTest, TheTimeLimitOfARequestIsNotItsEnginesFault) {
  options.total = 10s;
  start();
  const auto client = request(kStream);
  begin_stream();
  event(text_event(3));
  for (int i = 0; i < 9; ++i) {
    test.advance(1s);
    event(text_event(4 + i));
  }
  test.advance(1s);
  EXPECT_THAT(read(*client), HasSubstr("stream_interrupted"));
  EXPECT_EQ(state("near").health_state().failures, 0);
}

}  // namespace
}  // namespace tdn::gateway
