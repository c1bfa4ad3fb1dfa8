// When an endpoint counts as able to serve, as a pure state machine: what was observed goes in, the
// next state comes out. Observations are of two kinds: probes, made for the purpose, and the fate
// of requests. Only a probe brings an endpoint back, so a broken one is tried with probes, not with
// people's requests.
//
//   unknown ── any success ──> up          at start; requests are sent, they are the first probes
//   up, unknown ── refused connection, or kFailures failures in a row, or kProbeFailures failed
//                  probes in a row ──> down
//   down ── successful probe, no earlier than the hold ──> up
//
// An endpoint whose probes succeed while its requests fail would come back with every probe. So
// each fall through failed requests doubles a hold, 1 s to 32 s, during which probes do not lift
// it; a minute of health after the hold forgets it.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace tdn::route {

enum class Health : std::uint8_t { kUnknown, kUp, kDown };

enum class Observation : std::uint8_t {
  kAnswered,     // an answer that speaks for the engine: 2xx, and 4xx, which are the client's doing
  kServerError,  // 5xx other than 503, or an answer that is no HTTP
  kRefused,      // the connection was refused or the host unreachable: nobody is there
  kTimedOut,     // no connection or no first byte in time
  kBroken,       // the connection ended before the answer did
  kProbeAnswered,
  kProbeFailed,   // any other status, a timeout
  kProbeRefused,  // nobody is there
};

struct HealthState {
  Health health = Health::kUnknown;
  std::uint8_t failures = 0;        // of requests, in a row
  std::uint8_t probe_failures = 0;  // in a row
  std::uint8_t falls = 0;           // through failed requests, not yet forgotten
  Instant hold{};                   // until then probes do not lift it

  bool operator==(const HealthState&) const = default;
};

inline constexpr int kFailures = 3;
inline constexpr int kProbeFailures = 2;
inline constexpr Duration kFirstHold = std::chrono::seconds(1);
inline constexpr int kMostDoublings = 5;
inline constexpr Duration kForgiveness = std::chrono::seconds(60);

[[nodiscard]] HealthState after(HealthState state, Observation observation, Instant now);

}  // namespace tdn::route
