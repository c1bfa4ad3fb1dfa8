#include "cli/demo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>

#include "cli/test_screen.h"
#include "client/test_control.h"
#include "codec/tree.h"

namespace tdn::cli {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kSites =
    R"({"items":[)"
    R"({"metadata":{"name":"ashburn"},"spec":{"gateway":"http://127.0.0.1:8280","location":)"
    R"({"country":"US","latitude":39.04,"longitude":-77.49}}},)"
    R"({"metadata":{"name":"frankfurt"},"spec":{"gateway":"http://127.0.0.1:8080","location":)"
    R"({"country":"DE","latitude":50.11,"longitude":8.68}}},)"
    R"({"metadata":{"name":"nowhere"},"spec":{"location":{"country":"DE"}}}]})";

std::vector<std::string> sites_of(const DemoCity& city) {
  std::vector<std::string> names;
  for (const Entry& entry : city.entries) {
    names.push_back(entry.site);
  }
  return names;
}

TEST(DemoCities, GoToTheNearestGatewayFirst) {
  const auto cities = demo_cities(*codec::yaml::from_json(kSites));
  ASSERT_TRUE(cities.has_value()) << cities.error().detail();
  ASSERT_EQ(cities->size(), 6U);
  EXPECT_EQ(cities->front().name, "Berlin");
  EXPECT_EQ(cities->front().location, "DE;52.52,13.40");
  EXPECT_THAT(sites_of(cities->front()), ElementsAre("frankfurt", "ashburn"));
  const auto york = std::ranges::find(*cities, "New York", &DemoCity::name);
  ASSERT_NE(york, cities->end());
  EXPECT_THAT(sites_of(*york), ElementsAre("ashburn", "frankfurt"));
  EXPECT_FALSE(demo_cities(*codec::yaml::from_json(R"({"items":[]})")).has_value());
}

TEST(DemoCities, OfANetworkWithDistancesAreReadAsTheyAre) {
  const auto cities =
      read_cities(R"({"cities":[{"name":"berlin","country":"DE","latitude":52.52,"longitude":13.4,)"
                  R"("entries":[{"site":"frankfurt","url":"http://127.0.0.1:9001"}]}]})");
  ASSERT_TRUE(cities.has_value()) << cities.error().detail();
  EXPECT_EQ(cities->front().entries.front().url, "http://127.0.0.1:9001");
  for (const char* text : {"", "{}", R"({"cities":[]})", R"({"cities":[{"name":"x"}]})"}) {
    EXPECT_FALSE(read_cities(text).has_value()) << text;
  }
}

TEST(DemoReport, PercentilesAreOfNearestRank) {
  EXPECT_EQ(percentile({}, 50), Duration::zero());
  EXPECT_EQ(percentile({3ms, 1ms, 2ms}, 50), 2ms);
  EXPECT_EQ(percentile({4ms, 3ms, 1ms, 2ms}, 50), 2ms);
  EXPECT_EQ(percentile({1ms, 2ms, 3ms}, 99), 3ms);
}

DemoReport sample() {
  DemoReport report{.cities = {{"Berlin", {}}, {"London", {}}}, .lasted = 10s};
  Sight served{.ending = Ending::kComplete,
               .request = "a",
               .site = "frankfurt",
               .reason = "nearest",
               .first_token = 20ms,
               .usage = {.prompt = 10, .cached = 4, .completion = 7},
               .error = {},
               .moved = 0,
               .simulated = true};
  report.cities[0].sights = {served, served, served};
  report.cities[0].sights[2].site = "paris";
  report.cities[0].sights[2].reason = "failover";
  Sight cut = served;
  cut.ending = Ending::kCut;
  cut.request = "b";
  cut.error = "stream_interrupted";
  Sight nothing;
  nothing.error = "zone_unavailable";
  nothing.moved = 2;
  report.cities[1].sights = {cut, nothing};
  return report;
}

TEST(DemoReport, ATableTellsWhatCameOfIt) {
  const std::string text = render_demo(sample(), false);
  EXPECT_THAT(text, HasSubstr("CITY    REQUESTS  FAILED  CUT  TOKENS IN  OUT  TTFT P50"));
  EXPECT_THAT(text, HasSubstr("frankfurt 67 %, paris 33 %"));
  EXPECT_THAT(text, HasSubstr("nearest 67 %, failover 33 %"));
  EXPECT_THAT(text, HasSubstr("5 requests in 10 s; 2 times a gateway was not there, or could"));
  EXPECT_THAT(text, HasSubstr("SIMULATED"));
  EXPECT_THAT(text, HasSubstr("  1 ended with: stream_interrupted\n"));
  EXPECT_THAT(text, HasSubstr("  1 ended with: zone_unavailable\n"));
}

TEST(DemoReport, JsonTellsTheSameAndNamesEveryRequest) {
  const auto tree = codec::yaml::from_json(demo_json(sample()));
  ASSERT_TRUE(tree.has_value());
  const codec::yaml::Node& berlin = tree->find("cities")->items[0];
  EXPECT_EQ(codec::yaml::text_at(berlin, "tokens.input"), "18");
  EXPECT_EQ(codec::yaml::text_at(berlin, "tokens.cachedInput"), "12");
  EXPECT_EQ(codec::yaml::text_at(berlin, "servedAt.frankfurt"), "2");
  EXPECT_EQ(codec::yaml::node_at(*tree, "ids.complete")->items.size(), 3U);
  EXPECT_EQ(codec::yaml::node_at(*tree, "ids.cut")->items.size(), 1U);
  EXPECT_EQ(codec::yaml::node_at(*tree, "ids.failed")->items.size(), 0U);
}

// Gateways by port: each plays its part of the script, or refuses.
class DemoClientTest : public testing::Test, public io::Network {
 protected:
  static constexpr const char* kHead =
      "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: one\r\n"
      "tdn-route: paris/paris-1; reason=load\r\ntransfer-encoding: chunked\r\n\r\n";

  static std::string chunk(std::string_view data) {
    const std::string event = "data: " + std::string(data) + "\n\n";
    return fmt::format("{:x}\r\n{}\r\n", event.size(), event);
  }
  static std::string answer() {
    return kHead + chunk(R"({"choices":[{"index":0,"delta":{"content":"hi"}}]})") +
           chunk(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})") +
           chunk(R"({"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}})") +
           chunk("[DONE]") + "0\r\n\r\n";
  }

  io::Task<Result<std::unique_ptr<io::Stream>>> connect(io::Address to) override {
    const auto found = answers.find(to.port);
    if (found == answers.end()) {
      co_return fail(Code::kUnavailable, "connection refused");
    }
    io::PipeEnds ends = io::make_pipe();
    const io::Slice bytes(found->second);
    EXPECT_EQ(ends.second->try_write(std::span(&bytes, 1)),
              static_cast<ssize_t>(found->second.size()));
    ends.second->shutdown();
    far.push_back(std::move(ends.second));
    co_return std::move(ends.first);
  }
  Result<std::unique_ptr<io::Listener>> listen(io::Address, bool) override {
    return fail(Code::kUnavailable, "no listening here");
  }
  io::Task<Result<io::Address>> resolve(std::string, std::uint16_t port) override {
    io::Address address;
    address.port = port;
    co_return address;
  }

  Sight ask() {
    DemoClient client(loop.loop, *this, city, key);
    return loop.run(client.ask({"m", "hello", 12}));
  }

  io::TestLoop loop;
  std::map<std::uint16_t, std::string> answers;
  std::vector<std::unique_ptr<io::Stream>> far;
  DemoCity city{"Berlin", "DE;52.52,13.40", {{"near", "http://h:1"}, {"far", "http://h:2"}}};
  Secret key{"sk"};
};

TEST_F(DemoClientTest, ReadsAnAnswerToItsEnd) {
  answers[1] = answer();
  const Sight sight = ask();
  EXPECT_EQ(sight.ending, Ending::kComplete) << sight.error;
  EXPECT_EQ(sight.request, "one");
  EXPECT_EQ(sight.site, "paris");
  EXPECT_EQ(sight.reason, "load");
  EXPECT_EQ(sight.usage.completion, 2U);
  EXPECT_TRUE(sight.first_token.has_value());
  EXPECT_EQ(sight.moved, 0);
}

TEST_F(DemoClientTest, GoesToTheNextEntryWhereNobodyIsOrNobodyCanServe) {
  answers[2] = answer();
  const Sight refused = ask();
  EXPECT_EQ(refused.ending, Ending::kComplete) << refused.error;
  EXPECT_EQ(refused.moved, 1);
  answers[1] = "";  // accepted, and closed without a word
  EXPECT_EQ(ask().moved, 1);
  answers[1] =
      "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 38\r\n\r\n"
      R"({"error":{"code":"zone_unavailable"}} )";
  const Sight unavailable = ask();
  EXPECT_EQ(unavailable.ending, Ending::kComplete);
  EXPECT_EQ(unavailable.moved, 1);
  answers[1] =
      "HTTP/1.1 421 Misdirected Request\r\ncontent-length: 32\r\n\r\n"
      R"({"error":{"code":"wrong_site"}} )";
  EXPECT_EQ(ask().ending, Ending::kComplete) << "another site may open what this one may not";
}

TEST_F(DemoClientTest, WhereNobodyWasIsNotAskedAgainForAWhile) {
  answers[2] = answer();
  DemoClient client(loop.loop, *this, city, key);
  EXPECT_EQ(loop.run(client.ask({"m", "hello", 12})).moved, 1);
  answers[1] = answer();
  EXPECT_EQ(loop.run(client.ask({"m", "hello", 12})).moved, 0);
  EXPECT_EQ(far.size(), 2U);
  answers.erase(2);
  loop.advance(1s);
  EXPECT_EQ(loop.run(client.ask({"m", "hello", 12})).ending, Ending::kFailed)
      << "it is asked again once none is there";
  EXPECT_EQ(loop.run(client.ask({"m", "hello", 12})).ending, Ending::kComplete);
  loop.advance(11s);
  EXPECT_EQ(loop.run(client.ask({"m", "hello", 12})).moved, 0);
  EXPECT_EQ(far.size(), 4U);
}

TEST_F(DemoClientTest, AnAnswerThatBreaksOffIsCutAndNotAskedForAgain) {
  answers[1] = kHead + chunk(R"({"choices":[{"index":0,"delta":{"content":"hi"}}]})");
  answers[2] = answer();
  EXPECT_EQ(ask().ending, Ending::kCut);
  answers[1] += chunk(R"({"error":{"code":"stream_interrupted","message":"…"}})") + "0\r\n\r\n";
  const Sight told = ask();
  EXPECT_EQ(told.ending, Ending::kCut);
  EXPECT_EQ(told.error, "stream_interrupted");
  answers[1] = std::string(kHead) + "0\r\n\r\n";
  EXPECT_EQ(ask().ending, Ending::kCut) << "an end without [DONE] is none";
}

TEST_F(DemoClientTest, WhatTheClientDidWrongIsTriedNowhereElse) {
  answers[1] =
      "HTTP/1.1 401 Unauthorized\r\ncontent-length: 37\r\n\r\n"
      R"({"error":{"code":"invalid_api_key"}} )";
  answers[2] = answer();
  const Sight sight = ask();
  EXPECT_EQ(sight.ending, Ending::kFailed);
  EXPECT_EQ(sight.error, "invalid_api_key");
  answers.clear();
  EXPECT_EQ(ask().ending, Ending::kFailed) << "nobody anywhere";
}

}  // namespace
}  // namespace tdn::cli
