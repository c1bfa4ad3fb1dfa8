#include "route/choose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <list>
#include <map>
#include <set>

#include "route/world_test.h"

namespace tdn::route {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Instant kNow = 1h;

class ChooseTest : public testing::Test {
 protected:
  void SetUp() override {
    all_.endpoints = {endpoint("b", "berlin"), endpoint("f", "frankfurt"), endpoint("o", "oslo"),
                      endpoint("p", "paris")};
    compile();
  }
  void compile() {
    requests_.clear();
    table_ = Table::create(route::compile(all_), site("frankfurt"), nullptr);
  }
  [[nodiscard]] domain::SiteIndex site(std::string_view name) const {
    return *route::compile(all_)->find_site(name);
  }
  [[nodiscard]] domain::EndpointIndex at(std::string_view name) const {
    const auto& endpoints = table_->snapshot().endpoints();
    for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
      if (endpoints[i].name == name) {
        return {i};
      }
    }
    ADD_FAILURE() << name;
    return {};
  }
  EndpointState& state(std::string_view name) { return table_->state(at(name)); }
  void occupy(std::string_view name, int requests) {
    for (int i = 0; i < requests; ++i) {
      requests_.push_back(*InFlight::try_begin(state(name), 1'000));
    }
  }
  Request request() {
    return {.key = table_->snapshot().keys().data(),
            .model = {0},
            .client = {},
            .tried = tried_,
            .now = kNow};
  }
  Decision choose() { return route::choose(*table_, request(), scratch_); }
  std::vector<std::string> order() {
    std::vector<std::string> names;
    for (const Candidate& candidate : choose().candidates) {
      names.push_back(table_->snapshot()[candidate.endpoint].name);
    }
    return names;
  }
  Exclusion exclusion(std::string_view name) {
    for (const Candidate& candidate : choose().all) {
      if (candidate.endpoint == at(name)) {
        return candidate.exclusion;
      }
    }
    ADD_FAILURE() << name;
    return Exclusion::kNone;
  }
  void require(std::vector<std::string> zones) {
    domain::RuleSpec rule;
    rule.require.zones = std::move(zones);
    all_.policies = {object<domain::PolicySpec>("p", {{rule}})};
    compile();
  }

  domain::Manifests all_ = small_world();
  std::shared_ptr<const Table> table_;
  std::vector<domain::EndpointIndex> tried_;
  std::list<InFlight> requests_;
  Scratch scratch_;
};

TEST_F(ChooseTest, PrefersTheNearest) {
  EXPECT_THAT(order(), ElementsAre("f", "b", "p", "o"));
  EXPECT_EQ(choose().reason, Reason::kNearest);
}

TEST_F(ChooseTest, ANearEndpointIsFilledToItsHalfBeforeAFartherOneIsUsed) {
  occupy("f", 4);
  EXPECT_EQ(order().front(), "f");
  occupy("f", 1);
  EXPECT_EQ(order().front(), "b");
  EXPECT_EQ(choose().reason, Reason::kLoad);
}

TEST_F(ChooseTest, EndpointsOfOneSiteShareTheLoad) {
  all_.endpoints.push_back(endpoint("f2", "frankfurt"));
  compile();
  EXPECT_EQ(order().front(), "f");
  occupy("f", 1);
  EXPECT_EQ(order().front(), "f2");
  EXPECT_EQ(choose().reason, Reason::kNearest);
}

TEST_F(ChooseTest, ASiteThatWasAskedInVainIsNotAskedAgain) {
  all_.endpoints.push_back(endpoint("f2", "frankfurt"));
  compile();
  const std::vector<domain::SiteIndex> sites{site("frankfurt")};
  Request asked = request();
  asked.tried_sites = sites;
  const Decision decision = route::choose(*table_, asked, scratch_);
  EXPECT_EQ(decision.candidates.front().endpoint, at("b"));
  EXPECT_EQ(decision.reason, Reason::kFailover);
}

TEST_F(ChooseTest, APeersRequestGoesNoFurther) {
  all_.endpoints.push_back(endpoint("f2", "frankfurt"));
  compile();
  occupy("f", 8);
  Request peers = request();
  peers.own_only = true;
  const Decision decision = route::choose(*table_, peers, scratch_);
  ASSERT_EQ(decision.candidates.size(), 1U);
  EXPECT_EQ(decision.candidates.front().endpoint, at("f2"));
  occupy("f2", 8);
  EXPECT_EQ(route::choose(*table_, peers, scratch_).refusal, Code::kOverloaded);
  all_.endpoints = {endpoint("p", "paris")};
  compile();
  Request nothing = request();
  nothing.own_only = true;
  EXPECT_EQ(route::choose(*table_, nothing, scratch_).refusal, Code::kZoneUnavailable);
}

TEST_F(ChooseTest, LatencyKeepsToTheNearestAsLongAsItHasRoom) {
  all_.keys[0].spec.objective = domain::Objective::kLatency;
  compile();
  occupy("f", 7);
  EXPECT_EQ(order().front(), "f");
  occupy("f", 1);
  EXPECT_EQ(order().front(), "b");
  EXPECT_EQ(exclusion("f"), Exclusion::kFull);
  EXPECT_EQ(choose().reason, Reason::kLoad);
}

TEST_F(ChooseTest, CostTakesTheCheapest) {
  all_.keys[0].spec.objective = domain::Objective::kCost;
  all_.models[0].spec.price.output.pico = 100;
  domain::PriceSpec cheap;
  cheap.output.pico = 99;
  all_.endpoints[2].spec.cost = cheap;
  domain::PriceSpec foreign;
  foreign.currency = "EUR";
  all_.endpoints[1].spec.cost = foreign;
  compile();
  EXPECT_THAT(order(), ElementsAre("o", "b", "p", "f"));
  EXPECT_EQ(choose().reason, Reason::kCost);
}

TEST_F(ChooseTest, SkipsWhatIsDownPausedFullOrTried) {
  state("f").observe(Observation::kRefused, kNow);
  EXPECT_THAT(order(), ElementsAre("b", "p", "o"));
  EXPECT_EQ(choose().reason, Reason::kFailover);
  EXPECT_EQ(exclusion("f"), Exclusion::kDown);
  state("b").pause_until(kNow + 1ns);
  EXPECT_EQ(exclusion("b"), Exclusion::kPaused);
  tried_ = {at("p")};
  EXPECT_EQ(exclusion("p"), Exclusion::kTried);
  EXPECT_THAT(order(), ElementsAre("o"));
  state("b").pause_until(kNow);
  EXPECT_EQ(choose().reason, Reason::kFailover);
}

TEST_F(ChooseTest, SitesOutOfServiceGetNoNewRequests) {
  all_.sites[1].spec.state = domain::SiteState::kCordoned;
  all_.sites[0].spec.state = domain::SiteState::kDraining;
  compile();
  EXPECT_THAT(order(), ElementsAre("p", "o"));
  EXPECT_EQ(exclusion("f"), Exclusion::kCordoned);
  EXPECT_EQ(exclusion("b"), Exclusion::kDraining);
}

TEST_F(ChooseTest, TheFenceIsNeverLeft) {
  require({"north"});
  EXPECT_THAT(order(), ElementsAre("o"));
  EXPECT_EQ(choose().reason, Reason::kOnly);
  EXPECT_EQ(exclusion("f"), Exclusion::kPolicy);
  state("o").observe(Observation::kRefused, kNow);
  const Decision decision = choose();
  EXPECT_TRUE(decision.candidates.empty());
  EXPECT_EQ(decision.refusal, Code::kZoneUnavailable);
}

TEST_F(ChooseTest, RefusalsTellWhetherItIsPolicyOutageOrLoad) {
  all_.endpoints.erase(all_.endpoints.begin() + 2);  // none in the north
  require({"north"});
  EXPECT_EQ(choose().refusal, Code::kPolicyDenied);
  EXPECT_THAT(refusal(*table_, request(), choose()).detail(), HasSubstr("policy allows"));

  all_.policies.clear();
  all_.endpoints = {endpoint("b", "berlin", 1), endpoint("f", "frankfurt")};
  compile();
  state("f").observe(Observation::kRefused, kNow);
  occupy("b", 1);
  EXPECT_EQ(choose().refusal, Code::kOverloaded);
  EXPECT_EQ(choose().retry_after, 1s);
  requests_.clear();
  state("b").pause_until(kNow + 7s);
  EXPECT_EQ(choose().refusal, Code::kOverloaded);
  EXPECT_EQ(choose().retry_after, 7s);
  state("b").observe(Observation::kRefused, kNow);
  EXPECT_EQ(choose().refusal, Code::kZoneUnavailable);
  tried_ = {at("b")};
  EXPECT_EQ(choose().refusal, Code::kUpstreamError);

  all_.endpoints.clear();
  compile();
  tried_.clear();
  EXPECT_EQ(choose().refusal, Code::kPolicyDenied);
  EXPECT_THAT(refusal(*table_, request(), choose()).detail(), HasSubstr("No endpoint serves m"));
}

TEST_F(ChooseTest, DenialByRuleTellsItsReason) {
  domain::RuleSpec rule;
  rule.deny = "contract ended";
  all_.policies = {object<domain::PolicySpec>("p", {{rule}})};
  compile();
  EXPECT_EQ(to_string(refusal(*table_, request(), choose())),
            "policy_denied: Refused by policy: contract ended.");
}

TEST_F(ChooseTest, AReloadKeepsTheStateOfWhatIsStillThere) {
  SeededRandom random(1);
  domain::Identities ids;
  domain::update(ids, all_, {}, random);
  const auto before = Table::create(domain::Snapshot::compile(all_, ids), {0}, nullptr);
  before->state({1}).observe(Observation::kRefused, kNow);
  auto open = InFlight::try_begin(before->state({1}), 8);
  all_.endpoints.erase(all_.endpoints.begin());
  domain::update(ids, all_, {}, random);
  const auto after = Table::create(domain::Snapshot::compile(all_, ids), {0}, before.get());
  EXPECT_EQ(&after->state({0}), &before->state({1}));
  EXPECT_EQ(after->state({0}).health(), Health::kDown);
  EXPECT_EQ(after->state({0}).in_flight(), 1U);
}

TEST_F(ChooseTest, DecidingAllocatesNothingOnceTheScratchHasGrown) {
  choose();
  const Candidate* before = scratch_.data();
  for (int i = 0; i < 100; ++i) {
    choose();
  }
  EXPECT_EQ(scratch_.data(), before);
}

// --- Under random catalogues, policies, outages and load.

struct RandomWorld {
  std::shared_ptr<const Table> table;
  std::list<InFlight> requests;
  std::vector<domain::EndpointIndex> tried;
};

RandomWorld any_world() {
  domain::Manifests all = small_world();
  const std::vector<std::string> sites = {"berlin", "frankfurt", "oslo", "paris"};
  const int endpoints = *rc::gen::inRange(0, 20);
  for (int i = 0; i < endpoints; ++i) {
    all.endpoints.push_back(
        endpoint(fmt::format("e{:02}", i), *rc::gen::elementOf(sites), *rc::gen::inRange(1, 5)));
  }
  for (auto& s : all.sites) {
    s.spec.state =
        static_cast<domain::SiteState>(*rc::gen::weightedElement<int>({{6, 0}, {1, 1}, {1, 2}}));
  }
  all.keys[0].spec.objective = static_cast<domain::Objective>(*rc::gen::inRange(0, 4));
  domain::RuleSpec rule;
  switch (*rc::gen::inRange(0, 5)) {
    case 0:
      rule.allow = true;
      break;
    case 1:
      rule.deny = "no";
      break;
    case 2:
      rule.require.zones = {"eu"};
      break;
    case 3:
      rule.require.zones = {"north"};
      break;
    default:
      rule.require.zones = {"eu", "north"};
  }
  all.policies = {object<domain::PolicySpec>("p", {{rule}})};
  RandomWorld world;
  world.table = Table::create(compile(all), {*rc::gen::inRange(0U, 4U)}, nullptr);
  for (std::uint32_t i = 0; i < all.endpoints.size(); ++i) {
    EndpointState& state = world.table->state({i});
    if (*rc::gen::inRange(0, 4) == 0) {
      state.observe(Observation::kRefused, kNow);
    }
    if (*rc::gen::inRange(0, 6) == 0) {
      state.pause_until(kNow + 1s);
    }
    for (int n = *rc::gen::inRange(0, 5); n > 0; --n) {
      if (auto request = InFlight::try_begin(state, 4)) {
        world.requests.push_back(*std::move(request));
      }
    }
    if (*rc::gen::inRange(0, 8) == 0) {
      world.tried.push_back({i});
    }
  }
  return world;
}

TEST(ChooseProperty, OnlyPermittedHealthyEndpointsWithRoomAreEverCandidates) {
  EXPECT_TRUE(rc::check("candidates are exactly the eligible endpoints", [] {
    const RandomWorld world = any_world();
    const Table& table = *world.table;
    const domain::Snapshot& snapshot = table.snapshot();
    Request request{.key = snapshot.keys().data(),
                    .model = {0},
                    .client = {},
                    .tried = world.tried,
                    .now = kNow};
    Scratch scratch;
    const Decision decision = choose(table, request, scratch);
    const domain::Outcome& outcome = snapshot.outcome(*request.key, {0}, {});
    std::set<std::uint32_t> chosen;
    for (const Candidate& candidate : decision.candidates) {
      chosen.insert(candidate.endpoint.value);
    }
    std::size_t eligible = 0;
    bool permitted = false;
    for (std::uint32_t i = 0; i < snapshot.endpoints().size(); ++i) {
      const domain::Endpoint& e = snapshot.endpoints()[i];
      const EndpointState& state = table.state({i});
      const bool inside = outcome.sites.contains(e.site);
      const bool good =
          inside && snapshot[e.site].state == domain::SiteState::kActive &&
          state.health() != Health::kDown && state.paused_until() <= kNow &&
          state.in_flight() < e.concurrency &&
          std::count(world.tried.begin(), world.tried.end(), domain::EndpointIndex{i}) == 0;
      permitted |= inside;
      eligible += good ? 1 : 0;
      RC_ASSERT(good || !chosen.contains(i));
    }
    RC_ASSERT(chosen.size() == std::min(eligible, Decision::kOrdered));
    RC_ASSERT((decision.reason == Reason::kNone) == (eligible == 0));
    if (eligible == 0) {
      RC_ASSERT((decision.refusal == Code::kPolicyDenied) == !permitted);
    }
    RC_ASSERT(decision.all.size() == snapshot.endpoints().size());
  }));
}

TEST(ChooseProperty, TheOrderIsTotalAndTheSameEveryTime) {
  EXPECT_TRUE(rc::check("equal input, equal decision", [] {
    const RandomWorld world = any_world();
    Request request{.key = world.table->snapshot().keys().data(),
                    .model = {0},
                    .client = {},
                    .tried = world.tried,
                    .now = kNow};
    Scratch one;
    Scratch two;
    const Decision a = choose(*world.table, request, one);
    const Decision b = choose(*world.table, request, two);
    RC_ASSERT(a.reason == b.reason);
    RC_ASSERT(a.candidates.size() == b.candidates.size());
    for (std::size_t i = 0; i < a.candidates.size(); ++i) {
      RC_ASSERT(a.candidates[i].endpoint == b.candidates[i].endpoint);
      if (i > 0 && request.key->objective != domain::Objective::kCost) {
        RC_ASSERT(a.candidates[i - 1].score_us <= a.candidates[i].score_us);
      }
    }
  }));
}

}  // namespace
}  // namespace tdn::route
