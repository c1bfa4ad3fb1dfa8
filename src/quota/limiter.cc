#include "quota/limiter.h"

#include <fmt/format.h>

#include <algorithm>

namespace tdn::quota {
namespace {

// Nobody knows when an open request ends.
constexpr Duration kRetryConcurrency = std::chrono::seconds(1);

bool unlimited(const domain::Limits& limits) {
  return limits.requests_per_minute == 0 && limits.tokens_per_minute == 0 &&
         limits.concurrency == 0;
}

Window window_of(const Rate& rate, std::int64_t per_minute, Instant now) {
  const Duration ahead = rate.ahead(now);
  const Duration free = std::max(kMinute - ahead, Duration::zero());
  const auto remaining = static_cast<__int128>(free.count()) * per_minute / kMinute.count();
  return {per_minute, static_cast<std::int64_t>(remaining), ahead};
}

void keep_tighter(Window& tightest, const Window& window) {
  if (tightest.limit == 0 || window.remaining < tightest.remaining ||
      (window.remaining == tightest.remaining && window.limit < tightest.limit)) {
    tightest = window;
  }
}

Duration reserved(std::int64_t tokens, std::int64_t per_minute) {
  return cost_of(std::min(tokens, per_minute), per_minute);
}

}  // namespace

// One level's part in one admission: what it would say, what it takes, and how it is undone.
class Limiter::Charge {
 public:
  Charge(const Owner& owner, std::int64_t tokens) : limits_(owner.limits), counts_(*owner.counts) {
    if (limits_.requests_per_minute != 0) {
      request_cost_ = cost_of(1, limits_.requests_per_minute);
    }
    if (limits_.tokens_per_minute != 0) {
      tokens_cost_ = reserved(tokens, limits_.tokens_per_minute);
    }
  }

  // What stands against it, the longest wait first in rank; takes nothing.
  [[nodiscard]] std::optional<Refusal> objection(Level level, Instant now) const {
    std::optional<Refusal> worst;
    const auto object = [&](Limit limit, std::int64_t allowed, Duration wait) {
      if (allowed != 0 && wait > Duration::zero() && (!worst || wait > worst->retry_after)) {
        worst = Refusal{level, limit, allowed, wait};
      }
    };
    object(Limit::kConcurrency, limits_.concurrency, full() ? kRetryConcurrency : Duration::zero());
    object(Limit::kRequests, limits_.requests_per_minute,
           counts_.requests.wait_for(request_cost_, now));
    object(Limit::kTokens, limits_.tokens_per_minute, counts_.tokens.wait_for(tokens_cost_, now));
    return worst;
  }

  // Takes all three or none; false only if another shard came between.
  [[nodiscard]] bool take(Instant now) {
    if (!open()) {
      return false;
    }
    if (limits_.requests_per_minute != 0 && !counts_.requests.try_take(request_cost_, now)) {
      counts_.open.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    if (limits_.tokens_per_minute != 0 && !counts_.tokens.try_take(tokens_cost_, now)) {
      counts_.requests.correct(-request_cost_);
      counts_.open.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    return true;
  }

  void undo() {
    counts_.tokens.correct(-tokens_cost_);
    counts_.requests.correct(-request_cost_);
    counts_.open.fetch_sub(1, std::memory_order_relaxed);
  }

  [[nodiscard]] Reservation::Held held() const {
    return {&counts_, limits_.tokens_per_minute, tokens_cost_};
  }

 private:
  [[nodiscard]] bool full() const {
    return counts_.open.load(std::memory_order_relaxed) >= limits_.concurrency;
  }

  bool open() {
    std::int64_t open = counts_.open.load(std::memory_order_relaxed);
    while (limits_.concurrency == 0 || open < limits_.concurrency) {
      if (counts_.open.compare_exchange_weak(open, open + 1, std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  const domain::Limits& limits_;
  Counts& counts_;
  Duration request_cost_{};
  Duration tokens_cost_{};
};

Reservation::~Reservation() {
  if (!settled_) {
    settle(0);
  }
  for (std::size_t i = 0; i < size_; ++i) {
    held_[i].counts->open.fetch_sub(1, std::memory_order_relaxed);
  }
}

void Reservation::settle(std::int64_t tokens) {
  settled_ = true;
  for (std::size_t i = 0; i < size_; ++i) {
    Held& held = held_[i];
    if (held.tokens_per_minute != 0) {
      const Duration used = cost_of(tokens, held.tokens_per_minute);
      held.counts->tokens.correct(used - held.tokens_cost);
      held.tokens_cost = used;
    }
  }
}

void Limiter::add_owner(const Uid& uid, const domain::Limits& limits, const Limiter* previous) {
  Owner owner{uid, limits, nullptr};
  if (!unlimited(limits)) {
    if (previous != nullptr) {
      const auto& known = previous->owners_;
      const auto found =
          std::lower_bound(known.begin(), known.end(), uid,
                           [](const Owner& other, const Uid& id) { return other.uid < id; });
      if (found != known.end() && found->uid == uid) {
        owner.counts = found->counts;
      }
    }
    if (owner.counts == nullptr) {
      owner.counts = std::make_shared<Counts>();
    }
  }
  owners_.push_back(std::move(owner));
}

std::shared_ptr<const Limiter> Limiter::create(const domain::Snapshot& snapshot,
                                               const Limiter* previous) {
  std::shared_ptr<Limiter> limiter(new Limiter());
  for (const domain::Tenant& tenant : snapshot.tenants()) {
    limiter->add_owner(tenant.uid, tenant.limits, previous);
  }
  for (const domain::Project& project : snapshot.projects()) {
    limiter->add_owner(project.uid, project.limits, previous);
  }
  for (const domain::Key& key : snapshot.keys()) {
    limiter->add_owner(key.uid, key.limits, previous);
  }
  auto& owners = limiter->owners_;
  std::sort(owners.begin(), owners.end(),
            [](const Owner& a, const Owner& b) { return a.uid < b.uid; });
  const auto find = [&](const Uid& uid) -> const Owner* {
    const auto found =
        std::lower_bound(owners.begin(), owners.end(), uid,
                         [](const Owner& owner, const Uid& id) { return owner.uid < id; });
    return found->counts == nullptr ? nullptr : &*found;
  };
  for (const domain::Key& key : snapshot.keys()) {
    limiter->chains_.push_back(
        {{find(key.uid), find(snapshot[key.project].uid), find(snapshot[key.tenant].uid)}});
  }
  return limiter;
}

std::optional<Refusal> Limiter::objection(const Chain& chain, std::int64_t tokens, Instant now) {
  std::optional<Refusal> worst;
  for (std::size_t i = 0; i < chain.levels.size(); ++i) {
    if (const Owner* owner = chain.levels[i]) {
      const auto objection = Charge(*owner, tokens).objection(static_cast<Level>(i), now);
      if (objection && (!worst || objection->retry_after > worst->retry_after)) {
        worst = objection;
      }
    }
  }
  return worst;
}

Reservation Limiter::take_all(const Chain& chain, std::int64_t tokens, Instant now) {
  Reservation reservation;
  for (std::size_t i = 0; i < chain.levels.size(); ++i) {
    const Owner* owner = chain.levels[i];
    if (owner == nullptr) {
      continue;
    }
    Charge charge(*owner, tokens);
    if (!charge.take(now)) {
      for (std::size_t j = 0; j < i; ++j) {
        if (const Owner* charged = chain.levels[j]) {
          Charge(*charged, tokens).undo();
        }
      }
      reservation.size_ = 0;
      return reservation;
    }
    reservation.held_[reservation.size_++] = charge.held();
  }
  return reservation;
}

Admission Limiter::admit(domain::KeyIndex key, std::int64_t tokens, Instant now) const {
  const Chain& chain = chains_[key.value];
  const bool limited = std::any_of(chain.levels.begin(), chain.levels.end(),
                                   [](const Owner* owner) { return owner != nullptr; });
  Admission admission;
  // Everybody is asked first, so that a refusal charges nobody even for a moment. If another shard
  // takes the last of something between asking and taking, ask again: somebody got on.
  while (limited && admission.reservation.size_ == 0) {
    admission.refusal = objection(chain, tokens, now);
    if (admission.refusal) {
      break;
    }
    admission.reservation = take_all(chain, tokens, now);
  }
  admission.windows = windows(key, now);
  return admission;
}

Windows Limiter::windows(domain::KeyIndex key, Instant now) const {
  Windows windows;
  for (const Owner* owner : chains_[key.value].levels) {
    if (owner == nullptr) {
      continue;
    }
    const domain::Limits& limits = owner->limits;
    if (limits.requests_per_minute != 0) {
      keep_tighter(windows.requests,
                   window_of(owner->counts->requests, limits.requests_per_minute, now));
    }
    if (limits.tokens_per_minute != 0) {
      keep_tighter(windows.tokens, window_of(owner->counts->tokens, limits.tokens_per_minute, now));
    }
  }
  return windows;
}

Error to_error(const Refusal& refusal) {
  constexpr std::array<std::string_view, 3> kLevels = {"key", "project", "tenant"};
  const std::string_view level = kLevels[static_cast<std::size_t>(refusal.level)];
  const std::string wait = to_header(refusal.retry_after);
  switch (refusal.limit) {
    case Limit::kRequests:
      return {Code::kRateLimitExceeded,
              fmt::format("Limit of {} requests per minute of this {} reached; try again in {}.",
                          refusal.allowed, level, wait)};
    case Limit::kTokens:
      return {
          Code::kRateLimitExceeded,
          fmt::format("Limit of {} tokens per minute of this {} reached; try again in {}, or ask "
                      "for fewer tokens (max_tokens).",
                      refusal.allowed, level, wait)};
    case Limit::kConcurrency:
      break;
  }
  return {Code::kRateLimitExceeded,
          fmt::format("Limit of {} requests at once of this {} reached; wait for one to end.",
                      refusal.allowed, level)};
}

std::string to_header(Duration duration) {
  const std::int64_t ms = (std::max<std::int64_t>(duration.count(), 0) + 999'999) / 1'000'000;
  if (ms == 0) {
    return "0s";
  }
  if (ms < 1'000) {
    return fmt::format("{}ms", ms);
  }
  std::string text = fmt::format("{}.{:03}", ms / 1'000 % 60, ms % 1'000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') {
    text.pop_back();
  }
  text += 's';
  if (ms >= 60'000) {
    text.insert(0, fmt::format("{}m", ms / 60'000 % 60));
  }
  if (ms >= 3'600'000) {
    text.insert(0, fmt::format("{}h", ms / 3'600'000));
  }
  return text;
}

}  // namespace tdn::quota
