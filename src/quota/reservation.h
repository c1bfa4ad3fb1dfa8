// What a request takes from the limits above it, key, project and tenant: one request, its tokens
// as estimated before the engine counts them, and a place among those that run at once. All levels
// or none. The place is given back when the reservation ends; the tokens are corrected to what was
// used.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "quota/rate.h"

namespace tdn::quota {

// 0 is unlimited.
struct Limits {
  std::int64_t requests_per_minute = 0;
  std::int64_t tokens_per_minute = 0;
  std::int64_t concurrency = 0;
};

// What has been spent of one object's limits; outlives their numbers.
struct Spent {
  RateState requests = 0;
  RateState tokens = 0;
  std::atomic<std::int64_t> running = 0;
};

// The limits of one key, project or tenant. Immutable but for what `spent` counts; shared by all
// shards.
class Limiter {
 public:
  Limiter(const Limits& limits, std::shared_ptr<Spent> spent);

  [[nodiscard]] const std::shared_ptr<Spent>& spent() const { return spent_; }
  [[nodiscard]] bool unlimited() const { return !requests_ && !tokens_ && concurrency_ == 0; }

 private:
  friend class Reservation;
  std::optional<Rate> requests_;
  std::optional<Rate> tokens_;
  std::int64_t concurrency_;
  std::shared_ptr<Spent> spent_;
};

// One rate as its user sees it: of several levels the one with the least left.
struct RateView {
  std::int64_t limit = 0;
  std::int64_t remaining = 0;
  Duration reset{};
};
struct LimitState {
  std::optional<RateView> requests;
  std::optional<RateView> tokens;
};

// Why a reservation was refused, and when to come back.
struct Refusal {
  Error error;  // rate_limit_exceeded
  Duration retry_after{};
};

class Reservation {
 public:
  static constexpr std::size_t kLevels = 3;

  Reservation() = default;
  ~Reservation() { release(); }
  Reservation(Reservation&& other) noexcept { *this = std::move(other); }
  Reservation& operator=(Reservation&& other) noexcept;

  // Takes from all of `levels` (at most three, outliving the reservation; from the key up, which is
  // how a refusal names them). Nothing is taken if one refuses.
  [[nodiscard]] std::optional<Refusal> take(std::span<const Limiter* const> levels,
                                            std::int64_t tokens, Instant now);

  // The request used so many tokens. Once; without it what was reserved stays spent.
  void settle(std::int64_t tokens);

  // What is left at the levels that were asked, whether they took the request or one refused it.
  [[nodiscard]] LimitState state(Instant now) const;

 private:
  std::optional<Refusal> take_from(const Limiter& limiter, std::size_t level, Instant now);
  void give_back(const Limiter& limiter) const;
  void release();
  [[nodiscard]] static std::int64_t reserved(const Limiter& limiter, std::int64_t tokens);

  std::array<const Limiter*, kLevels> levels_{};
  std::size_t asked_ = 0;  // levels to show
  std::size_t count_ = 0;  // levels that were taken from
  std::int64_t tokens_ = 0;
  bool settled_ = false;
};

}  // namespace tdn::quota
