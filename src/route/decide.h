// The decision itself: which of these endpoints serves this request, and why. Hard filters have
// marked what may not (weigh.h, Exclusion); of the rest the lowest rank of preference goes first,
// then the lowest score, then the emptier, then the first by name.
//
// Pure on its two arguments and deterministic: what was recorded of a decision gives it again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/fixed_vector.h"
#include "base/time.h"
#include "route/weigh.h"

namespace tdn::route {

// What made the choice: the reason of the `tdn-route` header. Numbers are kept in the books.
enum class Reason : std::uint8_t {
  kNone = 0,        // refused
  kOnly = 1,        // no other endpoint is permitted
  kNearest = 2,     // none permitted is nearer
  kLoad = 3,        // a nearer one is busier or full
  kCost = 4,        // a nearer one is dearer
  kFailover = 5,    // a nearer one is down, ejected or just back, or this request failed there
  kCache = 6,       // it has the conversation's beginning in its cache
  kSpeed = 7,       // a nearer one is slower
  kPreference = 8,  // the request's `provider` says so
};
[[nodiscard]] std::string_view to_string(Reason reason);

struct Candidate {
  domain::EndpointIndex endpoint;
  std::uint32_t at = 0;  // place in the facts
  std::uint8_t rank = 0;
  std::int64_t score_us = 0;
  std::uint64_t crowd = 0;  // requests there, in 1/1024
};

struct Decision {
  static constexpr std::size_t kOrdered = 8;  // more attempts than any request may make

  FixedVector<Candidate, kOrdered> candidates;  // the best first; empty: refused
  std::span<const Facts> all;  // every endpoint of the model; valid as long as the argument was
  Reason reason = Reason::kNone;
  Code refusal = Code::kPolicyDenied;              // why, if refused
  Duration retry_after = std::chrono::seconds(1);  // advice, if refused for now
  const domain::Outcome* policy = nullptr;         // that applied; null for recorded decisions

  [[nodiscard]] bool refused() const { return candidates.empty(); }
};

[[nodiscard]] Decision decide(const Work& work, std::span<const Facts> facts);

}  // namespace tdn::route
