// When an endpoint counts as able to serve, as a pure state machine: what was observed goes in, the
// next state comes out. Observations are of two kinds: probes, made for the purpose, and the fate
// of requests. Only a probe brings an endpoint back, so a broken one is tried with probes, not with
// people's requests.
//
//   unknown ── any success ──> up          at start; requests are sent, they are the first probes
//   up, unknown ── nobody is there, or kProbeFailures failed probes in a row ──> down: certain
//   up, unknown ── its requests fail, see below ──> ejected: well by its probes, and not used
//   down, ejected ── successful probe, no earlier than the hold ──> up, at first with little
//
// **Whose failure it is.** What fails on the way (refused, no connection in time, another edge that
// is silent) is nobody's doing and speaks for itself. What fails at the engine (5xx, a broken
// stream, silence) may be the doing of the one request that met it: one tenant with a prompt that
// breaks the engine must not take it from all. So failures carry who asked, and eject for all only
// if they come from two tenants, or from one while a probe fails too. Failures of one tenant alone
// eject the endpoint for that tenant alone (endpoint_state.h, shuns). Telling failures of the way
// from those of the server is Envoy's `split_external_local_origin_errors`; asking for two tenants
// is ours.
//
// **When.** kFailures in a row; or in ten seconds at least ten, and as many as there were answers
// (FailureWindow; Envoy: failure percentage). An ejected endpoint whose probes succeed would come
// back with every probe: each fall doubles a hold, 1 s to 32 s, during which probes do not lift it;
// a minute of health forgets it.
//
// **Coming back.** For kSlowStart it is counted with a part of its slots that grows from a tenth to
// all of them (Envoy: slow start), so that a cold engine does not get the whole crowd.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "base/uid.h"

namespace tdn::route {

enum class Health : std::uint8_t { kUnknown, kUp, kDown, kEjected };

// Numbers are kept in `EndpointState`: new ones go to the end.
enum class Observation : std::uint8_t {
  kAnswered,     // an answer that speaks for the engine: 2xx, and 4xx, which are the client's doing
  kServerError,  // 5xx other than 503, or an answer that is no HTTP
  // Nobody is there: refused, no connection in time, no sign of life of another edge in time.
  kRefused,
  kTimedOut,  // it took the request, and no first byte came in time
  kBroken,    // the connection ended before the answer did
  kProbeAnswered,
  kProbeFailed,   // any other status, a timeout
  kProbeRefused,  // nobody is there
  kStalled,       // silence in the middle of an answer
  kToldDown,      // its own edge says so
  kToldEjected,   // likewise
};

// Who asked, as a small number; the same for the requests of one tenant. 0: nobody in particular.
using Requester = std::uint16_t;
inline constexpr Requester kNobody = 0;
inline constexpr unsigned kRequesterBits = 10;
[[nodiscard]] Requester requester_of(const Uid& tenant);

struct HealthState {
  Health health = Health::kUnknown;
  bool away = false;                // down, and it is the way: nobody answers there
  bool was_up = false;              // ever
  bool several = false;             // the failures in a row are not one tenant's alone
  std::uint8_t failures = 0;        // of requests, in a row; kFailures stands for more
  std::uint8_t probe_failures = 0;  // in a row
  std::uint8_t falls = 0;           // through failed requests, not yet forgotten
  Requester who = kNobody;          // of the first of the failures in a row
  // Down or ejected: until then probes do not lift it. Up: since then; zero: it never fell.
  Instant since{};

  bool operator==(const HealthState&) const = default;
};

inline constexpr int kFailures = 3;
inline constexpr int kProbeFailures = 2;
inline constexpr Duration kFirstHold = std::chrono::seconds(1);
inline constexpr int kMostDoublings = 5;
inline constexpr Duration kForgiveness = std::chrono::seconds(60);
inline constexpr Duration kSlowStart = std::chrono::seconds(30);
inline constexpr int kSlowStartPercent = 10;  // at first

[[nodiscard]] HealthState after(HealthState state, Observation observation, Instant now,
                                Requester who = kNobody);
// Its requests fail too often (FailureWindow).
[[nodiscard]] HealthState ejected(HealthState state, Instant now);
// Enough failures in a row to eject it, but all of one tenant.
[[nodiscard]] bool blames_one(const HealthState& state);
// Percent of its slots with which it is counted: 100, less while it comes back.
[[nodiscard]] std::uint8_t trust(const HealthState& state, Instant now);
// The fate of a request that speaks against the endpoint or the way.
[[nodiscard]] bool is_failed_request(Observation observation);

// How often requests fail, over ten seconds from a first failure on.
struct FailureWindow {
  Instant begin{};
  std::uint8_t answered = 0;  // both halve when one is full
  std::uint8_t failed = 0;
  bool several = false;
  Requester who = kNobody;

  bool operator==(const FailureWindow&) const = default;
};
inline constexpr Duration kWindow = std::chrono::seconds(10);
inline constexpr int kWindowFailures = 10;

[[nodiscard]] FailureWindow after(FailureWindow window, bool failed, Instant now, Requester who);
[[nodiscard]] bool ejects(const FailureWindow& window);

}  // namespace tdn::route
