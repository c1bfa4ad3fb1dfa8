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
  Value calls;
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
    add(sample, names.calls, counted.calls);
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

WorkCounter counter_of(const Counted& counted) {
  return {.work = counted.work.value_or(0) - counted.not_of_it.value_or(0),
          .seconds = counted.seconds.value_or(0),
          .calls = counted.calls.value_or(0)};
}

// Seconds per unit of work since `before`, in `scale` of a second, and that becomes `now`; 0, and
// it stays, while there is too little. 0 too where the work of one call was too little.
std::uint32_t speed(const WorkCounter& now, WorkCounter& before, double enough, double scale) {
  if (now.work < before.work || now.seconds < before.seconds) {
    before = {};
  }
  const double done = now.work - before.work;
  if (done < enough) {
    return 0;
  }
  const double seconds = now.seconds - before.seconds;
  const double calls = now.calls - before.calls;
  before = now;
  return done < calls * enough ? 0 : count_of(std::round(scale * seconds / done));
}

}  // namespace

std::optional<route::EndpointReport> read_engine_metrics(const EngineMetrics& metrics,
                                                         std::string_view text,
                                                         EngineCounters& before) {
  const Page page(metrics, text);
  if (page.running.value_or(-1) < 0 || page.waiting.value_or(-1) < 0) {
    return std::nullopt;
  }
  route::EndpointReport report;
  report.running = count_of(*page.running);
  report.waiting = count_of(*page.waiting);
  report.slots = count_of(page.slots.value_or(0));
  if (page.kv_use() >= kCacheFull && report.running > 0) {
    report.slots = report.running;
  }
  report.prefill_ns_per_token =
      speed(counter_of(page.prefill()), before.prefill, kEnoughTokens, 1e9);
  report.decode_us_per_token = speed(counter_of(page.decode()), before.decode, kEnoughSteps, 1e6);
  return report;
}

}  // namespace tdn::gateway
