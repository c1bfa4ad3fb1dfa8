#include <gtest/gtest.h>

#include <string>

#include "gateway/forward_test_fixture.h"

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;

using ForwardTest = ForwardFixture;

constexpr std::string_view kParisOnly = R"({"model":"p","max_tokens":7,"messages":[]})";
constexpr std::string_view kParisStream = R"({"model":"p","stream":true,"messages":[]})";
constexpr std::string_view kForwardedText =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}],\"usage\":{"
    "\"prompt_tokens\":10,\"completion_tokens\":1}}\n\n";
constexpr std::string_view kForwardedFinish =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
constexpr std::string_view kForwardedUsage =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2}}\n\n";
constexpr std::string_view kEnd = "data: [DONE]\n\n";

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string field(const std::string& head, std::string_view name) {
  const std::size_t at = head.find(std::string(name) + ": ");
  if (at == std::string::npos) {
    return "";
  }
  const std::size_t start = at + name.size() + 2;
  return head.substr(start, head.find('\r', start) - start);
}

// What the two sides of a hop must say alike.
void expect_one_deal(const meter::UsageRecord& bought, const meter::UsageRecord& sold) {
  EXPECT_EQ(bought.side, meter::Side::kBought);
  EXPECT_EQ(sold.side, meter::Side::kSold);
  EXPECT_EQ(bought.request, sold.request);
  EXPECT_EQ(bought.leg, sold.leg);
  EXPECT_EQ(bought.owners, sold.owners);
  EXPECT_EQ(bought.admitting, sold.admitting);
  EXPECT_EQ(bought.serving, sold.serving);
  EXPECT_EQ(bought.served, sold.served);
  EXPECT_EQ(bought.operation, sold.operation);
  EXPECT_EQ(bought.end, sold.end);
  EXPECT_EQ(bought.finish, sold.finish);
  EXPECT_EQ(bought.flags, sold.flags);
  EXPECT_EQ(bought.reported, sold.reported);
  EXPECT_EQ(bought.verified, sold.verified);
  EXPECT_EQ(bought.price, sold.price);
  EXPECT_EQ(bought.charged, sold.charged);
  EXPECT_EQ(bought.policy, sold.policy);
}

TEST_F(ForwardTest, WhatTheSiteServesItselfIsOneRecordOfBothSides) {
  start();
  const auto client = request(kPlain);
  answer(engine(frankfurt), kWhole);
  EXPECT_TRUE(has(read(*client), "tdn-route: frankfurt/near; reason=nearest\r\n"));
  ASSERT_EQ(frankfurt.books.records.size(), 1U);
  EXPECT_EQ(frankfurt.books.records[0].side, meter::Side::kBoth);
  EXPECT_EQ(frankfurt.books.records[0].leg, 0U);
  EXPECT_TRUE(frankfurt.link.opened.empty());
}

TEST_F(ForwardTest, AWholeAnswerIsBoughtHereAndSoldThere) {
  start();
  const auto client =
      request(kParisOnly, "traceparent: 00-abc\r\ntdn-client-location: DE;50.11,8.68\r\n");
  ASSERT_EQ(paris.engines.far.size(), 1U);
  EXPECT_TRUE(frankfurt.engines.far.empty());
  const std::string asked = read(engine(paris));
  EXPECT_TRUE(has(asked, R"({"model":"engine-p","max_tokens":7,"messages":[]})")) << asked;
  EXPECT_EQ(field(asked, "traceparent"), "00-abc");
  EXPECT_FALSE(has(asked, "tdn-"));
  EXPECT_FALSE(has(asked, "sk-tdn"));
  answer(engine(paris), kWhole, 200, "openai-version: 1\r\n");
  const std::string got = read(*client);
  EXPECT_TRUE(has(got, "HTTP/1.1 200 OK\r\n")) << got;
  EXPECT_TRUE(has(got, std::string("\r\n\r\n") + std::string(kWhole)));
  EXPECT_EQ(field(got, "tdn-route"), "paris/far; reason=nearest");
  EXPECT_EQ(field(got, "openai-version"), "1");
  EXPECT_FALSE(has(got, "tdn-served"));
  ASSERT_EQ(frankfurt.books.records.size(), 1U);
  ASSERT_EQ(paris.books.records.size(), 1U);
  const meter::UsageRecord& bought = frankfurt.books.records[0];
  expect_one_deal(bought, paris.books.records[0]);
  EXPECT_EQ(field(got, "x-request-id"), to_string(bought.request.uid));
  EXPECT_EQ(field(asked, "x-request-id"), to_string(bought.request.uid));
  EXPECT_EQ(bought.leg, 0U);
  EXPECT_EQ(bought.reported.totals(), (meter::TokenTotals{6, 4, 3}));
  EXPECT_EQ(frankfurt.books.drafts[0].side, meter::Side::kBought);
  EXPECT_EQ(paris.books.drafts[0].side, meter::Side::kSold);
  EXPECT_EQ(frankfurt.books.tenant_annexes[0].client_country, "DE");
  EXPECT_FALSE(paris.books.tenant_annexes[0].has_content()) << "the tenant's data is the buyer's";
}

TEST_F(ForwardTest, ConnectionsBetweenEdgesAreKept) {
  start();
  for (int i = 0; i < 3; ++i) {
    const auto client = request(kParisOnly);
    answer(engine(paris), kWhole);
    EXPECT_TRUE(has(read(*client), "200 OK"));
  }
  EXPECT_EQ(frankfurt.link.opened.size(), 1U);
  EXPECT_EQ(paris.books.records.size(), 3U);
}

TEST_F(ForwardTest, ARefusalOfTheEngineReachesTheClientAsItIs) {
  start();
  const auto client = request(kParisOnly);
  answer(engine(paris), R"({"error":{"message":"too long"}})", 400);
  const std::string got = read(*client);
  EXPECT_TRUE(has(got, "HTTP/1.1 400 ")) << got;
  EXPECT_TRUE(has(got, R"({"error":{"message":"too long"}})"));
  EXPECT_TRUE(frankfurt.books.records.empty());
  EXPECT_TRUE(paris.books.records.empty());
  EXPECT_EQ(frankfurt.books.refused, 1);
  EXPECT_EQ(paris.books.refused, 1);
}

TEST_F(ForwardTest, ANotFoundOfTheOnlyEngineReachesTheClientAsItIs) {
  start();
  const auto client =
      request(R"({"model":"p","max_tokens":7,"messages":[],"provider":{"only":["paris"]}})");
  answer(engine(paris), R"({"error":{"message":"no such model"}})", 404);
  const std::string got = read(*client);
  EXPECT_TRUE(has(got, "HTTP/1.1 404 ")) << got;
  EXPECT_TRUE(has(got, R"({"error":{"message":"no such model"}})"));
  EXPECT_EQ(frankfurt.books.refused, 1);
  EXPECT_EQ(paris.books.refused, 1);
}

TEST_F(ForwardTest, BothEdgesHoldTheFinishUntilTheirBooksHaveIt) {
  start();
  const auto client = request(kParisStream);
  const std::string asked = read(engine(paris));
  EXPECT_TRUE(has(asked, R"("stream_options":{"include_usage":true})")) << asked;
  begin_stream(engine(paris));
  event(engine(paris), kForwardedText);
  const std::string first = read(*client);
  EXPECT_TRUE(has(first, "\"content\":\"x\"}}]}\n\n")) << first;
  EXPECT_FALSE(has(first, "usage")) << "the client did not ask for it";
  frankfurt.books.automatic = paris.books.automatic = false;
  event(engine(paris),
        std::string(kForwardedFinish) + std::string(kForwardedUsage) + std::string(kEnd));
  write(engine(paris), "0\r\n\r\n");
  EXPECT_EQ(paris.books.records.size(), 1U);
  EXPECT_TRUE(frankfurt.books.records.empty()) << "Paris still holds the end";
  paris.books.sync();
  test.settle();
  EXPECT_EQ(frankfurt.books.records.size(), 1U);
  EXPECT_EQ(read(*client), "");
  frankfurt.books.sync();
  test.settle();
  const std::string last = read(*client);
  EXPECT_TRUE(has(last, "finish_reason\":\"stop\"")) << last;
  EXPECT_TRUE(last.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n")) << last;
  expect_one_deal(frankfurt.books.records[0], paris.books.records[0]);
  EXPECT_EQ(frankfurt.books.records[0].reported.totals(), (meter::TokenTotals{10, 0, 2}));
  EXPECT_EQ(frankfurt.books.records[0].flags, meter::kStreamed);
}

TEST_F(ForwardTest, AnotherOwnersSiteIsAskedOnlyOnceTheAdmissionIsOnDisk) {
  start();
  frankfurt.books.automatic = false;
  const auto client = request(kParisOnly);
  EXPECT_EQ(frankfurt.books.awaited, std::vector<bool>{true});
  EXPECT_TRUE(frankfurt.link.opened.empty());
  frankfurt.books.sync();
  test.settle();
  EXPECT_EQ(frankfurt.link.opened.size(), 1U);
  EXPECT_EQ(paris.books.awaited, std::vector<bool>{false}) << "its own engine";
}

TEST_F(ForwardTest, WhenTheOwnEngineIsAwayTheNextSiteServesAsLegOne) {
  start();
  frankfurt.engines.refusing = {1001};
  const auto client = request(kPlain);
  answer(engine(paris), kWhole);
  EXPECT_EQ(field(read(*client), "tdn-route"), "paris/far; reason=failover");
  ASSERT_EQ(frankfurt.books.records.size(), 1U);
  expect_one_deal(frankfurt.books.records[0], paris.books.records[0]);
  EXPECT_EQ(frankfurt.books.records[0].leg, 1U);
  // The first admission was of a request served here: it ended without a record.
  ASSERT_EQ(frankfurt.books.drafts.size(), 2U);
  EXPECT_EQ(frankfurt.books.drafts[0].side, meter::Side::kBoth);
  EXPECT_EQ(frankfurt.books.drafts[1].side, meter::Side::kBought);
  EXPECT_EQ(frankfurt.books.drafts[1].leg, 1U);
  EXPECT_EQ(frankfurt.books.refused, 1);
}

TEST_F(ForwardTest, APeerThatDiesBeforeTheFirstByteCostsARetryElsewhere) {
  start();
  frankfurt.link.held = {"paris", "oslo"};
  const auto client = request(kParisOnly);
  ASSERT_EQ(frankfurt.link.far.size(), 1U);
  const std::string first = read(*frankfurt.link.far[0]);
  frankfurt.link.far[0]->abort();
  test.settle();
  ASSERT_EQ(frankfurt.link.opened, (std::vector<std::string>{"paris", "oslo"}));
  const std::string second = read(*frankfurt.link.far[1]);
  EXPECT_EQ(field(first, "x-request-id"), field(second, "x-request-id"));
  answer(*frankfurt.link.far[1], kWhole, 200, served("north"));
  const std::string got = read(*client);
  EXPECT_EQ(field(got, "tdn-route"), "oslo/north; reason=failover");
  ASSERT_EQ(frankfurt.books.records.size(), 1U);
  EXPECT_EQ(frankfurt.books.records[0].leg, 1U);
  EXPECT_EQ(frankfurt.books.records[0].side, meter::Side::kBought);
}

TEST_F(ForwardTest, APeerThatIsNotThereCostsARetryAndIsLeftAlone) {
  start();
  frankfurt.link.listeners.clear();
  frankfurt.link.held = {"oslo"};
  const auto client = request(kParisOnly);
  ASSERT_EQ(frankfurt.link.opened, (std::vector<std::string>{"paris", "oslo"}));
  const auto second = request(kParisOnly);
  EXPECT_EQ(frankfurt.link.opened.back(), "oslo") << "the way to Paris is known to be down";
  EXPECT_EQ(frankfurt.link.opened.size(), 3U);
}

TEST_F(ForwardTest, APeerThatDiesMidStreamIsToldHonestly) {
  start();
  frankfurt.link.held = {"paris"};
  const auto client = request(kParisStream);
  io::Stream& peer = *frankfurt.link.far.at(0);
  begin_stream(peer, served("far"));
  event(peer, kForwardedText);
  EXPECT_TRUE(has(read(*client), "\"content\":\"x\""));
  peer.abort();
  test.settle();
  const std::string last = read(*client);
  EXPECT_TRUE(has(last, "stream_interrupted")) << last;
  EXPECT_FALSE(has(last, "[DONE]"));
  EXPECT_EQ(frankfurt.link.opened.size(), 1U) << "never a second attempt after the first byte";
  ASSERT_EQ(frankfurt.books.records.size(), 1U);
  EXPECT_EQ(frankfurt.books.records[0].end, meter::End::kUpstreamDied);
  EXPECT_EQ(frankfurt.books.records[0].reported.totals(), (meter::TokenTotals{10, 0, 1}));
}

TEST_F(ForwardTest, AnEngineThatDiesMidStreamThereIsInterruptedAtBothEdges) {
  start();
  const auto client = request(kParisStream);
  begin_stream(engine(paris));
  event(engine(paris), kForwardedText);
  read(*client);
  engine(paris).abort();
  test.settle();
  const std::string last = read(*client);
  EXPECT_TRUE(has(last, "stream_interrupted")) << last;
  EXPECT_FALSE(has(last, "[DONE]"));
  ASSERT_EQ(frankfurt.books.records.size(), 1U);
  ASSERT_EQ(paris.books.records.size(), 1U);
  expect_one_deal(frankfurt.books.records[0], paris.books.records[0]);
  EXPECT_EQ(paris.books.records[0].end, meter::End::kUpstreamDied);
}

TEST_F(ForwardTest, AClientThatLeavesCancelsTheEngineBehindBothEdges) {
  start();
  auto client = request(kParisStream);
  begin_stream(engine(paris));
  event(engine(paris), kForwardedText);
  read(*client);
  client->abort();
  test.settle();
  EXPECT_TRUE(engine(paris).peer_gone());
  ASSERT_EQ(frankfurt.books.records.size(), 1U);
  ASSERT_EQ(paris.books.records.size(), 1U);
  EXPECT_EQ(frankfurt.books.records[0].end, meter::End::kClientGone);
  EXPECT_EQ(paris.books.records[0].end, meter::End::kClientGone);
}

TEST_F(ForwardTest, ThereTheEdgeTriesItsOwnEndpointsOnlyAndThenSaysSo) {
  start();
  paris.engines.refusing = {1002};
  frankfurt.link.held = {"oslo"};
  const auto client = request(kParisOnly);
  EXPECT_EQ(frankfurt.link.opened, (std::vector<std::string>{"paris", "oslo"}));
  EXPECT_TRUE(paris.link.opened.empty()) << "no second hop";
  ASSERT_EQ(paris.books.records.size(), 1U);
  EXPECT_EQ(paris.books.records[0].end, meter::End::kUpstreamDied);
  EXPECT_EQ(paris.books.records[0].charged.amount, 0);
  // Paris' edge answered: it is not ill, and its next answer counts again.
  answer(*frankfurt.link.far.at(0), kWhole, 200, served("north"));
  EXPECT_TRUE(has(read(*client), "oslo/north"));
  paris.engines.refusing.clear();
  test.advance(2s);
  const auto& table = frankfurt.gateway->catalogue()->table();
  for (std::uint32_t i = 0; i < table.snapshot().endpoints().size(); ++i) {
    EXPECT_NE(table.state({i}).health(), route::Health::kDown) << i;
  }
}

TEST_F(ForwardTest, WhenNobodyTakesItTheClientHearsWhy) {
  start();
  frankfurt.link.held = {"paris", "oslo"};
  const auto client = request(kParisOnly);
  for (std::size_t i = 0; i < 2; ++i) {
    answer(*frankfurt.link.far.at(i), "{}", 503, "tdn-refused: overloaded\r\nretry-after: 7\r\n");
  }
  const std::string got = read(*client);
  EXPECT_TRUE(has(got, "HTTP/1.1 503 ")) << got;
  EXPECT_TRUE(has(got, "\"code\":\"overloaded\"")) << got;
  EXPECT_EQ(field(got, "retry-after"), "7");
  ASSERT_EQ(frankfurt.books.records.size(), 1U);
  EXPECT_EQ(frankfurt.books.records[0].leg, 1U);
  EXPECT_EQ(frankfurt.books.records[0].charged.amount, 0);
}

TEST_F(ForwardTest, WhatIsNoEdgeOfOursServesNobody) {
  start();
  frankfurt.link.held = {"paris"};
  const auto client = request(kParisOnly);
  answer(*frankfurt.link.far.at(0), kWhole);  // an engine itself: no `tdn-served`
  const std::string got = read(*client);
  EXPECT_FALSE(has(got, "200 OK")) << got;
}

TEST_F(ForwardTest, SitesWithoutAWayOrAKeyAreNotAttempts) {
  start();
  frankfurt.link.unknown = {"paris"};
  frankfurt.link.held = {"oslo"};
  const auto client = request(kParisOnly);
  EXPECT_EQ(frankfurt.link.opened, std::vector<std::string>{"oslo"});
  answer(*frankfurt.link.far.at(0), kWhole, 200, served("north"));
  read(*client);
  EXPECT_EQ(frankfurt.books.records.at(0).leg, 0U);
}

TEST_F(ForwardTest, HopHeadersOfAClientGoNowhere) {
  start();
  const std::string forged = signed_text(token(kPlain));
  const auto client = request(
      kPlain, "tdn-route-token: " + forged +
                  "\r\ntdn-served: x\r\ntdn-refused: overloaded\r\ntdn-hop: 2\r\nx-request-id: "
                  "0192f0c0-a000-7000-8000-000000000001\r\n");
  const std::string asked = read(engine(frankfurt));
  EXPECT_FALSE(has(asked, "tdn-")) << asked;
  EXPECT_FALSE(has(asked, "0192f0c0-a000-7000-8000-000000000001")) << asked;
  answer(engine(frankfurt), kWhole, 200, "tdn-served: x\r\ntdn-secret: y\r\n");
  const std::string got = read(*client);
  EXPECT_FALSE(has(got, "tdn-served")) << got;
  EXPECT_FALSE(has(got, "tdn-secret")) << got;
  EXPECT_EQ(frankfurt.books.records.at(0).side, meter::Side::kBoth);
}

TEST_F(ForwardTest, APeerThatAcceptsAndNeverAnswersCostsASecondAndOnlyOnce) {
  start();
  frankfurt.link.held = {"paris", "oslo"};
  const auto client = request(kParisOnly);
  ASSERT_EQ(frankfurt.link.far.size(), 1U);
  test.advance(999ms);
  EXPECT_EQ(frankfurt.link.opened, std::vector<std::string>{"paris"});
  test.advance(1ms);
  EXPECT_EQ(frankfurt.link.opened, (std::vector<std::string>{"paris", "oslo"}));
  EXPECT_TRUE(frankfurt.link.far[0]->peer_gone());
  answer(*frankfurt.link.far[1], kWhole, 200, served("north"));
  EXPECT_TRUE(has(read(*client), "HTTP/1.1 200 "));
  const auto second = request(kParisOnly);
  EXPECT_EQ(frankfurt.link.opened, (std::vector<std::string>{"paris", "oslo"}))
      << "by the open connection to Oslo";
  EXPECT_TRUE(has(read(*frankfurt.link.far[1]), "POST "));
}

TEST_F(ForwardTest, APeerThatHasTheRequestMayTakeItsTime) {
  start();
  frankfurt.link.held = {"paris", "oslo"};
  const auto client = request(kParisOnly);
  write(*frankfurt.link.far[0], "HTTP/1.1 100 Continue\r\n\r\n");
  test.advance(100s);
  EXPECT_EQ(frankfurt.link.opened.size(), 1U);
  answer(*frankfurt.link.far[0], kWhole, 200, served("far"));
  EXPECT_TRUE(has(read(*client), "HTTP/1.1 200 "));
}

TEST_F(ForwardTest, ARequestThatWaitsAtAPeerIsMovedWhenNobodyAnswersThereAnyMore) {
  start();
  frankfurt.link.held = {"paris", "oslo"};
  const auto client = request(kParisOnly);
  write(*frankfurt.link.far[0], "HTTP/1.1 100 Continue\r\n\r\n");
  test.advance(10s);
  const route::Table& table = frankfurt.gateway->catalogue()->table();
  for (std::uint32_t i = 0; i < snapshot->endpoints().size(); ++i) {
    if (snapshot->endpoints()[i].name == "far") {
      table.state({i}).observe(route::Observation::kProbeFailed, test.clock.now());
      test.advance(1s);
      EXPECT_EQ(frankfurt.link.opened.size(), 1U) << "one silence may be chance";
      table.state({i}).observe(route::Observation::kProbeFailed, test.clock.now());
    }
  }
  test.advance(250ms);
  EXPECT_EQ(frankfurt.link.opened, (std::vector<std::string>{"paris", "oslo"}));
  answer(*frankfurt.link.far[1], kWhole, 200, served("north"));
  EXPECT_TRUE(has(read(*client), "HTTP/1.1 200 "));
}

TEST_F(ForwardTest, AnEdgeSaysAtOnceThatItHasARequest) {
  start();
  const auto peer = knock(signed_text(token(kPlain)), kPlain);
  EXPECT_TRUE(read(*peer).starts_with("HTTP/1.1 100 Continue\r\n\r\n"));
  const auto stranger = knock("", kPlain);
  EXPECT_TRUE(read(*stranger).starts_with("HTTP/1.1 401 ")) << "nothing for strangers";
}

TEST_F(ForwardTest, ASilentStreamOfAPeerIsOverAfterTheEdgeThereWouldHaveSaidSo) {
  start();
  frankfurt.link.held = {"paris"};
  const auto client = request(kParisStream);
  begin_stream(*frankfurt.link.far[0], served("far"));
  event(*frankfurt.link.far[0], kForwardedText);
  test.advance(34'999ms);
  EXPECT_FALSE(has(read(*client), "stream_interrupted"));
  test.advance(1ms);
  EXPECT_TRUE(has(read(*client), "stream_interrupted"));
}

// --- Sites out of service.

class OutOfService : public ForwardFixture {
 protected:
  // Both edges know Frankfurt to be so.
  void take_out(std::string_view state) {
    start();
    std::string world(kWorld);
    world.insert(world.find("longitude: 8.68}") + 16, fmt::format(", state: {}", state));
    frankfurt.gateway->publish(catalogue_of(world, "frankfurt"));
    paris.gateway->publish(catalogue_of(world, "paris"));
  }
};

TEST_F(OutOfService, ACordonedSitesClientsAreServedElsewhere) {
  take_out("cordoned");
  const auto client = request(kPlain);
  EXPECT_TRUE(frankfurt.engines.far.empty());
  ASSERT_EQ(paris.engines.far.size(), 1U);
  answer(engine(paris), kWhole);
  const std::string got = read(*client);
  EXPECT_EQ(field(got, "tdn-route"), "paris/far; reason=failover") << got;
  EXPECT_FALSE(has(got, "connection: close"));
}

TEST_F(OutOfService, ADrainingSiteSendsItsClientsAwayAfterTheirAnswers) {
  start();
  const auto open_stream = request(R"({"model":"m","stream":true,"messages":[]})");
  begin_stream(engine(frankfurt));
  event(engine(frankfurt), kForwardedText);
  read(*open_stream);
  std::string world(kWorld);
  world.insert(world.find("longitude: 8.68}") + 16, ", state: draining");
  frankfurt.gateway->publish(catalogue_of(world, "frankfurt"));
  const auto client = request(kPlain);
  ASSERT_EQ(paris.engines.far.size(), 1U);
  answer(engine(paris), kWhole);
  EXPECT_TRUE(has(read(*client), "connection: close\r\n"));
  event(engine(frankfurt),
        std::string(kForwardedFinish) + std::string(kForwardedUsage) + std::string(kEnd));
  EXPECT_TRUE(has(read(*open_stream), "[DONE]")) << "what is open ends in peace";
}

TEST_F(OutOfService, ASiteOutOfServiceTakesNothingFromOtherEdges) {
  start();
  std::string world(kWorld);
  world.insert(world.find("longitude: 2.35}") + 16, ", state: cordoned");
  paris.gateway->publish(catalogue_of(world, "paris"));
  const auto peer = knock(signed_text(token(kPlain)), kPlain);
  const std::string got = read(*peer);
  EXPECT_EQ(field(got, "tdn-refused"), "zone_unavailable") << got;
  EXPECT_TRUE(paris.engines.far.empty());
  // The edge that did not know yet goes elsewhere; nobody's request fails.
  frankfurt.link.held = {"oslo"};
  const auto client = request(kParisOnly);
  ASSERT_EQ(frankfurt.link.opened.back(), "oslo");
  answer(*frankfurt.link.far[0], kWhole, 200, served("north"));
  EXPECT_TRUE(has(read(*client), "HTTP/1.1 200 "));
}

}  // namespace
}  // namespace tdn::gateway
