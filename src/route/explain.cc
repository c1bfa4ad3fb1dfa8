#include "route/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace tdn::route {
namespace {

constexpr std::int64_t kMostRequests = 4096;

// Decides about a copy of the facts that is changed each time anew.
class WhatIf {
 public:
  WhatIf(const Work& work, std::span<const Facts> facts)
      : work_(work), facts_(facts), chosen_(decide(work, facts).candidates.front().at) {}

  [[nodiscard]] std::size_t chosen() const { return chosen_; }

  // Who is chosen once `change` was applied; the one that was if nobody may.
  template <class Change>
  [[nodiscard]] std::size_t after(Change change) const {
    Work work = work_;
    std::vector<Facts> facts(facts_.begin(), facts_.end());
    change(work, facts);
    const Decision decision = decide(work, facts);
    return decision.refused() ? chosen_ : decision.candidates.front().at;
  }

  // The smallest amount in [1, most] with which another is chosen; 0 if there is none. What grows
  // with the amount must not turn back.
  template <class Change>
  [[nodiscard]] std::int64_t least(std::int64_t most, Change change) const {
    const auto flips = [&](std::int64_t amount) {
      return after([&](Work& work, std::vector<Facts>& facts) { change(work, facts, amount); }) !=
             chosen_;
    };
    if (!flips(most)) {
      return 0;
    }
    std::int64_t low = 0;
    std::int64_t high = most;
    while (high - low > 1) {
      const std::int64_t middle = low + (high - low) / 2;
      (flips(middle) ? high : low) = middle;
    }
    return high;
  }

 private:
  const Work& work_;
  std::span<const Facts> facts_;
  std::size_t chosen_;
};

using Flips = std::vector<Flip>;

void try_requests(const WhatIf& what_if, Flips& flips) {
  const std::size_t chosen = what_if.chosen();
  const auto change = [chosen](Work&, std::vector<Facts>& facts, std::int64_t more) {
    facts[chosen].own += static_cast<std::uint32_t>(more);
  };
  if (const std::int64_t more = what_if.least(kMostRequests, change); more > 0) {
    const std::size_t to =
        what_if.after([&](Work& work, std::vector<Facts>& facts) { change(work, facts, more); });
    flips.push_back({Flip::What::kRequests, chosen, to, more});
  }
}

void try_tokens(const WhatIf& what_if, const Work& work, Flips& flips) {
  const auto change = [](Work& changed, std::vector<Facts>&, std::int64_t more) {
    changed.input_tokens = static_cast<std::uint32_t>(
        std::min<std::int64_t>(std::int64_t{changed.input_tokens} + more, kMostTokens));
  };
  const auto most = static_cast<std::int64_t>(kMostTokens) - work.input_tokens;
  // A long prompt may turn the choice and a longer one turn it back: the first doubling that does.
  for (std::int64_t more = std::max<std::int64_t>(work.input_tokens, 64); more < most; more *= 2) {
    if (const std::int64_t least = what_if.least(more, change); least > 0) {
      const std::size_t to = what_if.after(
          [&](Work& changed, std::vector<Facts>& facts) { change(changed, facts, least); });
      flips.push_back({Flip::What::kTokens, what_if.chosen(), to, work.input_tokens + least});
      return;
    }
  }
}

void try_cache(const WhatIf& what_if, std::span<const Facts> facts, Flips& flips) {
  const std::size_t chosen = what_if.chosen();
  const std::size_t to = what_if.after(
      [chosen](Work&, std::vector<Facts>& changed) { changed[chosen].cached_tokens = 0; });
  if (to != chosen) {
    flips.push_back({Flip::What::kCache, chosen, to, facts[chosen].cached_tokens});
  }
}

void try_price(const WhatIf& what_if, std::size_t second, Flips& flips) {
  const auto change = [second](Work&, std::vector<Facts>& facts, std::int64_t percent) {
    Facts& other = facts[second];
    for (std::uint64_t* const price : {&other.input_pico, &other.cached_pico, &other.output_pico}) {
      *price = *price / 100 * static_cast<std::uint64_t>(100 - percent);
    }
  };
  if (const std::int64_t percent = what_if.least(100, change); percent > 0) {
    flips.push_back({Flip::What::kPrice, second, second, percent});
  }
}

void try_objectives(const WhatIf& what_if, const Work& work, Flips& flips) {
  for (const Objective objective :
       {Objective::kLatency, Objective::kCost, Objective::kThroughput, Objective::kBalanced}) {
    if (objective == work.objective) {
      continue;
    }
    const std::size_t to = what_if.after(
        [objective](Work& changed, std::vector<Facts>&) { changed.objective = objective; });
    if (to != what_if.chosen()) {
      flips.push_back(
          {Flip::What::kObjective, what_if.chosen(), to, static_cast<std::int64_t>(objective)});
    }
  }
}

}  // namespace

std::vector<Flip> find_flips(const Work& work, std::span<const Facts> facts) {
  Flips flips;
  const Decision decision = decide(work, facts);
  if (decision.candidates.size() < 2) {
    return flips;
  }
  const Candidate& best = decision.candidates[0];
  const Candidate& second = decision.candidates[1];
  const WhatIf what_if(work, facts);
  if (best.rank == second.rank) {
    flips.push_back({Flip::What::kMargin, best.at, second.at, second.score_us - best.score_us + 1});
    try_requests(what_if, flips);
    try_tokens(what_if, work, flips);
    try_cache(what_if, facts, flips);
    try_price(what_if, second.at, flips);
    try_objectives(what_if, work, flips);
  }
  flips.push_back({Flip::What::kOutage, best.at, second.at, 0});
  return flips;
}

std::string_view to_string(Flip::What what) {
  static constexpr std::array<std::string_view, 7> kNames{"margin", "requests",  "tokens", "cache",
                                                          "price",  "objective", "outage"};
  return kNames[static_cast<std::size_t>(what)];
}

std::string_view meaning(Exclusion exclusion) {
  static constexpr std::array<std::string_view, kExclusions> kSentences{
      "may serve it",
      "its site is outside what policy allows",
      "the request came from a peer, and this is not our own",
      "its site is cordoned",
      "its site is draining",
      "the request's `provider` leaves it out",
      "its owner keeps prompts, and the request forbids that",
      "dearer than the request's `max_price`",
      "this request has failed there",
      "it is down",
      "it asked for a pause",
      "as many requests are under way there as it takes",
      "the key that it wants cannot be read at its edge, whose log names the file or variable",
      "its certificate is not accepted, and the log of its edge says why",
      "requests failed there: it is ejected for a while"};
  return kSentences[static_cast<std::size_t>(exclusion)];
}

std::string_view meaning(Reason reason) {
  static constexpr std::array<std::string_view, 9> kSentences{
      "nobody may serve it",
      "no other endpoint is permitted",
      "none that is permitted is nearer",
      "a nearer one is busier",
      "a nearer one is dearer",
      "a nearer one is down, ejected or just back, or the request failed there",
      "it has the conversation's beginning in its cache",
      "a nearer one is slower",
      "the request's `provider` wants it so"};
  return kSentences[static_cast<std::size_t>(reason)];
}

std::string to_sentence(const Flip& flip, std::span<const Place> places) {
  const std::string at = places[flip.at].name();
  const std::string to = places[flip.to].name();
  switch (flip.what) {
    case Flip::What::kMargin:
      return fmt::format(
          "{} wins once any term of {} is {:.1f} ms more, or of its own as much less", to, at,
          static_cast<double>(flip.amount) / 1000);
    case Flip::What::kRequests:
      return fmt::format("with {} more request{} at {}: {}", flip.amount,
                         flip.amount == 1 ? "" : "s", at, to);
    case Flip::What::kTokens:
      return fmt::format("with a prompt of {} tokens or more: {}", flip.amount, to);
    case Flip::What::kCache:
      return fmt::format("without the {} tokens that {} should have cached: {}", flip.amount, at,
                         to);
    case Flip::What::kPrice:
      return fmt::format("with {} {} % cheaper: {}", at, flip.amount, to);
    case Flip::What::kObjective:
      return fmt::format("with the objective {}: {}",
                         to_string(static_cast<Objective>(flip.amount)), to);
    case Flip::What::kOutage:
      break;
  }
  return fmt::format("with {} down: {}", at, to);
}

}  // namespace tdn::route
