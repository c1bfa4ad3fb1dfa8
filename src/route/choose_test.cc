#include "route/choose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <list>
#include <map>
#include <set>

#include "route/world_test.h"

namespace tdn::route {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Instant kMoment = 1h;

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
            .now = now_,
            .work = usual_work(*table_, {0}, objective_of(table_->snapshot().keys()[0]), bytes_, 0),
            .preferences = preferences_ ? &*preferences_ : nullptr,
            .client_at = {},
            .cached = cached_};
  }
  void prefer(std::string_view object) {
    const auto wishes = codec::parse_provider(object);
    ASSERT_TRUE(wishes.has_value()) << wishes.error().detail();
    auto made = Preferences::create(table_->snapshot(), *wishes);
    ASSERT_TRUE(made.has_value()) << made.error().detail();
    preferences_ = *std::move(made);
  }
  // A connection to each is open.
  void warm() {
    for (std::uint32_t i = 0; i < table_->snapshot().endpoints().size(); ++i) {
      (void)InFlight::try_begin(table_->state(domain::EndpointIndex{i}), 1, {.now = kMoment});
    }
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
    for (const Facts& facts : choose().all) {
      if (facts.endpoint == at(name)) {
        return facts.exclusion;
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
  std::optional<Preferences> preferences_;
  CacheHits cached_;
  std::uint64_t bytes_ = 4'000;
  Instant now_ = kMoment;
  Scratch scratch_;
};

TEST_F(ChooseTest, PrefersTheNearest) {
  EXPECT_THAT(order(), ElementsAre("f", "b", "p", "o"));
  EXPECT_EQ(choose().reason, Reason::kNearest);
}

TEST_F(ChooseTest, ANearEndpointIsLeftOnceItsRequestsLoseMoreThanTheWayTakes) {
  warm();
  // 1,000 tokens are read in 50 ms, which costs each running answer 5; Berlin is 6.4 ms away.
  occupy("f", 1);
  EXPECT_EQ(order().front(), "f");
  occupy("f", 1);
  EXPECT_EQ(order().front(), "b");
  EXPECT_EQ(choose().reason, Reason::kLoad);
  bytes_ = 100;  // a short prompt holds up nobody
  EXPECT_EQ(order().front(), "f");
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

TEST_F(ChooseTest, LatencyIsBlindToPrices) {
  all_.models[0].spec.price.output.pico = 1'000'000'000;
  domain::PriceSpec cheap;
  cheap.output.pico = 1;
  all_.endpoints[0].spec.cost = cheap;
  all_.keys[0].spec.objective = domain::Objective::kLatency;
  compile();
  EXPECT_EQ(order().front(), "f");
  all_.keys[0].spec.objective = domain::Objective::kBalanced;
  compile();
  EXPECT_EQ(order().front(), "b");
  EXPECT_EQ(choose().reason, Reason::kCost);
}

TEST_F(ChooseTest, AFullEndpointIsOut) {
  occupy("f", 8);
  EXPECT_EQ(order().front(), "b");
  EXPECT_EQ(exclusion("f"), Exclusion::kFull);
  EXPECT_EQ(choose().reason, Reason::kLoad);
}

TEST_F(ChooseTest, CostTakesTheCheapestAndForeignPricesCountAsTheDearest) {
  all_.keys[0].spec.objective = domain::Objective::kCost;
  all_.models[0].spec.price.output.pico = 1'000'000;
  domain::PriceSpec cheap;
  cheap.output.pico = 900'000;
  all_.endpoints[2].spec.cost = cheap;
  domain::PriceSpec foreign;
  foreign.currency = "EUR";
  all_.endpoints[1].spec.cost = foreign;
  domain::PriceSpec dear;
  dear.output.pico = 1'100'000;
  all_.endpoints[0].spec.cost = dear;
  compile();
  EXPECT_THAT(order(), ElementsAre("o", "p", "f", "b"));
  EXPECT_EQ(choose().reason, Reason::kCost);
}

TEST_F(ChooseTest, TheConversationGoesBackToItsCache) {
  warm();
  bytes_ = 40'000;
  cached_.push_back({Table::tag_of(table_->snapshot()[at("p")].uid), 9'000});
  EXPECT_EQ(order().front(), "p");
  EXPECT_EQ(choose().reason, Reason::kCache);
  for (int i = 0; i < 60; ++i) {
    state("p").learn_cache(9'000, i == 0 ? 1 : 0);  // it says that it finds nothing there
  }
  EXPECT_EQ(order().front(), "f");
}

TEST_F(ChooseTest, ASlowEndpointIsLeftForLongPrompts) {
  warm();
  state("f").learn_prefill(1'000, 1'000'000);
  EXPECT_EQ(order().front(), "b");
  EXPECT_EQ(choose().reason, Reason::kSpeed);
}

TEST_F(ChooseTest, AShortPromptIsNotSentFarForASpeedThatNobodyKnows) {
  warm();
  state("f").learn_prefill(1'000, 1'000'000);
  state("f").learn_prefill(8, 300'000);
  bytes_ = 200;
  EXPECT_EQ(order().front(), "f");
  bytes_ = 40'000;
  EXPECT_EQ(order().front(), "b");
}

TEST_F(ChooseTest, WhatEveryPromptTakesCountsForShortOnes) {
  warm();
  bytes_ = 48;
  state("f").learn_prefill(8, 500'000);
  state("b").learn_prefill(8, 20'000);
  EXPECT_EQ(order().front(), "b");
  EXPECT_EQ(choose().reason, Reason::kSpeed);
}

TEST_F(ChooseTest, OneThatWasSlowIsTriedAgainAfterAWhile) {
  warm();
  bytes_ = 48;
  state("f").learn_prefill(8, 1'800'000);  // its first request met a cold engine
  state("b").learn_prefill(8, 20'000);
  EXPECT_EQ(order().front(), "b");
  now_ += EndpointState::kRatesLast + 1s;
  (void)InFlight::try_begin(state("b"), 8, {.now = now_});  // which all are sent to
  EXPECT_EQ(order().front(), "f");
  {
    const auto trial = InFlight::try_begin(state("f"), 8, {.now = now_});
    EXPECT_EQ(order().front(), "b") << "one at a time";
  }
  state("f").learn_prefill(8, 22'000);
  EXPECT_EQ(order().front(), "f");
}

TEST_F(ChooseTest, AStaleReportIsNeverBetterThanAFreshOne) {
  warm();
  state("f").report({.running = 0}, kMoment - 9s, kMoment - 9s);
  EXPECT_EQ(order().front(), "b");
  EXPECT_EQ(choose().reason, Reason::kLoad);
  state("f").report({.running = 0}, kMoment);
  EXPECT_EQ(order().front(), "f");
}

TEST_F(ChooseTest, APeersEndpointOfWhichNothingIsKnownIsTakenForFull) {
  const auto snapshot = route::compile(all_);
  const auto peers =
      Table::create(snapshot, *snapshot->find_site("frankfurt"), nullptr, Reach::kPeers);
  table_ = peers;
  const auto facts_of = [&](std::string_view name) {
    (void)choose();
    return *std::find_if(scratch_.begin(), scratch_.end(),
                         [&](const Facts& facts) { return facts.endpoint == at(name); });
  };
  EXPECT_EQ(facts_of("b").age_ms, Facts::kNeverReported);
  EXPECT_EQ(crowd(facts_of("b")).requests, 8U * 1024);
  EXPECT_TRUE(facts_of("b").relayed);
  EXPECT_FALSE(facts_of("f").relayed);
  EXPECT_EQ(crowd(facts_of("f")).requests, 0U);
  state("b").report({.running = 1}, kMoment);
  EXPECT_EQ(crowd(facts_of("b")).requests, 1024U);
}

TEST_F(ChooseTest, TheRequestsProviderNarrowsAndOrders) {
  prefer(R"({"order":["oslo","paris/p"]})");
  EXPECT_THAT(order(), ElementsAre("o", "p", "f", "b"));
  EXPECT_EQ(choose().reason, Reason::kPreference);
  prefer(R"({"order":["oslo","paris/p"],"allow_fallbacks":false})");
  EXPECT_THAT(order(), ElementsAre("o", "p"));
  EXPECT_EQ(exclusion("f"), Exclusion::kProvider);
  prefer(R"({"only":["berlin","frankfurt/f"],"ignore":["frankfurt"]})");
  EXPECT_THAT(order(), ElementsAre("b"));
  all_.endpoints[1].spec.data_collection = domain::DataCollection::kAllow;
  compile();
  prefer(R"({"data_collection":"deny"})");
  EXPECT_EQ(exclusion("f"), Exclusion::kDataCollection);
  prefer(R"({"data_collection":"allow"})");
  EXPECT_EQ(exclusion("f"), Exclusion::kNone);
}

TEST_F(ChooseTest, AHighestPriceLeavesOutWhatIsDearerOrCannotBeCompared) {
  all_.models[0].spec.price.output.pico = 500'000;
  domain::PriceSpec dear;
  dear.output.pico = 600'000;
  all_.endpoints[0].spec.cost = dear;
  domain::PriceSpec foreign;
  foreign.currency = "EUR";
  all_.endpoints[3].spec.cost = foreign;
  compile();
  prefer(R"({"max_price":{"completion":"0.5"}})");
  EXPECT_THAT(order(), ElementsAre("f", "o"));
  EXPECT_EQ(exclusion("b"), Exclusion::kPrice);
  EXPECT_EQ(exclusion("p"), Exclusion::kPrice);
  prefer(R"({"max_price":{"completion":0.4}})");
  EXPECT_THAT(order(), ElementsAre()) << "the client pays the model's price, wherever";
  const Error error = refusal(*table_, request(), choose());
  EXPECT_EQ(error.code(), Code::kInvalidRequest);
  EXPECT_THAT(error.detail(), HasSubstr("`provider` leaves none of the 4 endpoints"));
}

TEST_F(ChooseTest, PreferencesNeverReachOverTheFence) {
  require({"north"});
  prefer(R"({"order":["frankfurt"],"only":["frankfurt"]})");
  EXPECT_TRUE(choose().refused());
  EXPECT_EQ(exclusion("f"), Exclusion::kPolicy);
  EXPECT_EQ(exclusion("o"), Exclusion::kProvider);
  EXPECT_EQ(choose().refusal, Code::kInvalidRequest);
}

TEST_F(ChooseTest, AProviderThatDoesNotExistIsNamed) {
  for (const std::string_view member : {"order", "only", "ignore"}) {
    for (const std::string_view name : {"atlantis", "frankfurt/b", "", "frankfurt/"}) {
      const auto wishes = codec::parse_provider(fmt::format(R"({{"{}":["{}"]}})", member, name));
      const auto made = Preferences::create(table_->snapshot(), *wishes);
      ASSERT_FALSE(made.has_value()) << name;
      EXPECT_EQ(made.error().code(), Code::kInvalidRequest);
      EXPECT_THAT(made.error().detail(), HasSubstr(fmt::format("'{}'", name)));
    }
  }
}

TEST_F(ChooseTest, SkipsWhatIsDownPausedFullOrTried) {
  state("f").observe(Observation::kRefused, kMoment);
  EXPECT_THAT(order(), ElementsAre("b", "p", "o"));
  EXPECT_EQ(choose().reason, Reason::kFailover);
  EXPECT_EQ(exclusion("f"), Exclusion::kDown);
  state("b").pause_until(kMoment + 1ns);
  EXPECT_EQ(exclusion("b"), Exclusion::kPaused);
  tried_ = {at("p")};
  EXPECT_EQ(exclusion("p"), Exclusion::kTried);
  EXPECT_THAT(order(), ElementsAre("o"));
  state("b").pause_until(kMoment);
  EXPECT_EQ(choose().reason, Reason::kFailover);
}

TEST_F(ChooseTest, AnEjectedEndpointIsOut) {
  eject(kMoment, state("f"));
  EXPECT_THAT(order(), ElementsAre("b", "p", "o"));
  EXPECT_EQ(choose().reason, Reason::kFailover);
  EXPECT_EQ(exclusion("f"), Exclusion::kEjected);
}

TEST_F(ChooseTest, AtMostAThirdIsKeptEjectedAndTheLeastBadComeBackLast) {
  eject(kMoment, state("f"), 3);
  eject(kMoment, state("b"), 1);
  // Two of four: one may be out, that which fell more often.
  EXPECT_THAT(order(), ElementsAre("p", "o", "b"));
  EXPECT_EQ(exclusion("f"), Exclusion::kEjected);
  occupy("p", 8);
  occupy("o", 8);
  EXPECT_THAT(order(), ElementsAre("b"));
  eject(kMoment, state("p"));
  eject(kMoment, state("o"));
  requests_.clear();
  EXPECT_THAT(order(), ElementsAre("b", "p", "o")) << "panic: by their scores";
}

TEST_F(ChooseTest, TheOnlyOneIsTriedEvenIfItIsEjected) {
  for (const char* const name : {"b", "o", "p"}) {
    state(name).observe(Observation::kRefused, kMoment);
  }
  eject(kMoment, state("f"));
  EXPECT_THAT(order(), ElementsAre("f"));
}

TEST_F(ChooseTest, PanicStaysInsideTheFence) {
  require({"north"});
  eject(kMoment, state("o"));
  EXPECT_THAT(order(), ElementsAre("o"));
  state("o").observe(Observation::kRefused, kMoment);
  EXPECT_TRUE(order().empty()) << "what is down is down";
}

TEST_F(ChooseTest, WhatOneTenantBrokeIsOutForThatTenantAlone) {
  const Requester who = requester_of(table_->snapshot().tenants()[0].uid);
  for (int i = 0; i < kFailures; ++i) {
    state("f").observe(Observation::kServerError, kMoment, who);
  }
  EXPECT_EQ(exclusion("f"), Exclusion::kEjected);
  state("b").observe(Observation::kServerError, kMoment, static_cast<Requester>(who ^ 1U));
  state("b").observe(Observation::kServerError, kMoment, static_cast<Requester>(who ^ 1U));
  state("b").observe(Observation::kServerError, kMoment, static_cast<Requester>(who ^ 1U));
  EXPECT_EQ(exclusion("b"), Exclusion::kNone);
}

TEST_F(ChooseTest, WhatComesBackGetsOneRequestFirst) {
  state("f").observe(Observation::kProbeAnswered, kMoment - 30min);
  state("f").observe(Observation::kRefused, kMoment - 1s);
  state("f").observe(Observation::kProbeAnswered, kMoment);
  warm();
  EXPECT_EQ(order().front(), "f");
  occupy("f", 1);
  EXPECT_NE(order().front(), "f") << "one of its eight slots is trusted";
  now_ = kMoment + kSlowStart;
  EXPECT_EQ(order().front(), "f");
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
  state("o").observe(Observation::kRefused, kMoment);
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
  state("f").observe(Observation::kRefused, kMoment);
  occupy("b", 1);
  EXPECT_EQ(choose().refusal, Code::kOverloaded);
  EXPECT_EQ(choose().retry_after, 1s);
  requests_.clear();
  state("b").pause_until(kMoment + 7s);
  EXPECT_EQ(choose().refusal, Code::kOverloaded);
  EXPECT_EQ(choose().retry_after, 7s);
  state("b").observe(Observation::kRefused, kMoment);
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
  before->state({1}).observe(Observation::kRefused, kMoment);
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
  const Facts* before = scratch_.data();
  for (int i = 0; i < 100; ++i) {
    choose();
  }
  EXPECT_EQ(scratch_.data(), before);
}

}  // namespace
}  // namespace tdn::route
