#include "route/weigh.h"

namespace tdn::route {
namespace {

constexpr unsigned kCrowdBits = 10;
constexpr std::uint64_t kOne = std::uint64_t{1} << kCrowdBits;

// A tenth of a prompt's reading time is lost by each answer that is being generated meanwhile: the
// engine mixes both in its steps (notes on the prototype: a2 = 0.1).
constexpr std::uint64_t kStallShare = 10;
// A full batch makes tokens a quarter slower than a half full one, which costs nothing: below, the
// weights are read once for all (memory bound), above, arithmetic begins to count.
constexpr std::uint64_t kBatchShare = 4;
constexpr std::uint64_t kSpreadMask = 63;

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  // The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
  std::uint64_t x = a + b * 0x9e3779b97f4a7c15U;
  x = (x ^ x >> 30U) * 0xbf58476d1ce4e5b9U;
  x = (x ^ x >> 27U) * 0x94d049bb133111ebU;
  return x ^ x >> 31U;
}

std::uint64_t reading_us(std::uint64_t tokens, std::uint64_t ns_per_token) {
  return tokens * ns_per_token / 1000;
}

// Bounds within the sums: what is larger is as good as infinite.
constexpr std::uint64_t kLongest = std::uint64_t{1} << 56U;   // of a term, 2,284 years
constexpr std::uint64_t kMostWork = std::uint64_t{1} << 30U;  // tokens ahead
constexpr std::uint64_t kLongestAnswer = std::uint64_t{1} << 32U;
constexpr std::uint64_t kLongestStall = std::uint64_t{1} << 36U;

std::int64_t as_us(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min(value, kLongest));
}

std::uint64_t tokens(std::uint32_t count) { return std::min(count, kMostTokens); }

// How long one answer keeps a slot once its prompt is read.
std::uint64_t answer_us(std::uint32_t output, const Facts& facts) {
  return std::min(tokens(output) * facts.decode_us, kLongestAnswer);
}

// Until the prompts ahead have been read, and until as many answers have ended as are too many.
std::uint64_t queue_us(const Work& work, const Facts& facts, const Crowd& there) {
  const std::uint64_t reported = std::uint64_t{facts.running} + facts.waiting;
  const std::uint64_t others = reported - std::min<std::uint64_t>(reported, facts.ours);
  const std::uint64_t ahead = std::min<std::uint64_t>(
      facts.pending_tokens +
          std::min<std::uint64_t>(facts.waiting, others) * tokens(work.usual_input_tokens),
      kMostWork);
  std::uint64_t waited = reading_us(ahead, facts.prefill_ns);
  // Some wait: so it works on no more than it says it does, whatever was configured.
  const std::uint64_t slots =
      facts.waiting > 0 ? std::clamp(facts.running, 1U, there.slots) : there.slots;
  const std::uint64_t with_this = there.requests + kOne;
  const std::uint64_t room = slots << kCrowdBits;
  if (with_this > room) {
    waited +=
        ((with_this - room) * answer_us(work.usual_output_tokens, facts) / slots) >> kCrowdBits;
  }
  return waited;
}

// By how much the queue would be longer if it had only the slots it is trusted with.
std::int64_t recovery_us(const Work& work, const Facts& facts, Crowd there, std::uint64_t queue) {
  if (facts.trust == 0) {
    return kNeededUs;
  }
  there.slots =
      std::max(1U, static_cast<std::uint32_t>(std::uint64_t{there.slots} * facts.trust / 100));
  const std::uint64_t longer = queue_us(work, facts, there);
  return as_us(longer) - as_us(std::min(queue, longer));
}

}  // namespace

std::string_view to_string(Exclusion exclusion) {
  static constexpr std::array<std::string_view, kExclusions> kNames{
      "none",      "policy", "elsewhere", "cordoned", "draining", "provider",   "data_collection",
      "max_price", "tried",  "down",      "paused",   "full",     "credential", "certificate",
      "ejected"};
  return kNames[static_cast<std::size_t>(exclusion)];
}

std::string_view to_string(Objective objective) {
  static constexpr std::array<std::string_view, 4> kNames{"balanced", "latency", "cost",
                                                          "throughput"};
  return kNames[static_cast<std::size_t>(objective)];
}

std::string_view to_string(Term term) {
  static constexpr std::array<std::string_view, kTerms> kNames{
      "client", "network", "setup",  "queue", "prefill", "cache",
      "batch",  "stall",   "decode", "price", "spread",  "recovery"};
  return kNames[static_cast<std::size_t>(term)];
}

std::uint64_t pico_per_us(Objective objective) {
  switch (objective) {
    case Objective::kBalanced:
      return 10'000;
    case Objective::kCost:
      return 1;
    case Objective::kLatency:
    case Objective::kThroughput:
      break;
  }
  return 0;
}

Crowd crowd(const Facts& facts) {
  Crowd there;
  there.slots = std::clamp(facts.slots, 1U, kMostSlots);
  const std::uint64_t full = std::uint64_t{there.slots} << kCrowdBits;
  const std::uint64_t reported = std::uint64_t{facts.running} + facts.waiting;
  std::uint64_t others = (reported - std::min<std::uint64_t>(reported, facts.ours)) << kCrowdBits;
  // What came in since is not known: the older, the nearer to full it is taken for.
  if (others < full && facts.age_ms > 0) {
    const std::uint64_t age = std::min(facts.age_ms, kUnknownAfterMs);
    others += (full - others) * age / kUnknownAfterMs;
  }
  there.requests = others + (std::uint64_t{facts.own} << kCrowdBits);
  return there;
}

std::uint64_t money_pico(const Work& work, const Facts& facts) {
  const std::uint64_t input = tokens(work.input_tokens);
  const std::uint64_t cached = std::min<std::uint64_t>(facts.cached_tokens, input);
  return (input - cached) * std::min(facts.input_pico, kDearest) +
         cached * std::min(facts.cached_pico, kDearest) +
         tokens(work.output_tokens) * std::min(facts.output_pico, kDearest);
}

Terms weigh(const Work& work, const Facts& facts) {
  const Crowd there = crowd(facts);
  const std::uint64_t input = tokens(work.input_tokens);
  const std::uint64_t cached = std::min<std::uint64_t>(facts.cached_tokens, input);
  const std::uint64_t answer = answer_us(work.output_tokens, facts);
  const std::uint64_t full = std::uint64_t{there.slots} << kCrowdBits;
  const std::uint64_t running = std::min(there.requests, full);

  Terms terms;
  terms[Term::kClient] = facts.client_us;
  if (facts.client_us == 0) {
    terms[Term::kNetwork] = facts.site_us;
    terms[Term::kSetup] = facts.setup_us;
  }
  const std::uint64_t queue = queue_us(work, facts, there);
  terms[Term::kQueue] = as_us(queue);
  if (facts.trust < 100) {
    terms[Term::kRecovery] = recovery_us(work, facts, there, queue);
  }
  const std::uint64_t whole = reading_us(input, facts.prefill_ns);
  const std::uint64_t own = reading_us(input - cached, facts.prefill_ns);
  terms[Term::kPrefill] = as_us(facts.prompt_us + whole);
  terms[Term::kCache] = as_us(own) - as_us(whole);
  if (2 * running > full) {
    terms[Term::kBatch] = as_us((answer / kBatchShare) * ((2 * running - full) >> 4U) /
                                std::max<std::uint64_t>(full >> 4U, 1));
  }
  terms[Term::kStall] = as_us(std::min(own / kStallShare, kLongestStall) * running >> kCrowdBits);
  if (work.objective == Objective::kThroughput) {
    terms[Term::kDecode] = as_us(answer);
  }
  if (const std::uint64_t rate = pico_per_us(work.objective); rate != 0) {
    terms[Term::kPrice] = as_us(money_pico(work, facts) / rate);
  }
  if (work.spread != 0) {
    terms[Term::kSpread] = as_us(mixed(work.spread, facts.tag) & kSpreadMask);
  }
  return terms;
}

}  // namespace tdn::route
