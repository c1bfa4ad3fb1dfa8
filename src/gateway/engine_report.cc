#include "gateway/engine_report.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "codec/prometheus_text.h"

namespace tdn::gateway {
namespace {

// Less work than this says little of speed.
constexpr double kEnoughTokens = 64;
constexpr double kEnoughSteps = 8;

std::uint32_t count_of(double value) {
  return static_cast<std::uint32_t>(std::clamp(value, 0.0, 1e9));
}

using Value = std::optional<double>;

struct Counted {
  Value work;
  Value not_of_it;
  Value seconds;
};

// The values of one page.
class Page {
 public:
  Page(const EngineMetrics& metrics, std::string_view text) : metrics_(metrics) {
    codec::PrometheusText reader(text);
    while (const auto sample = reader.next()) {
      if (is_first_of_its_rank(*sample)) {
        take(*sample);
      }
    }
  }

  Value running;
  Value waiting;
  Value slots;
  [[nodiscard]] double kv_use() const { return kv_use_[0].value_or(kv_use_[1].value_or(0)); }
  [[nodiscard]] const Counted& prefill() const { return first_of(prefill_); }
  [[nodiscard]] const Counted& decode() const { return first_of(decode_); }

 private:
  using Both = std::array<Counted, EngineMetrics::kNames>;

  // The ranks of one replica each tell the same.
  static bool is_first_of_its_rank(const codec::PrometheusSample& sample) {
    return sample.label("tp_rank").value_or("0") == "0";
  }

  static void add(const codec::PrometheusSample& sample, std::string_view name, Value& sum) {
    if (sample.name == name) {
      sum = sum.value_or(0) + sample.value;
    }
  }

  static void add(const codec::PrometheusSample& sample, const EngineMetrics::Speed& names,
                  Counted& counted) {
    add(sample, names.work, counted.work);
    add(sample, names.not_of_it, counted.not_of_it);
    add(sample, names.seconds, counted.seconds);
  }

  void take(const codec::PrometheusSample& sample) {
    add(sample, metrics_.running, running);
    add(sample, metrics_.waiting, waiting);
    add(sample, metrics_.slots, slots);
    for (std::size_t i = 0; i < EngineMetrics::kNames; ++i) {
      if (sample.name == metrics_.kv_use[i]) {
        kv_use_[i] = std::max(kv_use_[i].value_or(0), sample.value);
      }
      add(sample, metrics_.prefill[i], prefill_[i]);
      add(sample, metrics_.decode[i], decode_[i]);
    }
  }

  static const Counted& first_of(const Both& both) { return both[0].work ? both[0] : both[1]; }

  const EngineMetrics& metrics_;
  std::array<Value, EngineMetrics::kNames> kv_use_;
  Both prefill_;
  Both decode_;
};

// Seconds per unit of work since before, in `scale` of a second; 0 if there was too little.
std::uint32_t speed(double seconds, double seconds_before, double work, double work_before,
                    double enough, double scale) {
  if (work < work_before || seconds < seconds_before) {
    work_before = seconds_before = 0;
  }
  const double done = work - work_before;
  return done < enough ? 0 : count_of(std::round(scale * (seconds - seconds_before) / done));
}

}  // namespace

std::optional<route::EndpointReport> read_engine_metrics(const EngineMetrics& metrics,
                                                         std::string_view text,
                                                         EngineCounters& before) {
  const Page page(metrics, text);
  if (page.running.value_or(-1) < 0 || page.waiting.value_or(-1) < 0) {
    return std::nullopt;
  }
  EngineCounters now;
  now.prompt_tokens = page.prefill().work.value_or(0) - page.prefill().not_of_it.value_or(0);
  now.prefill_seconds = page.prefill().seconds.value_or(0);
  now.decode_steps = page.decode().work.value_or(0) - page.decode().not_of_it.value_or(0);
  now.decode_seconds = page.decode().seconds.value_or(0);
  route::EndpointReport report;
  report.running = count_of(*page.running);
  report.waiting = count_of(*page.waiting);
  report.slots = count_of(page.slots.value_or(0));
  if (page.kv_use() >= kCacheFull && report.running > 0) {
    report.slots = report.running;
  }
  report.prefill_ns_per_token = speed(now.prefill_seconds, before.prefill_seconds,
                                      now.prompt_tokens, before.prompt_tokens, kEnoughTokens, 1e9);
  report.decode_us_per_token = speed(now.decode_seconds, before.decode_seconds, now.decode_steps,
                                     before.decode_steps, kEnoughSteps, 1e6);
  before = now;
  return report;
}

}  // namespace tdn::gateway
