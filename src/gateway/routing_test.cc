// Routing as the gateway uses it: what it tells, what it learns, what it logs.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "gateway/gateway_test_fixture.h"

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;

bool has_text(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

class RoutingTest : public GatewayFixture {
 protected:
  ~RoutingTest() override { stop(); }
  void start_logged() {
    options.log = &log_;
    options.prefixes = &prefixes_;
    start();
  }
  struct Logged {
    std::vector<requests::RawDecided> decided;
    std::vector<requests::RawEnded> ended;
    std::vector<std::vector<route::Facts>> facts;
  };
  Logged logged() {
    Logged all;
    log_.drain(
        [&](const requests::RawDecided& raw, std::span<const std::byte>,
            std::span<const std::byte> facts) {
          all.decided.push_back(raw);
          all.facts.emplace_back(facts.size() / sizeof(route::Facts));
          std::memcpy(all.facts.back().data(), facts.data(), facts.size());
        },
        [&](const requests::RawEnded& raw) { all.ended.push_back(raw); });
    return all;
  }
  const route::Table& table() { return gateway->catalogue()->table(); }
  domain::EndpointIndex at(std::string_view name) {
    const auto& endpoints = table().snapshot().endpoints();
    for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
      if (endpoints[i].name == name) {
        return {i};
      }
    }
    ADD_FAILURE() << name;
    return {};
  }
  static std::string chat_of(std::string_view content, std::string_view more = "") {
    return fmt::format(R"({{"model":"m","messages":[{{"role":"user","content":"{}"}}]{}}})",
                       content, more);
  }

  requests::ShardLog log_;
  route::PrefixTable prefixes_{{1, 2}};
};

TEST_F(RoutingTest, ADecisionAndItsEndAreLogged) {
  start_logged();
  const auto client = request(kPlain, "tdn-client-location: DE;52.5,13.4\r\n");
  answer(kWhole);
  ASSERT_TRUE(has_text(read(*client), "HTTP/1.1 200 OK"));
  const Logged all = logged();
  ASSERT_EQ(all.decided.size(), 1U);
  ASSERT_EQ(all.ended.size(), 1U);
  EXPECT_EQ(all.decided[0].request, books.records[0].request);
  EXPECT_EQ(all.decided[0].chosen, at("near").value);
  EXPECT_EQ(all.decided[0].client_at, (requests::RoughPlace{525, 134}));
  EXPECT_EQ(all.facts[0].size(), 2U);
  EXPECT_GT(all.facts[0][0].client_us, 4'000U);
  EXPECT_EQ(all.ended[0].request, books.records[0].request);
  EXPECT_EQ(all.ended[0].status, 200U);
  EXPECT_EQ(all.ended[0].code, 0U);
  EXPECT_EQ(all.ended[0].attempts, 1U);
  EXPECT_EQ(all.ended[0].input, 6U);
  EXPECT_EQ(all.ended[0].cached, 4U);
  EXPECT_EQ(all.ended[0].output, 3U);
}

TEST_F(RoutingTest, EachAttemptAndARefusalAreLogged) {
  start_logged();
  const auto client = request(kPlain);
  answer("{}", 500);
  answer("{}", 500, 1);
  ASSERT_TRUE(has_text(read(*client), "upstream_error"));
  const Logged all = logged();
  ASSERT_EQ(all.decided.size(), 3U);
  EXPECT_EQ(all.decided[1].attempt, 1U);
  EXPECT_EQ(all.decided[1].reason, route::Reason::kFailover);
  EXPECT_EQ(all.decided[2].refusal, static_cast<int>(Code::kUpstreamError) + 1);
  ASSERT_EQ(all.ended.size(), 1U);
  EXPECT_EQ(all.ended[0].status, 502U);
  EXPECT_EQ(all.ended[0].code, static_cast<int>(Code::kUpstreamError) + 1);
}

TEST_F(RoutingTest, WhoHasNoKeyLeavesNothingInTheLog) {
  start_logged();
  const auto client = listener->connect();
  write(*client,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer no\r\n"
        "content-length: 2\r\n\r\n{}");
  ASSERT_TRUE(has_text(read(*client), "401"));
  EXPECT_TRUE(logged().ended.empty());
}

TEST_F(RoutingTest, ExplainingTellsTheDecisionAndDoesNothing) {
  start_logged();
  const std::string body = chat_of("secret words");
  const auto client = request(body, "", "/tdn/v1/explain");
  const std::string got = read(*client);
  EXPECT_TRUE(has_text(got, "HTTP/1.1 200 OK\r\n")) << got;
  EXPECT_TRUE(has_text(got, R"("chosen":{"site":"frankfurt","endpoint":"near","reason":"nearest")"))
      << got;
  EXPECT_TRUE(has_text(got, R"("runnerUp":{"site":"paris","endpoint":"far")"));
  EXPECT_FALSE(has_text(got, "secret"));
  EXPECT_TRUE(engines.far.empty());
  EXPECT_TRUE(books.drafts.empty());
  EXPECT_TRUE(logged().decided.empty());
  const auto person = request(body, "accept: text/plain\r\n", "/tdn/v1/explain");
  const std::string text = read(*person);
  EXPECT_TRUE(has_text(text, "content-type: text/plain")) << text;
  EXPECT_TRUE(has_text(text, "chosen   frankfurt/near: none that is permitted is nearer"));
}

TEST_F(RoutingTest, ExplainingRefusesWhatTheRequestItselfWouldBeRefusedFor) {
  start_logged();
  EXPECT_TRUE(has_text(read(*request(R"({"model":"none","messages":[]})", "", "/tdn/v1/explain")),
                       "model_not_found"));
  EXPECT_TRUE(has_text(read(*request("no json", "", "/tdn/v1/explain")), "invalid_request"));
  EXPECT_TRUE(has_text(
      read(*request(chat_of("x", R"(,"provider":{"only":["atlantis"]})"), "", "/tdn/v1/explain")),
      "'atlantis'"));
  use_fenced_key = true;
  const std::string fenced =
      read(*request(R"({"model":"m","messages":[]})", "", "/tdn/v1/explain"));
  EXPECT_TRUE(has_text(fenced, R"("endpoint":"far","excluded":"policy")")) << fenced;
}

TEST_F(RoutingTest, TheProviderObjectIsHeededAndReachesTheEngineAsItCame) {
  start_logged();
  const auto client = request(chat_of("x", R"(,"provider":{"order":["paris"]})"));
  EXPECT_TRUE(has_text(read(engine()), R"("provider":{"order":["paris"]})"));
  EXPECT_EQ(engines.far.at(0).first, 1002);
  answer(kWhole);
  EXPECT_TRUE(has_text(read(*client), "tdn-route: paris/far; reason=preference\r\n"));
}

TEST_F(RoutingTest, WithoutFallbacksThereIsOneAttempt) {
  start_logged();
  const auto client = request(chat_of("x", R"(,"provider":{"allow_fallbacks":false})"));
  answer("{}", 500);
  EXPECT_TRUE(has_text(read(*client), "upstream_error"));
  EXPECT_EQ(engines.far.size(), 1U);
}

TEST_F(RoutingTest, ALongerConversationIsExpectedInTheCacheOfItsLastEngine) {
  start_logged();
  const std::string first(8'000, 'a');
  auto client = request(chat_of(first, R"(,"provider":{"only":["paris"]})"));
  answer(kWhole);
  read(*client);
  logged();
  const auto next = request(chat_of(first + " and so on"));
  const Logged all = logged();
  ASSERT_EQ(all.facts.size(), 1U);
  EXPECT_EQ(all.facts[0][at("near").value].cached_tokens, 0U);
  EXPECT_GT(all.facts[0][at("far").value].cached_tokens, 1'000U);
  EXPECT_EQ(all.decided[0].chosen, at("far").value);
  EXPECT_EQ(all.decided[0].reason, route::Reason::kCache);
}

TEST_F(RoutingTest, SpeedAndSizesAreLearnedFromAnswers) {
  start_logged();
  const std::uint32_t ratio = table().model_state({0}).ratio();
  const auto client = request(kStream);
  test.advance(100ms);
  begin_stream();
  event(text_event(1));
  for (int i = 2; i <= 11; ++i) {
    test.advance(20ms);
    event(text_event(i));
  }
  event(finish_event(11));
  event(kDone);
  const route::EndpointState& state = table().state(at("near"));
  EXPECT_EQ(state.decode_us_per_token(), 20'000U);
  EXPECT_EQ(state.first_token_us(), 100'000U);
  EXPECT_EQ(state.prefill_ns_per_token(), 0U) << "ten tokens say nothing of reading speed";
  EXPECT_EQ(state.prompt_us(), 100'000U) << "but what every prompt takes";
  EXPECT_NE(table().model_state({0}).ratio(), ratio);
  EXPECT_LT(table().model_state({0}).usual_output(), route::ModelState::kOutputAtFirst);
}

TEST_F(RoutingTest, WhatWasSentIsPendingUntilItsFirstToken) {
  start_logged();
  const std::string body = chat_of(std::string(4'000, 'a'), R"(,"stream":true)");
  const auto client = request(body);
  const route::EndpointState& state = table().state(at("near"));
  EXPECT_GT(state.pending_tokens(), 900U);
  EXPECT_EQ(state.in_flight(), 1U);
  begin_stream();
  event(text_event(1));
  EXPECT_EQ(state.pending_tokens(), 0U);
  EXPECT_EQ(state.in_flight(), 1U);
}

}  // namespace
}  // namespace tdn::gateway
