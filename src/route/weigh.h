// What a request would cost at an endpoint, in microseconds: the score by which routing chooses,
// term by term. Pure arithmetic on integers, so equal input gives equal scores on every machine, in
// DNS, in the simulator and when a recorded decision is run again.
//
//   network   client → serving site and back, if it is known where the client is: the same answer
//   as
//             steering it by DNS. Else ingress → serving site, and opening a connection if none is
//             open
//   waiting   for those ahead in the queue; for the own prompt to be read, less what is cached
//   loss      what this request takes from others (stall) and a full batch from it
//   recovery  an endpoint that comes back counts with few slots; an ejected one that is needed
//             (choose.h) goes behind
//   money     what it costs the operator, at the objective's rate of time for money
//
// Each formula, where it comes from and what it leaves out: docs/internals/routing.md.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "domain/snapshot.h"

namespace tdn::route {

// Why an endpoint that serves the model is not chosen from. In the order of the filters, but for
// the last; numbers are recorded.
enum class Exclusion : std::uint8_t {
  kNone,
  kPolicy,          // its site is outside what policy allows
  kElsewhere,       // the request is a peer's, and this is not our own
  kCordoned,        // its site takes no new requests
  kDraining,        // likewise
  kProvider,        // the request's `provider` leaves it out
  kDataCollection,  // it keeps prompts, which the request forbids
  kPrice,           // dearer than the request allows
  kTried,           // by this request, or its site was
  kDown,            // route/health.h
  kPaused,          // it asked for a pause
  kFull,            // as many requests under way as it takes
  kCredential,      // its key cannot be read here (endpoint_state.h, Trouble)
  kCertificate,     // its certificate is not accepted
  kEjected,         // its requests fail, or this tenant's do; route/health.h
};
inline constexpr std::size_t kExclusions = 15;
[[nodiscard]] std::string_view to_string(Exclusion exclusion);

// What is made small. Numbers are recorded.
enum class Objective : std::uint8_t {
  kBalanced = 0,    // time, and money at 100 s for a unit of currency
  kLatency = 1,     // time to the first token
  kCost = 2,        // money: a millionth of a unit is worth a second
  kThroughput = 3,  // time to the last token
};
[[nodiscard]] std::string_view to_string(Objective objective);

// The request's side.
struct Work {
  Objective objective = Objective::kBalanced;
  std::uint32_t input_tokens = 0;   // estimated from its bytes
  std::uint32_t output_tokens = 0;  // expected: the model's usual, at most its cap
  // What the requests of others are taken for: the model's averages.
  std::uint32_t usual_input_tokens = 0;
  std::uint32_t usual_output_tokens = 0;
  // Of request and snapshot, for spreading equals; 0: not spread.
  std::uint64_t spread = 0;

  bool operator==(const Work&) const = default;
};

// What is assumed of an endpoint of which nothing is known, at most (llm-d: 16 to 39 thousand
// prompt tokens per second and endpoint).
inline constexpr std::uint32_t kPriorPrefillNs = 50'000;
inline constexpr std::uint32_t kPriorDecodeUs = 20'000;

// The endpoint's side, as known at the moment.
struct Facts {
  static constexpr std::uint32_t kNeverReported = UINT32_MAX;

  domain::EndpointIndex endpoint;
  domain::SiteIndex site;
  Exclusion exclusion = Exclusion::kNone;
  std::uint8_t rank = 0;    // of preference: lower goes first, whatever the score
  bool comparable = true;   // its prices are in the model's currency
  bool relayed = false;     // reached through its site's edge
  bool keeps_data = false;  // its owner keeps prompts
  // Percent of its slots that it is counted with: fewer than 100 while it comes back (health.h). 0:
  // ejected, and a candidate all the same (choose.h).
  std::uint8_t trust = 100;
  std::uint32_t tag = 0;  // stable number of the endpoint

  std::uint32_t client_us = 0;       // round trip client → the endpoint's site; 0: not known
  std::uint32_t site_us = 0;         // round trip from this ingress to there
  std::uint32_t setup_us = 0;        // before the request can leave the ingress
  std::uint32_t slots = 1;           // requests it works on together
  std::uint32_t own = 0;             // of this edge, under way there
  std::uint32_t pending_tokens = 0;  // of prompts of ours that it has not answered to
  // Its report: everybody's requests, how many of them were ours, and its age. kNeverReported and
  // relayed: nothing is known. Zero age and counts: all there is are ours.
  std::uint32_t running = 0;
  std::uint32_t waiting = 0;
  std::uint32_t ours = 0;
  std::uint32_t age_ms = 0;
  std::uint32_t prefill_ns = kPriorPrefillNs;  // per prompt token; never 0
  std::uint32_t decode_us = kPriorDecodeUs;    // per token of an answer; never 0
  std::uint32_t cached_tokens = 0;             // of the request's, expected in its cache
  std::uint32_t pause_ms = 0;                  // still to go
  std::uint64_t input_pico = 0;                // prices per token, at most kDearest
  std::uint64_t cached_pico = 0;
  std::uint64_t output_pico = 0;
  std::uint32_t prompt_us = 0;  // per prompt, whatever its length

  // The distance that counts.
  [[nodiscard]] std::uint32_t way_us() const { return client_us != 0 ? client_us : site_us; }

  bool operator==(const Facts&) const = default;
};

// Bounds that keep the sums within 64 bits; what is larger is taken for as much.
inline constexpr std::uint32_t kMostTokens = 1U << 22U;
inline constexpr std::uint64_t kDearest = std::uint64_t{1} << 38U;
inline constexpr std::uint32_t kMostSlots = 1U << 16U;

// From this age on a report says nothing: the endpoint is taken for full.
inline constexpr std::uint32_t kUnknownAfterMs = 10'000;

enum class Term : std::uint8_t {
  kClient,   // round trip client → serving site; 0 if it is not known where the client is
  kNetwork,  // else round trip ingress → serving site
  kSetup,    // and opening a connection
  kQueue,    // those ahead
  kPrefill,  // reading the whole prompt, and what every prompt takes
  kCache,    // less what is cached: ≤ 0
  kBatch,    // slower tokens in a full batch
  kStall,    // decodes of others that this prompt holds up
  kDecode,   // the tokens of the answer, where the objective counts them
  kPrice,
  kSpread,    // at most 63 µs by hash, so that equals share
  kRecovery,  // longer queues at what comes back; kNeededUs for what is ejected
};
inline constexpr std::size_t kTerms = 12;
// What an ejected endpoint that is a candidate is behind: an attempt in vain and another one.
inline constexpr std::int64_t kNeededUs = 2'000'000;
[[nodiscard]] std::string_view to_string(Term term);

struct Terms {
  std::array<std::int64_t, kTerms> us{};
  [[nodiscard]] std::int64_t& operator[](Term term) { return us[static_cast<std::size_t>(term)]; }
  [[nodiscard]] std::int64_t operator[](Term term) const {
    return us[static_cast<std::size_t>(term)];
  }
  [[nodiscard]] std::int64_t total() const {
    std::int64_t sum = 0;
    for (const std::int64_t one : us) {
      sum += one;
    }
    return sum;
  }
};

// Requests at an endpoint as they are counted, in 1/1024: others' by report, more the older it is,
// and ours.
struct Crowd {
  std::uint64_t requests = 0;
  std::uint32_t slots = 1;
};
[[nodiscard]] Crowd crowd(const Facts& facts);

[[nodiscard]] Terms weigh(const Work& work, const Facts& facts);

// 10⁻¹² units of currency that a microsecond is worth; 0: money does not count.
[[nodiscard]] std::uint64_t pico_per_us(Objective objective);
// What the request costs at the endpoint, in 10⁻¹² units.
[[nodiscard]] std::uint64_t money_pico(const Work& work, const Facts& facts);

}  // namespace tdn::route
