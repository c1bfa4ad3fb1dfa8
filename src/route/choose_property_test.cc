// The choice under random catalogues, policies, outages and load.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <list>
#include <map>
#include <set>

#include "route/choose.h"
#include "route/world_test.h"

namespace tdn::route {
namespace {

using namespace std::chrono_literals;

constexpr Instant kNow = 1h;

struct RandomWorld {
  std::shared_ptr<const Table> table;
  std::list<InFlight> requests;
  std::vector<domain::EndpointIndex> tried;
  std::optional<Preferences> preferences;

  [[nodiscard]] Request request() const {
    const domain::Key& key = table->snapshot().keys()[0];
    return {.key = &key,
            .model = {0},
            .client = {},
            .tried = tried,
            .now = kNow,
            .work = usual_work(*table, {0}, objective_of(key), 4'000, 0),
            .preferences = preferences ? &*preferences : nullptr,
            .client_at = {},
            .cached = {}};
  }
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
    if (*rc::gen::inRange(0, 3) == 0) {
      eject(kNow, state, *rc::gen::inRange(1, 5));
    }
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
    if (*rc::gen::inRange(0, 2) == 0) {
      state.report({.running = *rc::gen::inRange(0U, 9U), .waiting = *rc::gen::inRange(0U, 3U)},
                   kNow - std::chrono::milliseconds(*rc::gen::inRange(0, 20'000)), kNow);
    }
  }
  if (*rc::gen::inRange(0, 2) == 0) {
    const std::string site = *rc::gen::elementOf(sites);
    const auto wishes = codec::parse_provider(*rc::gen::elementOf(std::vector<std::string>{
        R"({"order":[")" + site + R"("]})", R"({"ignore":[")" + site + R"("]})",
        R"({"only":[")" + site + R"("]})"}));
    world.preferences = *Preferences::create(world.table->snapshot(), *wishes);
  }
  return world;
}

TEST(ChooseProperty, OnlyPermittedHealthyEndpointsWithRoomAreEverCandidates) {
  EXPECT_TRUE(rc::check("candidates are exactly the eligible endpoints", [] {
    const RandomWorld world = any_world();
    const Table& table = *world.table;
    const domain::Snapshot& snapshot = table.snapshot();
    const Request request = world.request();
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
      Facts wish;
      wish.endpoint = {i};
      wish.site = e.site;
      if (request.preferences != nullptr) {
        request.preferences->apply(snapshot.models()[0], wish);
      }
      const bool kept_ejected = decision.all[i].exclusion == Exclusion::kEjected;
      const bool good =
          !kept_ejected && inside && wish.exclusion == Exclusion::kNone &&
          snapshot[e.site].state == domain::SiteState::kActive && state.health() != Health::kDown &&
          state.paused_until() <= kNow && state.in_flight() < e.concurrency &&
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

TEST(ChooseProperty, AtMostAThirdOfWhatCouldServeIsKeptEjected) {
  EXPECT_TRUE(rc::check("the least bad come back, and none from outside the fence", [] {
    const RandomWorld world = any_world();
    const Request request = world.request();
    Scratch scratch;
    const Decision decision = choose(*world.table, request, scratch);
    const auto falls = [&](const Facts& facts) {
      return world.table->state(facts.endpoint).health_state().falls;
    };
    std::size_t serving = 0;
    std::size_t kept = 0;
    int least_kept = 1'000;
    int most_back = 0;
    for (const Facts& facts : decision.all) {
      const bool could = facts.exclusion == Exclusion::kNone ||
                         facts.exclusion == Exclusion::kPaused ||
                         facts.exclusion == Exclusion::kFull;
      serving += could || facts.exclusion == Exclusion::kEjected ? 1U : 0U;
      if (facts.exclusion == Exclusion::kEjected) {
        ++kept;
        least_kept = std::min<int>(least_kept, falls(facts));
      } else if (facts.trust == 0) {
        RC_ASSERT(could);
        RC_ASSERT(decision.policy->sites.contains(facts.site));
        most_back = std::max<int>(most_back, falls(facts));
      }
    }
    RC_ASSERT(kept <= serving / 3);
    RC_ASSERT(most_back == 0 || most_back <= least_kept);
  }));
}

TEST(ChooseProperty, TheOrderIsTotalAndTheSameEveryTime) {
  EXPECT_TRUE(rc::check("equal input, equal decision", [] {
    const RandomWorld world = any_world();
    const Request request = world.request();
    Scratch one;
    Scratch two;
    const Decision a = choose(*world.table, request, one);
    const Decision b = choose(*world.table, request, two);
    RC_ASSERT(a.reason == b.reason);
    RC_ASSERT(a.candidates.size() == b.candidates.size());
    for (std::size_t i = 0; i < a.candidates.size(); ++i) {
      RC_ASSERT(a.candidates[i].endpoint == b.candidates[i].endpoint);
      if (i > 0 && a.candidates[i - 1].rank == a.candidates[i].rank) {
        RC_ASSERT(a.candidates[i - 1].score_us <= a.candidates[i].score_us);
      }
    }
  }));
}

}  // namespace
}  // namespace tdn::route
