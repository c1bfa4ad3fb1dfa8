#include "route/weigh.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "route/decide.h"

namespace tdn::route {
namespace {

Work any_work() {
  Work work;
  work.objective = static_cast<Objective>(*rc::gen::inRange(0, 4));
  work.input_tokens = *rc::gen::inRange(0U, 200'000U);
  work.output_tokens = *rc::gen::inRange(0U, 4'000U);
  work.usual_input_tokens = *rc::gen::inRange(0U, 20'000U);
  work.usual_output_tokens = *rc::gen::inRange(0U, 4'000U);
  work.spread = *rc::gen::arbitrary<std::uint64_t>();
  return work;
}

Facts any_facts(std::uint32_t index = 0) {
  Facts facts;
  facts.endpoint = {index};
  facts.tag = *rc::gen::arbitrary<std::uint32_t>();
  facts.client_us = *rc::gen::element(0U, 1U) * *rc::gen::inRange(1U, 300'000U);
  facts.site_us = *rc::gen::inRange(0U, 300'000U);
  facts.setup_us = *rc::gen::inRange(0U, 300'000U);
  facts.slots = *rc::gen::inRange(1U, 300U);
  facts.own = *rc::gen::inRange(0U, 300U);
  facts.pending_tokens = *rc::gen::inRange(0U, 100'000U);
  facts.running = *rc::gen::inRange(0U, 300U);
  facts.waiting = *rc::gen::inRange(0U, 20U);
  facts.ours = *rc::gen::inRange(0U, 300U);
  facts.age_ms = *rc::gen::inRange(0U, 12'000U);
  facts.prefill_ns = *rc::gen::inRange(1U, 1'000'000U);
  facts.decode_us = *rc::gen::inRange(1U, 500'000U);
  facts.cached_tokens = *rc::gen::inRange(0U, 300'000U);
  facts.input_pico = *rc::gen::inRange<std::uint64_t>(0, 100'000'000);
  facts.cached_pico = *rc::gen::inRange<std::uint64_t>(0, facts.input_pico + 1);
  facts.output_pico = *rc::gen::inRange<std::uint64_t>(0, 100'000'000);
  return facts;
}

TEST(Weigh, EachTermIsWhatItsFormulaSays) {
  Work work;
  work.input_tokens = 1'000;
  work.output_tokens = 100;
  work.usual_input_tokens = 400;
  work.usual_output_tokens = 200;
  Facts facts;
  facts.client_us = 4'000;
  facts.site_us = 7'000;
  facts.setup_us = 300;
  facts.slots = 4;
  facts.own = 2;
  facts.pending_tokens = 500;
  facts.running = 4;
  facts.waiting = 1;
  facts.ours = 1;  // so four are others', and six are there
  facts.prefill_ns = 100'000;
  facts.decode_us = 10'000;
  facts.cached_tokens = 600;
  facts.input_pico = 50'000'000;
  facts.cached_pico = 10'000'000;
  facts.output_pico = 200'000'000;
  const Terms terms = weigh(work, facts);
  EXPECT_EQ(terms[Term::kClient], 4'000);
  EXPECT_EQ(terms[Term::kNetwork], 0) << "DNS would not have sent it through here";
  EXPECT_EQ(terms[Term::kSetup], 0);
  // 500 + 1 · 400 tokens to be read first; with this one three are too many, each keeps one of four
  // slots for 200 tokens of 10 ms.
  EXPECT_EQ(terms[Term::kQueue], 90'000 + 3 * 2'000'000 / 4);
  EXPECT_EQ(terms[Term::kPrefill], 100'000);
  EXPECT_EQ(terms[Term::kCache], -60'000);
  EXPECT_EQ(terms[Term::kBatch], 1'000'000 / 4);    // a full batch
  EXPECT_EQ(terms[Term::kStall], 40'000 / 10 * 4);  // four answers are held up
  EXPECT_EQ(terms[Term::kDecode], 0);
  EXPECT_EQ(money_pico(work, facts),
            400 * 50'000'000ULL + 600 * 10'000'000ULL + 100 * 200'000'000ULL);
  EXPECT_EQ(terms[Term::kPrice], 4'600'000);
  EXPECT_EQ(terms[Term::kSpread], 0);
  work.objective = Objective::kThroughput;
  EXPECT_EQ(weigh(work, facts)[Term::kDecode], 1'000'000);
  EXPECT_EQ(weigh(work, facts)[Term::kPrice], 0);
  facts.client_us = 0;  // not known
  EXPECT_EQ(weigh(work, facts)[Term::kClient], 0);
  EXPECT_EQ(weigh(work, facts)[Term::kNetwork], 7'000);
  EXPECT_EQ(weigh(work, facts)[Term::kSetup], 300);
}

TEST(Weigh, AHalfFullBatchCostsNothing) {
  Work work;
  work.output_tokens = 100;
  Facts facts;
  facts.slots = 8;
  facts.decode_us = 10'000;
  facts.own = 4;
  EXPECT_EQ(weigh(work, facts)[Term::kBatch], 0);
  facts.own = 6;
  EXPECT_EQ(weigh(work, facts)[Term::kBatch], 125'000);
  facts.own = 100;
  EXPECT_EQ(weigh(work, facts)[Term::kBatch], 250'000);
}

TEST(Weigh, ExtremesDoNotOverflow) {
  Work work;
  work.input_tokens = work.output_tokens = UINT32_MAX;
  work.usual_input_tokens = work.usual_output_tokens = UINT32_MAX;
  Facts facts;
  facts.client_us = facts.site_us = facts.setup_us = UINT32_MAX;
  facts.slots = 1;
  facts.own = facts.pending_tokens = UINT32_MAX;
  facts.running = facts.waiting = 8'191;
  facts.age_ms = Facts::kNeverReported;
  facts.prefill_ns = 1'000'000'000;
  facts.decode_us = 60'000'000;
  facts.input_pico = facts.output_pico = UINT64_MAX;
  for (const Objective objective :
       {Objective::kCost, Objective::kBalanced, Objective::kThroughput}) {
    work.objective = objective;
    const Terms terms = weigh(work, facts);
    for (std::size_t i = 0; i < kTerms; ++i) {
      EXPECT_GE(terms.us[i], 0) << to_string(static_cast<Term>(i));
    }
    EXPECT_GT(terms.total(), std::int64_t{UINT32_MAX});
  }
}

// Whatever grows, the score does not fall.
TEST(WeighProperty, NothingGetsBetterByWhatIsWorse) {
  using Member = std::uint32_t Facts::*;
  static constexpr Member kWorse[] = {
      &Facts::client_us, &Facts::site_us,    &Facts::setup_us,       &Facts::own,
      &Facts::age_ms,    &Facts::prefill_ns, &Facts::pending_tokens, &Facts::decode_us};
  EXPECT_TRUE(rc::check("monotone in each fact", [] {
    const Work work = any_work();
    const Facts facts = any_facts();
    Facts worse = facts;
    const Member member =
        *rc::gen::elementOf(std::vector<Member>(std::begin(kWorse), std::end(kWorse)));
    worse.*member += *rc::gen::inRange(0U, 100'000U);
    RC_PRE(member != &Facts::client_us || facts.client_us != 0);  // 0 is not near but not known
    RC_ASSERT(weigh(work, worse).total() >= weigh(work, facts).total());
    Facts dearer = facts;
    dearer.input_pico += 1'000;
    dearer.output_pico += *rc::gen::inRange(0U, 1'000U);
    RC_ASSERT(weigh(work, dearer).total() >= weigh(work, facts).total());
    Facts cached = facts;
    cached.cached_tokens += *rc::gen::inRange(0U, 10'000U);
    RC_ASSERT(weigh(work, cached).total() <= weigh(work, facts).total() + 1);
    Facts queued = facts;
    queued.waiting += 1;
    queued.ours = std::min(facts.ours, facts.running);
    Facts before = queued;
    before.waiting -= 1;
    RC_ASSERT(weigh(work, queued).total() >= weigh(work, before).total());
  }));
}

TEST(WeighProperty, AStaleReportIsNeverBetterThanAFreshEqual) {
  EXPECT_TRUE(rc::check("age only adds", [] {
    const Work work = any_work();
    Facts fresh = any_facts();
    fresh.age_ms = 0;
    Facts stale = fresh;
    stale.age_ms = *rc::gen::inRange(1U, 100'000U);
    RC_ASSERT(crowd(stale).requests >= crowd(fresh).requests);
    RC_ASSERT(weigh(work, stale).total() >= weigh(work, fresh).total());
    if (stale.age_ms >= kUnknownAfterMs) {
      Facts full = fresh;
      full.running = std::max(fresh.running, crowd(fresh).slots);
      full.waiting = fresh.waiting;
      full.ours = 0;
      RC_ASSERT(crowd(stale).requests >= std::uint64_t{crowd(stale).slots} << 10U);
    }
  }));
}

TEST(DecideProperty, TheBestIsChosenOfThoseThatMayAndNoOther) {
  EXPECT_TRUE(rc::check("arg min over the eligible", [] {
    const Work work = any_work();
    std::vector<Facts> all;
    const std::uint32_t count = *rc::gen::inRange(0U, 30U);
    for (std::uint32_t i = 0; i < count; ++i) {
      all.push_back(any_facts(i));
      all.back().exclusion = *rc::gen::inRange(0, 3) == 0
                                 ? static_cast<Exclusion>(*rc::gen::inRange(0, 12))
                                 : Exclusion::kNone;
      all.back().rank = static_cast<std::uint8_t>(*rc::gen::inRange(0, 3));
    }
    const Decision decision = decide(work, all);
    const Decision again = decide(work, all);
    RC_ASSERT(decision.candidates.size() == again.candidates.size());
    std::size_t eligible = 0;
    for (const Facts& facts : all) {
      if (facts.exclusion == Exclusion::kNone) {
        ++eligible;
        const Candidate& best = decision.candidates[0];
        RC_ASSERT(best.rank < facts.rank ||
                  (best.rank == facts.rank && best.score_us <= weigh(work, facts).total()));
      }
    }
    RC_ASSERT(decision.candidates.size() == std::min(eligible, Decision::kOrdered));
    RC_ASSERT(decision.refused() == (decision.reason == Reason::kNone));
    for (std::size_t i = 0; i < decision.candidates.size(); ++i) {
      RC_ASSERT(all[decision.candidates[i].at].exclusion == Exclusion::kNone);
      RC_ASSERT(decision.candidates[i].endpoint == again.candidates[i].endpoint);
    }
  }));
}

}  // namespace
}  // namespace tdn::route
