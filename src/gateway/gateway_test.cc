#include "gateway/gateway.h"

#include <gtest/gtest.h>

#include <string>

#include "gateway/gateway_test_fixture.h"

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::Test;

using GatewayTest = GatewayFixture;

bool has_field(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(GatewayTest, AWholeAnswerLeavesWhenItsRecordIsDurable) {
  start();
  books.automatic = false;
  const auto client = request(kPlain, "x-client-request-id: mine\r\n");
  const std::string asked = read(engine());
  EXPECT_TRUE(has_field(asked, "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:1001\r\n"))
      << asked;
  EXPECT_TRUE(has_field(asked, R"({"model":"engine-m","messages":[]})")) << asked;
  EXPECT_FALSE(has_field(asked, "sk-tdn"));
  answer(kWhole);
  ASSERT_EQ(books.records.size(), 1U);
  EXPECT_EQ(read(*client), "");
  books.sync();
  test.settle();
  const std::string got = read(*client);
  EXPECT_TRUE(has_field(got, "HTTP/1.1 200 OK\r\n")) << got;
  EXPECT_TRUE(has_field(got, std::string("\r\n\r\n") + std::string(kWhole)));
  EXPECT_TRUE(has_field(got, "tdn-route: frankfurt/near; reason=nearest\r\n")) << got;
  EXPECT_TRUE(has_field(got, "x-client-request-id: mine\r\n"));
  EXPECT_TRUE(has_field(got, "server-timing: edge;dur="));
  EXPECT_EQ(books.sent, std::vector<std::uint64_t>{1});
  const meter::UsageRecord& record = books.records[0];
  EXPECT_TRUE(has_field(got, "x-request-id: " + to_string(record.request.uid)));
  EXPECT_EQ(record.end, meter::End::kComplete);
  EXPECT_EQ(record.finish, meter::Finish::kStop);
  EXPECT_EQ(record.flags, 0U);
  EXPECT_EQ(record.reported.totals(), (meter::TokenTotals{6, 4, 3}));
  EXPECT_EQ(record.charged.amount, Amount{6 * 1'000'000 + 4 * 500'000 + 3 * 2'000'000});
  EXPECT_EQ(record.owners.size(), 3U);
}

// Before its list of models, which says so too, was asked for.
TEST_F(GatewayTest, ASimulatedAnswerIsRecordedAndShownAsSuch) {
  start();
  const auto client = request(kPlain);
  write(engine(), "HTTP/1.1 200 OK\r\ntdn-simulated: true\r\ncontent-length: " +
                      std::to_string(kWhole.size()) + "\r\n\r\n" + std::string(kWhole));
  test.settle();
  EXPECT_TRUE(has_field(read(*client), "tdn-simulated: true\r\n"));
  ASSERT_EQ(books.records.size(), 1U);
  EXPECT_NE(books.records[0].flags & meter::kSimulated, 0U);
}

TEST_F(GatewayTest, EventsLeaveAtOnceButTheFinishWaitsForTheBooks) {
  start();
  const auto client = request(kStream);
  const std::string asked = read(engine());
  EXPECT_TRUE(has_field(asked, R"("stream_options":{"include_usage":true})")) << asked;
  begin_stream();
  EXPECT_EQ(read(*client), "");  // nothing is promised before the first event
  event(text_event(1));
  const std::string first = read(*client);
  EXPECT_TRUE(has_field(first, "content-type: text/event-stream\r\n")) << first;
  EXPECT_TRUE(has_field(first, "\"content\":\"x\"}}]}\n\n"))
      << first;  // its usage was not asked for
  books.automatic = false;
  event(finish_event(2) + usage_event(2));
  EXPECT_EQ(read(*client), "");
  EXPECT_TRUE(books.records.empty());  // until the stream's end: more usage might come
  event(kDone);
  EXPECT_EQ(books.records.size(), 1U);
  EXPECT_EQ(read(*client), "");
  books.sync();
  test.settle();
  const std::string last = read(*client);
  EXPECT_TRUE(has_field(last, "finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n\r\n0\r\n\r\n"))
      << last;
  EXPECT_FALSE(has_field(last, "usage"));
  EXPECT_EQ(books.records[0].flags, meter::kStreamed);
  EXPECT_EQ(books.records[0].reported.totals(), (meter::TokenTotals{10, 0, 2}));
  write(engine(), "0\r\n\r\n");
  const auto second = request(kStream);
  EXPECT_EQ(engines.far.size(), 1U) << "the connection is used again";
}

TEST_F(GatewayTest, AStreamsFirstByteWaitsForItsAdmission) {
  start();
  books.automatic = false;
  const auto client = request(kStream);
  begin_stream();
  event(text_event(1));
  EXPECT_EQ(read(*client), "");
  books.sync();
  test.settle();
  EXPECT_TRUE(has_field(read(*client), "\"content\":\"x\""));
}

TEST_F(GatewayTest, UsageIsAwaitedTwoSecondsAndThenEstimated) {
  start();
  const auto client = request(kStream);
  begin_stream();
  event("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n");
  event("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n");
  test.advance(1999ms);
  EXPECT_TRUE(books.records.empty());
  test.advance(1ms);
  ASSERT_EQ(books.records.size(), 1U);
  EXPECT_TRUE(has_field(read(*client), "finish_reason\":\"length\""));
  const meter::UsageRecord& record = books.records[0];
  EXPECT_EQ(record.flags, meter::kStreamed | meter::kEstimated);
  EXPECT_EQ(record.reported.totals().output, 1U);
  EXPECT_EQ(record.verified.count(meter::TokenClass::kCharactersIn), kStream.size());
}

TEST_F(GatewayTest, UsageThatComesTooLateStillReachesTheClientThatAskedForIt) {
  start();
  const auto client = request(
      R"({"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[]})");
  begin_stream();
  event(text_event(1));
  event(finish_event(2));
  test.advance(2s);
  ASSERT_EQ(books.records.size(), 1U);
  EXPECT_TRUE(has_field(read(*client), "finish_reason\":\"stop\""));
  event(usage_event(2));
  EXPECT_TRUE(has_field(read(*client), "\"usage\":"));
  event(kDone);
  write(engine(), "0\r\n\r\n");
  test.settle();
  const std::string last = read(*client);
  EXPECT_TRUE(has_field(last, "[DONE]")) << last;
  EXPECT_TRUE(last.ends_with("0\r\n\r\n")) << last;
  EXPECT_EQ(books.records.size(), 1U);
}

TEST_F(GatewayTest, ASecondKeyIsRefusedForTwoReadersCouldPickDifferentOnes) {
  start();
  const auto client = request(kPlain, "Authorization: Bearer sk-tdn-other\r\n");
  const std::string got = read(*client);
  EXPECT_TRUE(has_field(got, "HTTP/1.1 401 ")) << got;
  EXPECT_TRUE(has_field(got, "more than one API key")) << got;
}

TEST_F(GatewayTest, NeitherIsOneTakenOnAConnectionThatHasServed) {
  start();
  std::unique_ptr<io::Stream> client = listener->connect();
  const std::string good =
      "GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + key->text;
  write(*client, good + "\r\n\r\n");
  EXPECT_TRUE(has_field(read(*client), "HTTP/1.1 200 "));
  write(*client, good + "\r\nx-api-key: " + key->text + "\r\n\r\n");
  EXPECT_TRUE(has_field(read(*client), "HTTP/1.1 200 ")) << "the same twice is one";
  write(*client, good + "\r\nauthorization: Bearer sk-tdn-other\r\n\r\n");
  EXPECT_TRUE(has_field(read(*client), "HTTP/1.1 401 "));
  const std::unique_ptr<io::Stream> cold = listener->connect();
  write(*cold, good + "\r\nx-api-key: sk-tdn-other\r\n\r\n");
  EXPECT_TRUE(has_field(read(*cold), "hold different keys"));
}

TEST_F(GatewayTest, EnginesThatAreAwayAreNotCalledBusy) {
  start();
  engines.refusing = {1001, 1002};
  const auto client = request(kPlain);
  const std::string got = read(*client);
  EXPECT_TRUE(has_field(got, "HTTP/1.1 503 ")) << got;
  EXPECT_TRUE(has_field(got, "\"code\":\"zone_unavailable\"")) << got;
  EXPECT_TRUE(has_field(got, "retry-after: ")) << got;
}

TEST_F(GatewayTest, AnEngineThatDiesMidStreamIsToldHonestly) {
  start();
  const auto client = request(kStream);
  begin_stream();
  event(text_event(7));
  read(*client);
  engine().abort();
  test.settle();
  const std::string last = read(*client);
  EXPECT_TRUE(has_field(last, "\"code\":\"stream_interrupted\"")) << last;
  EXPECT_FALSE(has_field(last, "[DONE]"));
  ASSERT_EQ(books.records.size(), 1U);
  EXPECT_EQ(books.records[0].end, meter::End::kUpstreamDied);
  EXPECT_EQ(books.records[0].reported.totals().output, 7U);
}

TEST_F(GatewayTest, AnErrorBeforeDoneIsNoSuccess) {
  start();
  const auto client = request(kStream);
  begin_stream();
  event(text_event(7));
  event("data: {\"error\":{\"message\":\"secret prompt\",\"code\":500}}\n\n" + std::string(kDone));
  const std::string all = read(*client);
  EXPECT_TRUE(has_field(all, "stream_interrupted"));
  EXPECT_FALSE(has_field(all, "[DONE]"));
  EXPECT_FALSE(has_field(all, "secret prompt"));
}

TEST_F(GatewayTest, AClientThatLeavesStopsTheEngineAndPaysWhatWasGenerated) {
  start();
  auto client = request(kStream);
  begin_stream();
  event(text_event(5));
  read(*client);
  client->abort();
  test.settle();
  EXPECT_TRUE(engine().peer_gone());
  ASSERT_EQ(books.records.size(), 1U);
  EXPECT_EQ(books.records[0].end, meter::End::kClientGone);
  EXPECT_EQ(books.records[0].reported.totals().output, 5U);
}

TEST_F(GatewayTest, WhatTheEngineSentToASlowClientThatLeavesCountsToo) {
  start();
  auto client = request(kStream);
  begin_stream();
  for (int i = 1; i <= 3000; ++i) {  // more than the client's pipe takes
    const std::string bytes = text_event(i);
    const std::string chunk = fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
    const io::Slice slice(chunk);
    if (engine().try_write(std::span(&slice, 1)) != static_cast<ssize_t>(chunk.size())) {
      break;
    }
    test.settle();
  }
  client->abort();
  test.settle();
  ASSERT_EQ(books.records.size(), 1U);
  EXPECT_EQ(books.records[0].end, meter::End::kClientGone);
  EXPECT_GT(books.records[0].reported.totals().output, 600U);
}

TEST_F(GatewayTest, AHalfClosedClientStillGetsItsAnswer) {
  start();
  const auto client = request(kPlain);
  client->shutdown();
  test.advance(300ms);
  EXPECT_EQ(read(*client), "HTTP/1.1 100 Continue\r\n\r\n");
  answer(kWhole);
  EXPECT_TRUE(has_field(read(*client), kWhole));
}

TEST_F(GatewayTest, AClientThatClosedIsFoundOutByAsking) {
  start();
  auto client = request(kPlain);
  client->close();
  test.settle();
  EXPECT_FALSE(engine().peer_gone());
  test.advance(250ms);
  EXPECT_TRUE(engine().peer_gone());
  ASSERT_EQ(books.records.size(), 1U);
  EXPECT_EQ(books.records[0].end, meter::End::kClientGone);
}

TEST_F(GatewayTest, ARefusedConnectionIsTriedElsewhereAndRemembered) {
  start();
  engines.refusing = {1001};
  const auto client = request(kPlain);
  ASSERT_EQ(engines.far.size(), 1U);
  EXPECT_EQ(engines.far[0].first, 1002);
  answer(kWhole);
  EXPECT_TRUE(has_field(read(*client), "tdn-route: paris/far; reason=failover"));
  EXPECT_EQ(books.drafts.size(), 1U);
  ASSERT_EQ(books.records.size(), 1U);
  engines.refusing = {};
  const auto next = request(kPlain);
  EXPECT_EQ(engines.far.size(), 1U) << "no new attempt at an endpoint that refused";
}

TEST_F(GatewayTest, BusyEnginesMeanElsewhereAndAtLastOverloaded) {
  start();
  const auto client = request(kPlain);
  answer("{}", 503, 0, "retry-after: 7\r\n");
  ASSERT_EQ(engines.far.size(), 2U);
  answer("{}", 429, 1, "retry-after: 9\r\n");
  const std::string got = read(*client);
  EXPECT_TRUE(has_field(got, "HTTP/1.1 503 ")) << got;
  EXPECT_TRUE(has_field(got, "\"code\":\"overloaded\""));
  EXPECT_TRUE(has_field(got, "retry-after: 9\r\n"));
  ASSERT_EQ(books.records.size(), 1U);
  EXPECT_EQ(books.records[0].charged.amount, Amount{0});
}

TEST_F(GatewayTest, AnEnginesOwnRefusalIsPassedOnUnbilled) {
  start();
  const auto client = request(kPlain);
  answer(R"({"error":{"message":"too long","code":"context_length_exceeded"}})", 400);
  const std::string got = read(*client);
  EXPECT_TRUE(has_field(got, "HTTP/1.1 400 "));
  EXPECT_TRUE(
      has_field(got, R"({"error":{"message":"too long","code":"context_length_exceeded"}})"));
  EXPECT_TRUE(books.records.empty());
  EXPECT_EQ(books.refused, 1);
}

TEST_F(GatewayTest, AnEngineThatDiesInItsOwnRefusalHasFailed) {
  start();
  const auto client = request(kPlain);
  write(engine(0), "HTTP/1.1 400 Bad Request\r\ncontent-length: 500\r\n\r\n{\"error\"");
  test.settle();
  engine(0).abort();
  test.settle();
  ASSERT_EQ(engines.far.size(), 2U) << "nothing had reached the client: it is tried elsewhere";
  write(engine(1), "HTTP/1.1 400 Bad Request\r\ncontent-length: 500\r\n\r\n{\"error\"");
  test.settle();
  engine(1).abort();
  test.settle();
  const std::string got = read(*client);
  EXPECT_TRUE(has_field(got, "HTTP/1.1 502 ")) << got;
  ASSERT_EQ(books.records.size(), 1U);
  EXPECT_EQ(books.records.front().end, meter::End::kUpstreamDied);
}

TEST_F(GatewayTest, AnEnginesServerErrorIsNotShown) {
  start();
  const auto client = request(kPlain);
  answer("secret stack", 500, 0);
  answer("secret stack", 401, 1);
  const std::string got = read(*client);
  EXPECT_TRUE(has_field(got, "HTTP/1.1 502 ")) << got;
  EXPECT_FALSE(has_field(got, "secret"));
}

TEST_F(GatewayTest, AStreamThatDiesBeforeItsFirstEventIsTriedElsewhere) {
  start();
  const auto client = request(kStream);
  begin_stream(0);
  engine(0).abort();
  test.settle();
  ASSERT_EQ(engines.far.size(), 2U);
  begin_stream(1);
  event(text_event(1), 1);
  EXPECT_TRUE(has_field(read(*client), "tdn-route: paris/far"));
}

TEST_F(GatewayTest, RefusalsHaveTheirCodes) {
  start(", models: [m]");
  const auto refused = [&](std::string_view body, std::string_view fields = "",
                           std::string_view path = "/v1/chat/completions") {
    return read(*request(body, fields, path));
  };
  EXPECT_TRUE(has_field(refused(R"({"model":"nope"})"),
                        "\"code\":\"model_not_found\",\"param\":\"model\""));
  EXPECT_TRUE(has_field(refused(R"({"model":"other"})"), "\"code\":\"model_not_allowed\""));
  EXPECT_TRUE(has_field(refused("{"), "HTTP/1.1 400 "));
  EXPECT_TRUE(has_field(refused(kPlain, "", "/v1/nothing"), "HTTP/1.1 404 "));
  EXPECT_TRUE(has_field(refused(kPlain, "", "/v1/models"), "HTTP/1.1 405 "));
  EXPECT_TRUE(
      has_field(refused(kPlain, "idempotency-key: a\r\n"), "\"param\":\"Idempotency-Key\""));
  EXPECT_TRUE(has_field(refused(kPlain, "tdn-client-location: Mars\r\n"), "HTTP/1.1 400 "));
  key->text.back() = key->text.back() == 'a' ? 'b' : 'a';
  const std::string wrong = refused(kPlain);
  EXPECT_TRUE(has_field(wrong, "HTTP/1.1 401 "));
  EXPECT_TRUE(has_field(wrong, "\"code\":\"invalid_api_key\""));
  EXPECT_TRUE(has_field(wrong, "x-should-retry: false\r\n"));
  EXPECT_TRUE(books.drafts.empty());
}

TEST_F(GatewayTest, LimitsAreShownEnforcedAndCorrected) {
  start(", limits: {requestsPerMinute: 2, tokensPerMinute: 100}");
  auto client = request(kPlain);
  answer(kWhole);
  const std::string got = read(*client);
  EXPECT_TRUE(has_field(got, "x-ratelimit-limit-requests: 2\r\n")) << got;
  EXPECT_TRUE(has_field(got, "x-ratelimit-remaining-requests: 1\r\n"));
  EXPECT_TRUE(has_field(got, "x-ratelimit-limit-tokens: 100\r\n"));
  EXPECT_TRUE(has_field(got, "x-ratelimit-remaining-tokens: 87\r\n")) << got;  // 13 were used
  client = request(kPlain);
  answer(kWhole);
  client = request(kPlain);
  const std::string refused = read(*client);
  EXPECT_TRUE(has_field(refused, "HTTP/1.1 429 "));
  EXPECT_TRUE(has_field(refused, "\"code\":\"rate_limit_exceeded\""));
  EXPECT_TRUE(has_field(refused, "retry-after: 30\r\n")) << refused;
}

TEST_F(GatewayTest, AFullDiskRefusesBeforeTheBodyIsLookedAt) {
  start();
  books.full = true;
  const std::string got = read(*request("not json"));
  EXPECT_TRUE(has_field(got, "\"code\":\"storage_unavailable\"")) << got;
}

TEST_F(GatewayTest, WithoutControlForTooLongNothingNewIsTakenAndWhatIsOpenGoesOn) {
  std::atomic<bool> admitting = true;
  options.admitting = &admitting;
  start();
  auto client = request(kPlain);
  admitting = false;
  answer(kWhole);
  EXPECT_TRUE(has_field(read(*client), "HTTP/1.1 200 "));
  client = request("not json");
  const std::string got = read(*client);
  EXPECT_TRUE(has_field(got, "HTTP/1.1 503 ")) << got;
  EXPECT_TRUE(has_field(got, "\"code\":\"quota_unavailable\"")) << got;
  EXPECT_TRUE(has_field(got, "retry-after: ")) << got;
  admitting = true;
  client = request(kPlain);
  answer(kWhole);
  EXPECT_TRUE(has_field(read(*client), "HTTP/1.1 200 "));
}

TEST_F(GatewayTest, AFencedTenantsBodyIsNotReadAtAWrongSite) {
  start("", "paris");
  use_fenced_key = true;
  const auto client = request(kPlain);
  const std::string got = read(*client);
  EXPECT_TRUE(has_field(got, "HTTP/1.1 421 ")) << got;
  EXPECT_TRUE(has_field(got, "\"code\":\"wrong_site\""));
  EXPECT_TRUE(has_field(got, "http://127.0.0.1:1")) << "names the nearest permitted gateway";
  EXPECT_TRUE(has_field(got, "connection: close\r\n"));
}

TEST_F(GatewayTest, AFencedTenantIsServedInItsZoneOnly) {
  start();
  use_fenced_key = true;
  engines.refusing = {1001};
  const auto client = request(kPlain);
  EXPECT_TRUE(engines.far.empty());
  EXPECT_TRUE(has_field(read(*client), "HTTP/1.1 503 "));
  const auto second = request(kPlain);
  const std::string got = read(*second);
  EXPECT_TRUE(has_field(got, "\"code\":\"zone_unavailable\"")) << got;
  EXPECT_TRUE(has_field(got, "retry-after: "));
}

TEST_F(GatewayTest, ModelsAreThoseThatTheKeyMayUse) {
  start(", models: [m]");
  std::unique_ptr<io::Stream> client = listener->connect();
  const std::string head = " HTTP/1.1\r\nhost: x\r\nx-api-key: " + key->text + "\r\n\r\n";
  write(*client,
        "GET /v1/models" + head + "GET /v1/models/alias" + head + "GET /v1/models/other" + head);
  const std::string got = read(*client);
  EXPECT_TRUE(has_field(got, R"({"object":"list","data":[{"id":"m","object":"model","created":17)"))
      << got;
  EXPECT_FALSE(has_field(got, R"("id":"other")"));
  EXPECT_TRUE(has_field(got, "\"code\":\"model_not_found\""));
}

TEST_F(GatewayTest, DrainingEndsAStreamInBandAndSettlesIt) {
  start();
  const auto client = request(kStream);
  begin_stream();
  event(text_event(5));
  read(*client);
  test.group.spawn(server->drain(5s));
  test.advance(5s);
  const std::string last = read(*client);
  EXPECT_TRUE(has_field(last, "stream_interrupted")) << last;
  ASSERT_EQ(books.records.size(), 1U);
  test.advance(1s);  // lets the client read it before the connection closes
  EXPECT_EQ(server->connections(), 0U);
}

TEST_F(GatewayTest, DrainingTellsThoseWhoseAnswerHadNotBegun) {
  start();
  const auto plain = request(kPlain);
  const auto streamed = request(kStream);
  test.settle();
  test.group.spawn(server->drain(5s));
  test.advance(5s);
  for (io::Stream* client : {plain.get(), streamed.get()}) {
    const std::string answer = read(*client);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
    EXPECT_NE(answer.find("retry-after: "), std::string::npos) << answer;
    EXPECT_NE(answer.find("\"code\":\"overloaded\""), std::string::npos) << answer;
  }
  ASSERT_EQ(books.records.size(), 2U);
  for (const meter::UsageRecord& record : books.records) {
    EXPECT_EQ(record.end, meter::End::kUpstreamDied);
    EXPECT_EQ(record.charged.amount, 0);
  }
}

TEST_F(GatewayTest, ProgressIsJournalledEachSecond) {
  start();
  const auto client = request(kStream);
  begin_stream();
  for (int i = 1; i <= 5; ++i) {
    event(text_event(i));
    test.advance(600ms);
  }
  EXPECT_EQ(books.checkpoints, (std::vector<std::uint64_t>{3, 5}));
}

}  // namespace
}  // namespace tdn::gateway
