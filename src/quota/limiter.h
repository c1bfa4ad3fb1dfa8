// The limits of a key, its project and its tenant: requests per minute, tokens per minute, requests
// at once. A request is admitted by all of them or charged to none.
//
// What a request will cost in tokens is not known when it comes, so it reserves an upper bound, at
// most a level's whole limit, and is set right from the usage at its end; the limit may be
// overdrawn by that and then takes the longer to recover. Counted per site, shared by all shards.
//
// A reload makes a new Limiter that shares the counts of what is still there, by uid: debts and
// open requests stay. A level without any limit counts nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "domain/snapshot.h"
#include "quota/rate.h"

namespace tdn::quota {

enum class Level : std::uint8_t { kKey, kProject, kTenant };
enum class Limit : std::uint8_t { kRequests, kTokens, kConcurrency };

// What clients are told of one limit (x-ratelimit-*).
struct Window {
  std::int64_t limit = 0;  // 0: none
  std::int64_t remaining = 0;
  Duration reset{};  // until it is whole again
};

struct Refusal {
  Level level = Level::kKey;
  Limit limit = Limit::kRequests;
  std::int64_t allowed = 0;  // per minute, or at once
  Duration retry_after{};    // until this request would fit
};

// Of each kind of limit the level with the least remaining.
struct Windows {
  Window requests;
  Window tokens;
};

// The counts of one level; outlives reloads. Lock-free.
struct alignas(64) Counts {
  Rate requests;
  Rate tokens;
  std::atomic<std::int64_t> open{0};
};

// An admitted request: holds its places until destroyed. The Limiter must outlive it.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept { swap(other); }
  Reservation& operator=(Reservation&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Reservation();

  // Replaces the reserved tokens by those used; the last call counts. Without any, none were used.
  // The request itself stays counted.
  void settle(std::int64_t tokens);

 private:
  friend class Limiter;
  struct Held {
    Counts* counts = nullptr;
    std::int64_t tokens_per_minute = 0;
    Duration tokens_cost{};
  };
  void swap(Reservation& other) noexcept {
    std::swap(held_, other.held_);
    std::swap(size_, other.size_);
    std::swap(settled_, other.settled_);
  }

  std::array<Held, 3> held_{};
  std::uint8_t size_ = 0;
  bool settled_ = false;
};

struct Admission {
  Reservation reservation;         // empty if refused
  std::optional<Refusal> refusal;  // nothing if admitted
  Windows windows;
};

class Limiter {
 public:
  // Levels that `previous` (may be null) knows by uid keep their counts.
  [[nodiscard]] static std::shared_ptr<const Limiter> create(const domain::Snapshot& snapshot,
                                                             const Limiter* previous);

  // Charges one request and `tokens` ≥ 0 to every level of the key, or to none.
  [[nodiscard]] Admission admit(domain::KeyIndex key, std::int64_t tokens, Instant now) const;

  // As they are now, without charging.
  [[nodiscard]] Windows windows(domain::KeyIndex key, Instant now) const;

 private:
  struct Owner {
    Uid uid;
    domain::Limits limits;
    std::shared_ptr<Counts> counts;  // null if it has no limit
  };
  struct Chain {
    std::array<const Owner*, 3> levels{};  // by Level; null if it has no limit
  };
  class Charge;

  Limiter() = default;
  // What stands against a request, the longest wait first; takes nothing.
  [[nodiscard]] static std::optional<Refusal> objection(const Chain& chain, std::int64_t tokens,
                                                        Instant now);
  // Holds all levels, or none if another shard came between.
  [[nodiscard]] static Reservation take_all(const Chain& chain, std::int64_t tokens, Instant now);
  void add_owner(const Uid& uid, const domain::Limits& limits, const Limiter* previous);

  std::vector<Owner> owners_;  // sorted by uid; not changed once chains point into it
  std::vector<Chain> chains_;  // by key
};

// Code::kRateLimitExceeded, naming the limit and when to come again.
[[nodiscard]] Error to_error(const Refusal& refusal);

// As OpenAI's headers spell durations: "0s", "120ms", "1s", "8.64s", "6m0s", "1h0m0s". Rounded up
// to a millisecond; fits std::string without allocating.
[[nodiscard]] std::string to_header(Duration duration);

}  // namespace tdn::quota
