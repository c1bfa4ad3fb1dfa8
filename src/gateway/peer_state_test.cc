#include "gateway/peer_state.h"

#include <gtest/gtest.h>

#include "gateway/forward_test_fixture.h"
#include "gateway/peer_prober.h"

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;
using route::Health;

TEST(PeerState, WhatIsSomethingElseIsRefused) {
  for (const char* text : {"", "[]", "{}", R"({"endpoints":{}})", R"({"endpoints":[1]})",
                           R"({"endpoints":[{"health":"up"}]})", R"({"endpoints":[]} x)",
                           R"({"endpoints":[{"uid":"no"}]})"}) {
    EXPECT_FALSE(parse_peer_state(text).has_value()) << text;
  }
  const auto some = parse_peer_state(
      R"({"new":1,"endpoints":[{"uid":"0192f0c0-a000-7000-8000-000000000001","health":"down",)"
      R"("running":99999999999,"waiting":3,"more":[],"trouble":"certificate","promptUs":9000,)"
      R"("prefillNsPerToken":99999999999,"decodeUsPerToken":12000}]})");
  ASSERT_TRUE(some.has_value()) << some.error().detail();
  ASSERT_EQ(some->size(), 1U);
  EXPECT_EQ(some->front().report.health, Health::kDown);
  EXPECT_EQ(some->front().report.running, route::EndpointReport::kMostCounted);
  EXPECT_EQ(some->front().report.waiting, 3U);
  EXPECT_EQ(some->front().report.prompt_us, 9'000U);
  EXPECT_EQ(some->front().trouble, route::Trouble::kCertificate);
  EXPECT_EQ(some->front().report.prefill_ns_per_token, UINT32_MAX);
  EXPECT_EQ(some->front().report.decode_us_per_token, 12'000U);
}

class PeerProberTest : public ForwardFixture {
 protected:
  void probe() {
    prober.emplace(test.loop, frankfurt.membership, random);
    prober->publish(frankfurt.gateway->catalogue());
    prober->publish(frankfurt_keys);
    prober->start();
    test.settle();
  }
  ~PeerProberTest() override {
    if (prober) {
      test.group.spawn(prober->stop());
      test.settle();
    }
  }
  static route::EndpointState& state(TestEdge& edge, std::string_view name) {
    const std::shared_ptr<const Catalogue>& catalogue = edge.gateway->catalogue();
    const std::vector<domain::Endpoint>& endpoints = catalogue->snapshot().endpoints();
    for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
      if (endpoints[i].name == name) {
        return catalogue->table().state({i});
      }
    }
    ADD_FAILURE() << name;
    return catalogue->table().state({0});
  }
  std::optional<PeerProber> prober;
};

TEST_F(PeerProberTest, HearsFromEachSiteHowItsEndpointsAre) {
  start();
  state(paris, "far").observe(route::Observation::kProbeAnswered, test.clock.now());
  state(paris, "far").report({.running = 3, .waiting = 2, .slots = 4}, test.clock.now());
  (void)route::InFlight::try_begin(state(paris, "far"), 1, {.now = test.loop.now()});
  state(paris, "far").learn_prefill(8, 9'000);
  state(paris, "far").learn_decode(12'000);
  state(paris, "far").set_trouble(route::Trouble::kCredential);
  probe();
  EXPECT_EQ(state(frankfurt, "far").health(), Health::kUp);
  const auto reported = state(frankfurt, "far").reported();
  ASSERT_TRUE(reported.has_value());
  EXPECT_EQ(reported->report.running, 3U);
  EXPECT_EQ(reported->report.waiting, 2U);
  EXPECT_EQ(reported->report.slots, 4U);
  EXPECT_EQ(state(frankfurt, "far").prompt_us(), 9'000U) << "what it learned there";
  EXPECT_EQ(state(frankfurt, "far").decode_us_per_token(), 12'000U);
  EXPECT_EQ(state(frankfurt, "far").prefill_ns_per_token(), 0U);
  EXPECT_EQ(state(frankfurt, "far").trouble(), route::Trouble::kCredential);
  EXPECT_EQ(state(frankfurt, "north").health(), Health::kUnknown) << "it may be about to start";
  EXPECT_EQ(state(frankfurt, "near").health(), Health::kUnknown) << "its own is not its business";
  EXPECT_TRUE(frankfurt.engines.far.empty());
  EXPECT_TRUE(paris.books.drafts.empty());
  test.advance(4s);
  EXPECT_EQ(state(frankfurt, "north").health(), Health::kDown) << "nobody is there";
}

TEST_F(PeerProberTest, AnEdgeThatStartsALittleLaterIsFoundAtOnce) {
  start();
  state(paris, "far").observe(route::Observation::kProbeAnswered, test.clock.now());
  auto listeners = std::exchange(frankfurt.link.listeners, {});
  probe();
  test.advance(300ms);
  EXPECT_EQ(state(frankfurt, "far").health(), Health::kUnknown);
  frankfurt.link.listeners = listeners;
  test.advance(250ms);
  EXPECT_EQ(state(frankfurt, "far").health(), Health::kUp);
}

TEST_F(PeerProberTest, AnEndpointThatIsDownThereIsDownHereAndComesBack) {
  start();
  state(paris, "far").observe(route::Observation::kProbeRefused, test.clock.now());
  probe();
  EXPECT_EQ(state(frankfurt, "far").health(), Health::kDown);
  state(paris, "far").observe(route::Observation::kProbeAnswered, test.clock.now());
  test.advance(1500ms);
  EXPECT_EQ(state(frankfurt, "far").health(), Health::kUp);
}

TEST_F(PeerProberTest, AWayThatBreaksIsNoticedWithoutTrafficAndOpensAgain) {
  start();
  state(paris, "far").observe(route::Observation::kProbeAnswered, test.clock.now());
  probe();
  auto listeners = std::exchange(frankfurt.link.listeners, {});
  test.group.spawn(paris.peer_server->drain(Duration::zero()));
  test.advance(6s);
  EXPECT_EQ(state(frankfurt, "far").health(), Health::kDown);
}

TEST_F(PeerProberTest, AnEdgeThatHangsIsNotUp) {
  start();
  frankfurt.link.held = {"paris"};
  probe();
  ASSERT_EQ(frankfurt.link.far.size(), 1U);
  test.advance(8s);
  EXPECT_EQ(state(frankfurt, "far").health(), Health::kDown);
}

TEST_F(PeerProberTest, SilenceUnderTrafficIsCertainWithinThreeAndAHalfSeconds) {
  start();
  state(paris, "far").observe(route::Observation::kProbeAnswered, test.clock.now());
  probe();
  ASSERT_EQ(state(frankfurt, "far").health(), Health::kUp);
  const auto waiting = route::InFlight::try_begin(state(frankfurt, "far"), 8);
  // From now on Paris is a black hole; the connection to it seems open.
  test.group.spawn(paris.peer_server->drain(Duration::zero()));
  test.settle();
  frankfurt.link.held = {"paris"};
  test.advance(1s);  // the next question goes out
  test.advance(1s);
  EXPECT_EQ(state(frankfurt, "far").health(), Health::kUp) << "one silence may be chance";
  test.advance(1500ms);
  const route::HealthState found = state(frankfurt, "far").health_state();
  EXPECT_EQ(found.health, Health::kDown);
  EXPECT_TRUE(found.away);
}

TEST_F(PeerProberTest, AnEjectionThereIsOneHere) {
  start();
  for (int i = 0; i < route::kFailures; ++i) {
    state(paris, "far").observe(route::Observation::kServerError, test.clock.now());
  }
  ASSERT_EQ(state(paris, "far").health(), Health::kEjected);
  probe();
  EXPECT_EQ(state(frankfurt, "far").health(), Health::kEjected);
  EXPECT_FALSE(state(frankfurt, "far").health_state().away);
}

TEST_F(PeerProberTest, AnEdgeThatLacksConnectionsSaysNothingOfOthers) {
  start();
  state(paris, "far").observe(route::Observation::kProbeAnswered, test.clock.now());
  frankfurt.link.exhausted = true;
  probe();
  test.advance(10s);
  EXPECT_EQ(state(frankfurt, "far").health(), Health::kUnknown);
}

TEST_F(PeerProberTest, WithoutATokenNobodyHears) {
  start();
  std::unique_ptr<io::Stream> peer = paris.peer_door->connect();
  write(*peer, "GET /tdn/v1/endpoints HTTP/1.1\r\nhost: paris\r\n\r\n");
  const std::string got = read(*peer);
  EXPECT_NE(got.find("HTTP/1.1 401 "), std::string::npos) << got;
  EXPECT_EQ(got.find("running"), std::string::npos) << got;
}

}  // namespace
}  // namespace tdn::gateway
