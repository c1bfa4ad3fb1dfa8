#include "route/decide.h"

#include <algorithm>
#include <tuple>

namespace tdn::route {
namespace {

bool better(const Candidate& a, const Candidate& b) {
  return std::tie(a.rank, a.score_us, a.crowd, a.endpoint) <
         std::tie(b.rank, b.score_us, b.crowd, b.endpoint);
}

// Into its place among the best so far, if it has one.
void put(FixedVector<Candidate, Decision::kOrdered>& best, const Candidate& candidate) {
  if (best.full()) {
    if (!better(candidate, best[best.size() - 1])) {
      return;
    }
    best[best.size() - 1] = candidate;
  } else {
    best.push_back(candidate);
  }
  for (std::size_t i = best.size() - 1; i > 0 && better(best[i], best[i - 1]); --i) {
    std::swap(best[i], best[i - 1]);
  }
}

std::int64_t distance(const Facts& facts) { return std::int64_t{facts.way_us()}; }

// Filters of the operator leave it no choice, those of the request or of the moment do.
bool permitted(Exclusion exclusion) { return exclusion != Exclusion::kPolicy; }
bool preferred_against(Exclusion exclusion) {
  return exclusion == Exclusion::kProvider || exclusion == Exclusion::kDataCollection ||
         exclusion == Exclusion::kPrice;
}

// The term in which the chosen one is most ahead of the other.
Reason advantage(const Work& work, const Facts& chosen, const Facts& other) {
  const Terms ours = weigh(work, chosen);
  const Terms theirs = weigh(work, other);
  Term most = Term::kNetwork;
  std::int64_t lead = 0;
  for (std::size_t i = 0; i < kTerms; ++i) {
    const std::int64_t difference = theirs.us[i] - ours.us[i];
    if (difference > lead) {
      lead = difference;
      most = static_cast<Term>(i);
    }
  }
  switch (most) {
    case Term::kQueue:
    case Term::kBatch:
    case Term::kStall:
      return Reason::kLoad;
    case Term::kPrice:
      return Reason::kCost;
    case Term::kPrefill:
    case Term::kDecode:
      return Reason::kSpeed;
    case Term::kCache:
      return Reason::kCache;
    case Term::kRecovery:
      return Reason::kFailover;
    case Term::kClient:
    case Term::kNetwork:
    case Term::kSetup:
    case Term::kSpread:
      break;
  }
  return Reason::kNearest;
}

Reason reason_against(const Work& work, const Facts& chosen, const Facts& other) {
  if (preferred_against(other.exclusion)) {
    return Reason::kPreference;
  }
  switch (other.exclusion) {
    case Exclusion::kNone:
      if (other.trust == 0) {
        return Reason::kFailover;
      }
      return chosen.rank < other.rank ? Reason::kPreference : advantage(work, chosen, other);
    case Exclusion::kFull:
    case Exclusion::kPaused:
      return Reason::kLoad;
    default:
      return Reason::kFailover;
  }
}

Reason reason_of(const Work& work, const Decision& decision) {
  const Facts& chosen = decision.all[decision.candidates[0].at];
  std::size_t allowed = 0;
  const Facts* nearest = nullptr;  // of those nearer than the chosen one
  for (const Facts& facts : decision.all) {
    if (facts.exclusion == Exclusion::kTried) {
      return Reason::kFailover;
    }
    if (!permitted(facts.exclusion) || facts.exclusion == Exclusion::kElsewhere) {
      continue;
    }
    ++allowed;
    if (distance(facts) < (nearest == nullptr ? distance(chosen) : distance(*nearest))) {
      nearest = &facts;
    }
  }
  if (allowed == 1) {
    return Reason::kOnly;
  }
  if (nearest != nullptr) {
    return reason_against(work, chosen, *nearest);
  }
  // As near as the second best: only what was wanted or remembered is worth telling.
  if (decision.candidates.size() > 1) {
    const Facts& second = decision.all[decision.candidates[1].at];
    const Reason over = reason_against(work, chosen, second);
    if (distance(second) == distance(chosen) &&
        (over == Reason::kCache || over == Reason::kPreference)) {
      return over;
    }
  }
  return Reason::kNearest;
}

void refuse(Decision& decision) {
  bool allowed = false;
  bool wanted = false;
  bool tried = false;
  bool busy = false;
  std::uint32_t soonest_ms = UINT32_MAX;
  for (const Facts& facts : decision.all) {
    allowed |= permitted(facts.exclusion);
    wanted |= permitted(facts.exclusion) && !preferred_against(facts.exclusion);
    tried |= facts.exclusion == Exclusion::kTried;
    if (facts.exclusion == Exclusion::kFull) {
      busy = true;
      soonest_ms = std::min(soonest_ms, 1000U);
    } else if (facts.exclusion == Exclusion::kPaused) {
      busy = true;
      soonest_ms = std::min(soonest_ms, facts.pause_ms);
    }
  }
  if (!allowed) {
    decision.refusal = Code::kPolicyDenied;
  } else if (!wanted) {
    decision.refusal = Code::kInvalidRequest;
  } else if (busy) {
    decision.refusal = Code::kOverloaded;
    decision.retry_after = std::chrono::milliseconds(std::max(soonest_ms, 1000U));
  } else {
    decision.refusal = tried ? Code::kUpstreamError : Code::kZoneUnavailable;
  }
}

}  // namespace

std::string_view to_string(Reason reason) {
  static constexpr std::array<std::string_view, 9> kNames{
      "refused", "only", "nearest", "load", "cost", "failover", "cache", "speed", "preference"};
  return kNames[static_cast<std::size_t>(reason)];
}

Decision decide(const Work& work, std::span<const Facts> facts) {
  Decision decision;
  decision.all = facts;
  for (std::uint32_t i = 0; i < facts.size(); ++i) {
    const Facts& one = facts[i];
    if (one.exclusion == Exclusion::kNone) {
      put(decision.candidates,
          {one.endpoint, i, one.rank, weigh(work, one).total(), crowd(one).requests});
    }
  }
  if (decision.refused()) {
    refuse(decision);
  } else {
    decision.reason = reason_of(work, decision);
  }
  return decision;
}

}  // namespace tdn::route
