#include "route/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace tdn::route {
namespace {

using testing::HasSubstr;

struct World {
  Work work;
  std::vector<Facts> facts;
  std::vector<Place> places;

  [[nodiscard]] Explanation told() const {
    Explanation explanation;
    explanation.request = "0192f0c0-a000-7000-8000-000000000001";
    explanation.at = WallTime{1'767'225'600'000'000};
    explanation.here = "frankfurt";
    explanation.model = "m";
    explanation.body_bytes = 4'000;
    explanation.work = &work;
    explanation.facts = facts;
    explanation.places = places;
    explanation.decision = decide(work, facts);
    return explanation;
  }
};

// Frankfurt decides between its own, Paris 6.9 ms away and a fenced one in Ashburn.
World three_sites() {
  World world;
  world.work.input_tokens = 1'000;
  world.work.output_tokens = 100;
  world.work.usual_input_tokens = 500;
  world.work.usual_output_tokens = 200;
  for (std::uint32_t i = 0; i < 3; ++i) {
    Facts facts;
    facts.endpoint = {i};
    facts.site = {i};
    facts.slots = 4;
    facts.prefill_ns = 50'000;
    facts.decode_us = 10'000;
    facts.input_pico = 1'000'000;
    facts.cached_pico = 1'000'000;
    facts.output_pico = 2'000'000;
    world.facts.push_back(facts);
  }
  world.facts[0].own = 1;
  world.facts[1].site_us = 6'900;
  world.facts[1].relayed = true;
  world.facts[1].setup_us = 300;
  world.facts[1].running = 0;
  world.facts[1].age_ms = 500;
  world.facts[2].site_us = 98'000;
  world.facts[2].exclusion = Exclusion::kPolicy;
  world.places = {{"frankfurt", "f1"}, {"paris", "p1"}, {"ashburn", "a1"}};
  return world;
}

TEST(Explain, AsTextForPeople) {
  EXPECT_EQ(to_text(three_sites().told()),
            R"(request 0192f0c0-a000-7000-8000-000000000001
model m, asked at frankfurt, objective balanced
a prompt of about 1000 tokens (4000 bytes), an answer of about 100

chosen   frankfurt/f1: none that is permitted is nearer, 175.0 ms
next     paris/p1: 178.2 ms, 3.2 ms behind

Milliseconds  score  network  setup  prefill  stall  price
frankfurt/f1  175.0        -      -     50.0    5.0  120.0
paris/p1      178.2      6.9    0.3     50.0    1.0  120.0

Known of them  ours  running  waiting  reported  taken for  of  ms/prompt  prompt tok/s  ms/token  cached
frankfurt/f1      1        0        0         -        1.0   4        0.0         20000      10.0       0
paris/p1          0        0        0     0.5 s        0.2   4        0.0         20000      10.0       0

Left out
  ashburn/a1: its site is outside what policy allows

What would change it
  paris/p1 wins once any term of frankfurt/f1 is 3.2 ms more, or of its own as much less
  with 1 more request at frankfurt/f1: paris/p1
  with a prompt of 1798 tokens or more: paris/p1
  with paris/p1 3 % cheaper: paris/p1
  with frankfurt/f1 down: paris/p1
)");
}

TEST(Explain, AsJsonForPrograms) {
  World world = three_sites();
  world.facts.erase(world.facts.begin() + 1);
  world.places.erase(world.places.begin() + 1);
  EXPECT_EQ(
      to_json(world.told()),
      R"({"request":"0192f0c0-a000-7000-8000-000000000001","atUs":"1767225600000000","site":"frankfurt","model":"m","objective":"balanced",)"
      R"("work":{"bodyBytes":4000,"inputTokens":1000,"outputTokens":100,"usualInputTokens":500,"usualOutputTokens":200},)"
      R"("chosen":{"site":"frankfurt","endpoint":"f1","reason":"only","scoreUs":175000},"refusal":null,"runnerUp":null,"candidates":[)"
      R"({"site":"frankfurt","endpoint":"f1","excluded":null,"rank":0,"scoreUs":175000,"termsUs":{"client":0,"network":0,"setup":0,"queue":0,)"
      R"("prefill":50000,"cache":0,"batch":0,"stall":5000,"decode":0,"price":120000,"spread":0,"recovery":0},)"
      R"("known":{"roundTripUs":0,"slots":4,"inFlight":1,"pendingTokens":0,"running":0,"waiting":0,"reportAgeMs":0,"requestsAssumed":1,)"
      R"("promptUs":0,"prefillNsPerToken":50000,"decodeUsPerToken":10000,"cachedTokens":0,"costPico":"1200000000","trustPercent":100,"keepsData":false,"relayed":false}},)"
      R"({"site":"ashburn","endpoint":"a1","excluded":"policy","why":"its site is outside what policy allows",)"
      R"("known":{"roundTripUs":98000,"slots":4,"inFlight":0,"pendingTokens":0,"running":0,"waiting":0,"reportAgeMs":0,"requestsAssumed":0,)"
      R"("promptUs":0,"prefillNsPerToken":50000,"decodeUsPerToken":10000,"cachedTokens":0,"costPico":"1200000000","trustPercent":100,"keepsData":false,"relayed":false}}],)"
      R"("flips":[]})");
}

TEST(Explain, ARefusalTellsWhyOfEach) {
  World world = three_sites();
  world.facts[0].exclusion = Exclusion::kDown;
  world.facts[1].exclusion = Exclusion::kFull;
  Explanation told = world.told();
  told.refusal = "All endpoints for m are busy; try again shortly.";
  const std::string text = to_text(told);
  EXPECT_THAT(text, HasSubstr("refused  overloaded: All endpoints for m are busy"));
  EXPECT_THAT(text, HasSubstr("frankfurt/f1: it is down"));
  EXPECT_THAT(text, HasSubstr("paris/p1: as many requests are under way there as it takes"));
  EXPECT_THAT(to_json(told), HasSubstr(R"("chosen":null,"refusal":{"code":"overloaded")"));
}

TEST(Explain, ADecisionThatComesOutOtherwiseSaysSo) {
  const World world = three_sites();
  Explanation told = world.told();
  told.recorded = "paris/p1 (load)";
  EXPECT_THAT(to_text(told), HasSubstr("Not as recorded: then it was paris/p1 (load)."));
  EXPECT_THAT(to_json(told), HasSubstr(R"x("recorded":"paris/p1 (load)")x"));
}

TEST(Explain, ForgottenCachesAndOtherObjectivesFlip) {
  World world = three_sites();
  world.facts[1].cached_tokens = 900;
  world.facts[1].cached_pico = 0;
  world.facts[1].output_pico = 10'000'000;
  world.facts[0].input_pico = world.facts[0].output_pico = 0;
  const std::string text = to_text(world.told());
  EXPECT_THAT(text, HasSubstr("with the objective latency: paris/p1"));
  EXPECT_THAT(text, HasSubstr("chosen   frankfurt/f1"));
  world.work.objective = Objective::kLatency;
  EXPECT_THAT(to_text(world.told()),
              HasSubstr("without the 900 tokens that paris/p1 should have cached: frankfurt/f1"));
}

// Every flip that is told really flips, and the amount below it does not.
TEST(ExplainProperty, FlipsAreTrueAndSmallest) {
  EXPECT_TRUE(rc::check("flips", [] {
    World world = three_sites();
    for (Facts& facts : world.facts) {
      facts.exclusion = Exclusion::kNone;
      facts.site_us = *rc::gen::inRange(0U, 100'000U);
      facts.own = *rc::gen::inRange(0U, 10U);
      facts.prefill_ns = *rc::gen::inRange(1U, 100'000U);
      facts.cached_tokens = *rc::gen::inRange(0U, 1'000U);
    }
    const std::uint32_t chosen = decide(world.work, world.facts).candidates.front().at;
    for (const Flip& flip : find_flips(world.work, world.facts)) {
      const auto choice_with = [&](std::int64_t amount) {
        Work work = world.work;
        std::vector<Facts> facts = world.facts;
        switch (flip.what) {
          case Flip::What::kRequests:
            facts[flip.at].own += static_cast<std::uint32_t>(amount);
            break;
          case Flip::What::kMargin:
            facts[flip.at].setup_us += static_cast<std::uint32_t>(amount);
            break;
          case Flip::What::kTokens:
            work.input_tokens = static_cast<std::uint32_t>(amount);
            break;
          case Flip::What::kCache:
            facts[flip.at].cached_tokens = 0;
            break;
          case Flip::What::kOutage:
            facts[flip.at].exclusion = Exclusion::kDown;
            break;
          case Flip::What::kObjective:
            work.objective = static_cast<Objective>(amount);
            break;
          case Flip::What::kPrice:
            return flip.to;
        }
        return std::size_t{decide(work, facts).candidates.front().at};
      };
      RC_ASSERT(choice_with(flip.amount) == flip.to);
      if (flip.what == Flip::What::kRequests) {
        RC_ASSERT(choice_with(flip.amount - 1) == chosen);
      }
    }
  }));
}

}  // namespace
}  // namespace tdn::route
