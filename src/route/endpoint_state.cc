#include "route/endpoint_state.h"

#include <algorithm>
#include <chrono>

namespace tdn::route {
namespace {

std::int64_t milliseconds(Instant instant) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(instant).count();
}

// From the lowest bit: each field behind the one before, so many bits wide.
class Packing {
 public:
  void put(std::uint64_t value, unsigned bits) {
    word_ |= value << at_;
    at_ += bits;
  }
  [[nodiscard]] std::uint64_t word() const { return word_; }

 private:
  std::uint64_t word_ = 0;
  unsigned at_ = 0;
};

class Unpacking {
 public:
  explicit Unpacking(std::uint64_t word) : word_(word) {}
  std::uint64_t take(unsigned bits) {
    const std::uint64_t value = word_ & ((std::uint64_t{1} << bits) - 1);
    word_ >>= bits;
    return value;
  }
  std::uint8_t count(unsigned bits) { return static_cast<std::uint8_t>(take(bits)); }
  Instant instant(unsigned bits) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(take(bits)));
  }

 private:
  std::uint64_t word_;
};

std::uint64_t bits_of(Instant instant) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(milliseconds(instant), 0));
}

// Of milliseconds since boot: 139 years; two.
constexpr unsigned kInstantBits = 42;
constexpr unsigned kWindowBits = 36;

std::uint64_t pack(const HealthState& state) {
  Packing out;
  out.put(static_cast<std::uint64_t>(state.health), 2);
  out.put(state.away ? 1 : 0, 1);
  out.put(state.was_up ? 1 : 0, 1);
  out.put(state.several ? 1 : 0, 1);
  out.put(state.failures, 2);
  out.put(state.probe_failures, 2);
  out.put(state.falls, 3);
  out.put(state.who, kRequesterBits);
  out.put(bits_of(state.since), kInstantBits);
  return out.word();
}

HealthState unpack(std::uint64_t word) {
  Unpacking in(word);
  HealthState state;
  state.health = static_cast<Health>(in.take(2));
  state.away = in.take(1) != 0;
  state.was_up = in.take(1) != 0;
  state.several = in.take(1) != 0;
  state.failures = in.count(2);
  state.probe_failures = in.count(2);
  state.falls = in.count(3);
  state.who = static_cast<Requester>(in.take(kRequesterBits));
  state.since = in.instant(kInstantBits);
  return state;
}

std::uint64_t pack(const FailureWindow& window) {
  Packing out;
  out.put(window.answered, 8);
  out.put(window.failed, 8);
  out.put(window.several ? 1 : 0, 1);
  out.put(window.who, kRequesterBits);
  out.put(bits_of(window.begin) & ((std::uint64_t{1} << kWindowBits) - 1), kWindowBits);
  return out.word();
}

FailureWindow unpack_window(std::uint64_t word) {
  Unpacking in(word);
  FailureWindow window;
  window.answered = in.count(8);
  window.failed = in.count(8);
  window.several = in.take(1) != 0;
  window.who = static_cast<Requester>(in.take(kRequesterBits));
  window.begin = in.instant(kWindowBits);
  return window;
}

struct Shunned {
  Requester who = kNobody;
  std::uint8_t times = 0;
  Instant until{};
};

std::uint64_t pack(const Shunned& shunned) {
  Packing out;
  out.put(shunned.who, kRequesterBits);
  out.put(shunned.times, 3);
  out.put(bits_of(shunned.until), kInstantBits);
  return out.word();
}

Shunned unpack_shunned(std::uint64_t word) {
  Unpacking in(word);
  Shunned shunned;
  shunned.who = static_cast<Requester>(in.take(kRequesterBits));
  shunned.times = in.count(3);
  shunned.until = in.instant(kInstantBits);
  return shunned;
}

// when in milliseconds since boot 38 (8 years) | running 13 | waiting 13. Zero: no report; a
// machine that is up for no millisecond yet has none.
constexpr unsigned kCountBits = 13;
static_assert(EndpointReport::kMostCounted == (1U << kCountBits) - 1);

std::uint64_t pack(const EndpointReport& report, std::int64_t when_ms) {
  const auto bounded = [](std::uint32_t count) {
    return std::uint64_t{std::min(count, EndpointReport::kMostCounted)};
  };
  return static_cast<std::uint64_t>(when_ms) << (2 * kCountBits) |
         bounded(report.running) << kCountBits | bounded(report.waiting);
}

std::int64_t when_ms_of(std::uint64_t load) {
  return static_cast<std::int64_t>(load >> (2 * kCountBits));
}

// Of the way to a new value, one part in so many.
struct Pace {
  std::int64_t down = 8;
  std::int64_t up = 8;
  bool falls = false;  // to less than half at once
};
// Near the least of late. What is less than half was no fluctuation: it counts whole.
constexpr Pace kLeast{.down = 2, .up = 32, .falls = true};
constexpr Pace kLeastSlowly{.down = 8, .up = 32};

// A moving average, by default of about eight values; the first counts whole. Two shards that learn
// at once may lose one of the values, which an average can bear.
void learn(std::atomic<std::uint32_t>& average, std::uint64_t value, std::uint32_t most,
           Pace pace = {}) {
  const std::int64_t bounded = std::clamp<std::int64_t>(
      static_cast<std::int64_t>(std::min<std::uint64_t>(value, most)), 1, most);
  const std::int64_t before = average.load(std::memory_order_relaxed);
  const std::int64_t next =
      before == 0 || (pace.falls && bounded < before / 2)
          ? bounded
          : before + (bounded - before) / (bounded < before ? pace.down : pace.up);
  average.store(static_cast<std::uint32_t>(next), std::memory_order_relaxed);
}

void take_rate(std::atomic<std::uint32_t>& rate, std::uint32_t told, std::uint32_t most) {
  if (told > 0) {
    rate.store(std::min(told, most), std::memory_order_relaxed);
  }
}

std::uint32_t first_known(const std::atomic<std::uint32_t>& learned,
                          const std::atomic<std::uint32_t>& reported) {
  const std::uint32_t own = learned.load(std::memory_order_relaxed);
  return own != 0 ? own : reported.load(std::memory_order_relaxed);
}

bool is_failure(Observation observation) {
  return observation != Observation::kAnswered && observation != Observation::kProbeAnswered;
}

}  // namespace

template <class Change>
HealthState EndpointState::change_health(const Change& change) {
  std::uint64_t bits = health_.load(std::memory_order_relaxed);
  while (true) {
    const HealthState next = change(unpack(bits));
    const std::uint64_t next_bits = pack(next);
    // The usual case changes nothing and writes nothing, so shards do not fight for the line.
    if (next_bits == bits ||
        health_.compare_exchange_weak(bits, next_bits, std::memory_order_relaxed)) {
      return next;
    }
  }
}

void EndpointState::observe(Observation observation, Instant now, Requester who) {
  const HealthState next =
      change_health([&](const HealthState& state) { return after(state, observation, now, who); });
  const bool failed_request = is_failed_request(observation);
  if (failed_request || observation == Observation::kAnswered) {
    count(failed_request, now, who);
  }
  if (failed_request && blames_one(next)) {
    shun(next.who, now);
  }
  if (is_failure(observation)) {
    last_failure_.store(static_cast<std::uint64_t>(milliseconds(now)) << 4 |
                            (static_cast<std::uint64_t>(observation) + 1),
                        std::memory_order_relaxed);
  }
}

// Two shards that count at once may lose one of theirs, which a share can bear.
void EndpointState::count(bool failed, Instant now, Requester who) {
  const std::uint64_t before = window_.load(std::memory_order_relaxed);
  if (before == 0 && !failed) {
    return;
  }
  const FailureWindow window = after(unpack_window(before), failed, now, who);
  if (!ejects(window)) {
    window_.store(window.failed == 0 ? 0 : pack(window), std::memory_order_relaxed);
    return;
  }
  window_.store(0, std::memory_order_relaxed);
  change_health([now](const HealthState& state) { return ejected(state, now); });
}

void EndpointState::shun(Requester who, Instant now) {
  const Shunned before = unpack_shunned(shunned_.load(std::memory_order_relaxed));
  Shunned next{who, 0, {}};
  if (before.who == who && now < before.until) {
    return;
  }
  if (before.who == who && now < before.until + kForgiveness) {
    next.times = static_cast<std::uint8_t>(std::min<int>(before.times + 1, kMostDoublings));
  }
  next.until = now + kFirstHold * (1 << next.times);
  shunned_.store(pack(next), std::memory_order_relaxed);
}

bool EndpointState::shuns(Requester who, Instant now) const {
  const std::uint64_t bits = shunned_.load(std::memory_order_relaxed);
  if (bits == 0 || who == kNobody) {
    return false;
  }
  const Shunned shunned = unpack_shunned(bits);
  return shunned.who == who && now < shunned.until;
}

HealthState EndpointState::health_state() const {
  return unpack(health_.load(std::memory_order_relaxed));
}

Health EndpointState::health() const {
  return static_cast<Health>(health_.load(std::memory_order_relaxed) & 3);
}

void EndpointState::report(const EndpointReport& report, Instant measured, Instant now) {
  const std::int64_t when = std::max<std::int64_t>(milliseconds(std::min(measured, now)), 1);
  std::uint64_t before = reported_load_.load(std::memory_order_relaxed);
  const std::uint64_t next = pack(report, when);
  do {
    if (when_ms_of(before) > when) {
      return;
    }
  } while (!reported_load_.compare_exchange_weak(before, next, std::memory_order_relaxed));
  reported_ours_.store(in_flight(), std::memory_order_relaxed);
  reported_slots_.store(report.slots, std::memory_order_relaxed);
  if (report.prompt_us > 0 || report.prefill_ns_per_token > 0 || report.decode_us_per_token > 0) {
    rates_told_.store(now.count(), std::memory_order_relaxed);
  }
  take_rate(reported_prompt_us_, report.prompt_us, kSlowestPromptUs);
  take_rate(reported_prefill_ns_, report.prefill_ns_per_token, kSlowestPrefillNs);
  take_rate(reported_decode_us_, report.decode_us_per_token, kSlowestDecodeUs);
  switch (report.health) {
    case Health::kUnknown:
      break;
    case Health::kUp:
      observe(Observation::kProbeAnswered, now);
      break;
    case Health::kDown:
      observe(Observation::kToldDown, now);
      break;
    case Health::kEjected:
      observe(Observation::kToldEjected, now);
      break;
  }
}

std::optional<EndpointState::Reported> EndpointState::reported() const {
  const std::uint64_t load = reported_load_.load(std::memory_order_relaxed);
  if (load == 0) {
    return std::nullopt;
  }
  Reported found;
  found.report.running =
      static_cast<std::uint32_t>(load >> kCountBits) & EndpointReport::kMostCounted;
  found.report.waiting = static_cast<std::uint32_t>(load) & EndpointReport::kMostCounted;
  found.report.slots = reported_slots_.load(std::memory_order_relaxed);
  found.report.prompt_us = reported_prompt_us_.load(std::memory_order_relaxed);
  found.report.prefill_ns_per_token = reported_prefill_ns_.load(std::memory_order_relaxed);
  found.report.decode_us_per_token = reported_decode_us_.load(std::memory_order_relaxed);
  found.when = std::chrono::milliseconds(when_ms_of(load));
  found.ours = reported_ours_.load(std::memory_order_relaxed);
  return found;
}

void EndpointState::learn_prefill(std::uint64_t tokens, std::uint64_t us) {
  us = std::min(us, UINT64_MAX / 1000);
  if (tokens >= kLongPrompt) {
    const std::uint64_t reading = us - std::min<std::uint64_t>(us, prompt_us());
    learn(prefill_ns_, reading * 1000 / tokens, kSlowestPrefillNs, kLeastSlowly);
    return;
  }
  const std::uint64_t reading = tokens * prefill_ns_per_token() / 1000;
  learn(prompt_us_, us - std::min(us, reading), kSlowestPromptUs, kLeast);
}

void EndpointState::learn_decode(std::uint64_t us_per_token) {
  learn(decode_us_, us_per_token, kSlowestDecodeUs);
}

void EndpointState::learn_first_token(Duration waited) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(waited).count();
  learn(first_token_us_, static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0)), UINT32_MAX);
}

void EndpointState::learn_cache(std::uint64_t expected, std::uint64_t found) {
  if (found > 0 && !tells_cache_.load(std::memory_order_relaxed)) {
    tells_cache_.store(true, std::memory_order_relaxed);
  }
  if (expected == 0 || !tells_cache_.load(std::memory_order_relaxed)) {
    return;
  }
  const std::int64_t share =
      static_cast<std::int64_t>(found >= expected ? kCacheSure : found * kCacheSure / expected);
  const std::int64_t before = cache_trust();
  cache_trust_.store(static_cast<std::uint32_t>(before + (share - before) / 8),
                     std::memory_order_relaxed);
}

EndpointState::Rates EndpointState::rates(Instant now) const {
  const auto lately = [now](const std::atomic<std::int64_t>& when) {
    return now - Instant(when.load(std::memory_order_relaxed)) <= kRatesLast;
  };
  const bool learned = lately(last_used_);
  const bool told = lately(rates_told_);
  const auto known = [&](const std::atomic<std::uint32_t>& own,
                         const std::atomic<std::uint32_t>& reported) {
    const std::uint32_t rate = learned ? own.load(std::memory_order_relaxed) : 0;
    return rate != 0 || !told ? rate : reported.load(std::memory_order_relaxed);
  };
  return {.prompt_us = known(prompt_us_, reported_prompt_us_),
          .prefill_ns_per_token = known(prefill_ns_, reported_prefill_ns_),
          .decode_us_per_token = known(decode_us_, reported_decode_us_)};
}

std::uint32_t EndpointState::prompt_us() const {
  return first_known(prompt_us_, reported_prompt_us_);
}

std::uint32_t EndpointState::prefill_ns_per_token() const {
  return first_known(prefill_ns_, reported_prefill_ns_);
}

std::uint32_t EndpointState::decode_us_per_token() const {
  return first_known(decode_us_, reported_decode_us_);
}

void EndpointState::pause_until(Instant until) {
  std::int64_t current = paused_until_.load(std::memory_order_relaxed);
  while (current < until.count() &&
         !paused_until_.compare_exchange_weak(current, until.count(), std::memory_order_relaxed)) {
  }
}

std::optional<EndpointState::LastFailure> EndpointState::last_failure() const {
  const std::uint64_t bits = last_failure_.load(std::memory_order_relaxed);
  if (bits == 0) {
    return std::nullopt;
  }
  return LastFailure{static_cast<Observation>((bits & 15) - 1),
                     std::chrono::milliseconds(static_cast<std::int64_t>(bits >> 4))};
}

std::optional<InFlight> InFlight::try_begin(EndpointState& state, std::uint32_t concurrency,
                                            Sent sent) {
  std::uint32_t current = state.in_flight_.load(std::memory_order_relaxed);
  while (current < concurrency) {
    if (state.in_flight_.compare_exchange_weak(current, current + 1, std::memory_order_relaxed)) {
      if (sent.tokens > 0) {
        state.pending_tokens_.fetch_add(sent.tokens, std::memory_order_relaxed);
      }
      if (sent.now > Instant{}) {
        state.last_used_.store(sent.now.count(), std::memory_order_relaxed);
      }
      return InFlight(state, sent.tokens);
    }
  }
  return std::nullopt;
}

}  // namespace tdn::route
