// What all shards of an edge know together about one endpoint: its health, how many requests are
// under way from here, what it or its site last reported, how quick it has been. Lock-free; any
// shard may call anything at any time. The object outlives reloads (table.h), so a reload forgets
// nothing of it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "route/health.h"

namespace tdn::route {

// What an endpoint says of itself, or its site of it: from an engine's own metrics (the prober) or
// from a peer (the agent). Loads count everybody's requests, ours too. A rate of 0 is not known.
struct EndpointReport {
  static constexpr std::uint32_t kMostCounted = 8'191;  // more are taken for as many

  std::uint32_t running = 0;    // read or generated now
  std::uint32_t waiting = 0;    // taken, not begun
  std::uint32_t slots = 0;      // requests that are generated together; 0: not known
  std::uint32_t prompt_us = 0;  // before the first token, whatever the prompt's length
  std::uint32_t prefill_ns_per_token = 0;
  std::uint32_t decode_us_per_token = 0;  // between two tokens of one answer
  // Of an endpoint that this edge does not probe itself, by its own edge. Unknown: says nothing.
  Health health = Health::kUnknown;
};

// What keeps an endpoint from being used although nobody has asked it: known before any request.
enum class Trouble : std::uint8_t {
  kNone,
  kCredential,   // the key that it wants cannot be read at its edge
  kCertificate,  // it shows a certificate that is not accepted
};

class alignas(64) EndpointState {
 public:
  struct LastFailure {
    Observation what = Observation::kAnswered;
    Instant when{};  // to the millisecond
  };
  struct Reported {
    EndpointReport report;  // without health
    Instant when{};         // it was measured; to the millisecond
    // Ours that were under way when it came: part of the report's counts, as far as we know.
    std::uint32_t ours = 0;
  };
  // Bounds of what may be learned or reported; what lies outside is taken for the bound.
  static constexpr std::uint32_t kSlowestPromptUs = 60'000'000;
  static constexpr std::uint32_t kSlowestPrefillNs = 1'000'000'000;
  static constexpr std::uint32_t kSlowestDecodeUs = 60'000'000;

  // `who`: whose request it was that failed, for what fails at the engine (health.h).
  void observe(Observation observation, Instant now, Requester who = kNobody);
  [[nodiscard]] Health health() const;
  // All of it, for a decision or an operator.
  [[nodiscard]] HealthState health_state() const;
  // Requests of this tenant alone failed there: it is not for them, until later. One tenant at a
  // time is remembered.
  [[nodiscard]] bool shuns(Requester who, Instant now) const;

  // `measured` is when the report was true: now less the age that came with it. A report older than
  // the last one changes nothing.
  void report(const EndpointReport& report, Instant measured, Instant now);
  void report(const EndpointReport& report, Instant now) { this->report(report, now, now); }
  // The last one; nothing if there was none.
  [[nodiscard]] std::optional<Reported> reported() const;

  // The engine answered 429 or 503: it is well but wants nothing until then.
  void pause_until(Instant until);
  [[nodiscard]] Instant paused_until() const {
    return Instant(paused_until_.load(std::memory_order_relaxed));
  }

  [[nodiscard]] std::uint32_t in_flight() const {
    return in_flight_.load(std::memory_order_relaxed);
  }
  // Uncached prompt tokens of ours that it has not answered to yet.
  [[nodiscard]] std::uint32_t pending_tokens() const {
    return pending_tokens_.load(std::memory_order_relaxed);
  }
  // When something was last sent there; zero if never.
  [[nodiscard]] Instant last_used() const {
    return Instant(last_used_.load(std::memory_order_relaxed));
  }

  // Uncached tokens from which on a prompt says more of the time per token than of the time that
  // every prompt takes.
  static constexpr std::uint64_t kLongPrompt = 64;

  // From an answer: a prompt of `tokens` uncached tokens took `us` from its dispatch to the first
  // token, less the way. That is prompt_us + tokens · prefill_ns_per_token: long prompts teach the
  // second, short ones the first, each what the other leaves. Of both the least of late counts
  // (they fall quickly, the first to less than half at once, and rise slowly): what is more was
  // others' work, or a first request's, which the load tells. The second falls less quickly: a long
  // prompt may have been read before, and its engine not say so.
  void learn_prefill(std::uint64_t tokens, std::uint64_t us);
  // From answers, as moving averages over about eight of them.
  void learn_decode(std::uint64_t us_per_token);
  void learn_first_token(Duration waited);
  // Of `expected` prompt tokens that should have been in its cache, `found` were. Nothing is
  // learned of an engine that never found any: it may not say.
  void learn_cache(std::uint64_t expected, std::uint64_t found);

  // What nothing has confirmed for longer is not known any more: where nobody is sent nothing is
  // learned, and one that was slow once would be for ever.
  static constexpr Duration kRatesLast = std::chrono::minutes(1);
  struct Rates {  // 0: not known
    std::uint32_t prompt_us = 0;
    std::uint32_t prefill_ns_per_token = 0;
    std::uint32_t decode_us_per_token = 0;
  };
  // Learned from answers if requests were sent there lately, else as reported lately.
  [[nodiscard]] Rates rates(Instant now) const;
  // The same, however long ago.
  [[nodiscard]] std::uint32_t prompt_us() const;
  [[nodiscard]] std::uint32_t prefill_ns_per_token() const;
  [[nodiscard]] std::uint32_t decode_us_per_token() const;
  // From dispatch to the first token, lately; 0: not known.
  [[nodiscard]] std::uint32_t first_token_us() const {
    return first_token_us_.load(std::memory_order_relaxed);
  }
  // How much of what should be in its cache is, in 1/1024.
  static constexpr std::uint32_t kCacheSure = 1024;
  static constexpr std::uint32_t kCacheAtFirst = 768;
  [[nodiscard]] std::uint32_t cache_trust() const {
    return cache_trust_.load(std::memory_order_relaxed);
  }

  void set_trouble(Trouble trouble) { trouble_.store(trouble, std::memory_order_relaxed); }
  [[nodiscard]] Trouble trouble() const { return trouble_.load(std::memory_order_relaxed); }

  // Since start; nothing if none failed.
  [[nodiscard]] std::optional<LastFailure> last_failure() const;

 private:
  friend class InFlight;
  void count(bool failed, Instant now, Requester who);
  void shun(Requester who, Instant now);
  template <class Change>
  HealthState change_health(const Change& change);

  // What a decision reads comes first and together.
  std::atomic<std::uint64_t> health_{0};   // a packed HealthState
  std::atomic<std::uint64_t> shunned_{0};  // packed: until when, how often, who
  std::atomic<std::uint32_t> in_flight_{0};
  std::atomic<std::uint32_t> pending_tokens_{0};
  std::atomic<std::int64_t> paused_until_{0};
  std::atomic<std::int64_t> last_used_{0};
  std::atomic<std::uint64_t> reported_load_{0};  // packed: when, running, waiting
  std::atomic<std::uint32_t> reported_ours_{0};
  std::atomic<std::uint32_t> reported_slots_{0};
  std::atomic<std::uint32_t> prompt_us_{0};  // learned, as the next
  std::atomic<std::uint32_t> prefill_ns_{0};
  std::atomic<std::uint32_t> decode_us_{0};
  std::atomic<std::uint32_t> reported_prompt_us_{0};
  std::atomic<std::uint32_t> reported_prefill_ns_{0};
  std::atomic<std::uint32_t> reported_decode_us_{0};
  std::atomic<std::int64_t> rates_told_{0};  // when
  std::atomic<std::uint32_t> cache_trust_{kCacheAtFirst};
  std::atomic<std::uint32_t> first_token_us_{0};
  std::atomic<bool> tells_cache_{false};
  std::atomic<Trouble> trouble_{Trouble::kNone};
  std::atomic<std::uint64_t> window_{0};        // a packed FailureWindow; zero while none failed
  std::atomic<std::uint64_t> last_failure_{0};  // milliseconds since boot · 16 + observation + 1
};

// One request under way at an endpoint; over when destroyed. The state must outlive it.
class InFlight {
 public:
  struct Sent {
    std::uint32_t tokens = 0;  // of its prompt that are not cached there, as estimated
    Instant now{};
  };
  // Nothing if `concurrency` requests are under way already: another shard was quicker.
  [[nodiscard]] static std::optional<InFlight> try_begin(EndpointState& state,
                                                         std::uint32_t concurrency, Sent sent);
  [[nodiscard]] static std::optional<InFlight> try_begin(EndpointState& state,
                                                         std::uint32_t concurrency) {
    return try_begin(state, concurrency, Sent{});
  }
  InFlight(InFlight&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)), tokens_(std::exchange(other.tokens_, 0)) {}
  InFlight& operator=(InFlight&& other) noexcept {
    std::swap(state_, other.state_);
    std::swap(tokens_, other.tokens_);
    return *this;
  }
  ~InFlight() {
    prefilled();
    if (state_ != nullptr) {
      state_->in_flight_.fetch_sub(1, std::memory_order_relaxed);
    }
  }

  // Its first token came: the prompt has been read.
  void prefilled() {
    if (tokens_ > 0) {
      state_->pending_tokens_.fetch_sub(std::exchange(tokens_, 0), std::memory_order_relaxed);
    }
  }

 private:
  InFlight(EndpointState& state, std::uint32_t tokens) : state_(&state), tokens_(tokens) {}
  EndpointState* state_;
  std::uint32_t tokens_;
};

}  // namespace tdn::route
