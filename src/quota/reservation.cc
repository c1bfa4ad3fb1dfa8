#include "quota/reservation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace tdn::quota {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, Reservation::kLevels> kLevelNames{"key", "project",
                                                                         "tenant"};

Refusal refusal(std::string_view what, std::size_t level, std::int64_t limit, Duration wait) {
  return {Error(Code::kRateLimitExceeded,
                fmt::format("this {} may have {} {}; slow down and retry after the time given",
                            kLevelNames[level], limit, what)),
          wait};
}

std::optional<Rate> rate_of(std::int64_t per_minute) {
  return per_minute > 0 ? std::optional<Rate>(Rate(per_minute)) : std::nullopt;
}

void keep_tightest(std::optional<RateView>& view, const std::optional<Rate>& rate,
                   const RateState& state, Instant now) {
  if (!rate) {
    return;
  }
  const RateView found{rate->per_minute(), rate->remaining(state, now), Rate::reset(state, now)};
  if (!view || found.remaining < view->remaining) {
    view = found;
  }
}

}  // namespace

Limiter::Limiter(const Limits& limits, std::shared_ptr<Spent> spent)
    : requests_(rate_of(limits.requests_per_minute)),
      tokens_(rate_of(limits.tokens_per_minute)),
      concurrency_(limits.concurrency),
      spent_(std::move(spent)) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    release();
    levels_ = other.levels_;
    asked_ = std::exchange(other.asked_, 0);
    count_ = std::exchange(other.count_, 0);
    tokens_ = other.tokens_;
    settled_ = other.settled_;
  }
  return *this;
}

std::int64_t Reservation::reserved(const Limiter& limiter, std::int64_t tokens) {
  return limiter.tokens_ ? std::min(tokens, limiter.tokens_->per_minute()) : 0;
}

std::optional<Refusal> Reservation::take(std::span<const Limiter* const> levels,
                                         std::int64_t tokens, Instant now) {
  TDN_CHECK(count_ == 0 && levels.size() <= kLevels);
  tokens_ = tokens;
  settled_ = false;
  asked_ = levels.size();
  std::copy(levels.begin(), levels.end(), levels_.begin());
  for (std::size_t level = 0; level < levels.size(); ++level) {
    if (std::optional<Refusal> refused = take_from(*levels[level], level, now)) {
      while (count_ > 0) {
        give_back(*levels_[--count_]);
      }
      return refused;
    }
    ++count_;
  }
  return std::nullopt;
}

std::optional<Refusal> Reservation::take_from(const Limiter& limiter, std::size_t level,
                                              Instant now) {
  Spent& spent = *limiter.spent_;
  const std::int64_t running = spent.running.fetch_add(1, std::memory_order_relaxed);
  if (limiter.concurrency_ > 0 && running >= limiter.concurrency_) {
    spent.running.fetch_sub(1, std::memory_order_relaxed);
    return refusal("requests at once", level, limiter.concurrency_, 1s);
  }
  if (limiter.requests_) {
    const Duration wait = limiter.requests_->take(spent.requests, 1, now);
    if (wait > Duration::zero()) {
      spent.running.fetch_sub(1, std::memory_order_relaxed);
      return refusal("requests per minute", level, limiter.requests_->per_minute(), wait);
    }
  }
  if (limiter.tokens_) {
    const Duration wait = limiter.tokens_->take(spent.tokens, tokens_, now);
    if (wait > Duration::zero()) {
      spent.running.fetch_sub(1, std::memory_order_relaxed);
      if (limiter.requests_) {
        limiter.requests_->correct(spent.requests, -1);
      }
      return refusal("tokens per minute", level, limiter.tokens_->per_minute(), wait);
    }
  }
  return std::nullopt;
}

// As if nothing had been taken.
void Reservation::give_back(const Limiter& limiter) const {
  Spent& spent = *limiter.spent_;
  spent.running.fetch_sub(1, std::memory_order_relaxed);
  if (limiter.requests_) {
    limiter.requests_->correct(spent.requests, -1);
  }
  if (limiter.tokens_) {
    limiter.tokens_->correct(spent.tokens, -reserved(limiter, tokens_));
  }
}

void Reservation::settle(std::int64_t tokens) {
  if (std::exchange(settled_, true)) {
    return;
  }
  for (std::size_t level = 0; level < count_; ++level) {
    const Limiter& limiter = *levels_[level];
    if (limiter.tokens_) {
      limiter.tokens_->correct(limiter.spent_->tokens, tokens - reserved(limiter, tokens_));
    }
  }
}

void Reservation::release() {
  while (count_ > 0) {
    levels_[--count_]->spent_->running.fetch_sub(1, std::memory_order_relaxed);
  }
}

LimitState Reservation::state(Instant now) const {
  LimitState state;
  for (std::size_t level = 0; level < asked_; ++level) {
    const Limiter& limiter = *levels_[level];
    keep_tightest(state.requests, limiter.requests_, limiter.spent_->requests, now);
    keep_tightest(state.tokens, limiter.tokens_, limiter.spent_->tokens, now);
  }
  return state;
}

}  // namespace tdn::quota
