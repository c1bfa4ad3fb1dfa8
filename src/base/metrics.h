// Metrics of the data path: plain integers that one shard owns and bumps without atomics, named and
// explained once, summed over the shards when somebody scrapes.
//
//   inline constexpr MetricInfo kRequests{.name = "tdn_requests_total", .kind =
//   MetricKind::kCounter,
//                                         .unit = "requests", .help = "Requests by outcome."};
//   struct GatewayMetrics {                                  // one per shard
//     Counter ok, failed;
//     Histogram<8> first_byte{kFirstByteBounds};
//     void sample(std::vector<Sample>& samples) const {      // on the shard's thread
//       samples.push_back({kRequests, {{"outcome", "ok"}}, ok});
//       samples.push_back({kRequests, {{"outcome", "failed"}}, failed});
//       samples.push_back({kFirstByte, {}, first_byte});
//     }
//   };
//   render(samples of all shards)    →   Prometheus' text format
//
// Names end in their unit (`_seconds`, `_bytes`) and, for counters, in `_total`.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace tdn {

enum class MetricKind : std::uint8_t { kCounter, kGauge, kHistogram };

struct MetricInfo {
  std::string_view name;
  MetricKind kind;
  std::string_view unit;  // "seconds", "bytes", "tokens", "requests", …
  std::string_view help;  // one sentence, for the operator
};

// Only grows.
class Counter {
 public:
  void add(std::uint64_t count = 1) { value_ += count; }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

// What is at this moment; of several shards the sum counts.
class Gauge {
 public:
  void add(std::int64_t difference) { value_ += difference; }
  void set(std::int64_t value) { value_ = value; }
  [[nodiscard]] std::int64_t value() const { return value_; }

 private:
  std::int64_t value_ = 0;
};

// Durations, counted in `kBounds` buckets by upper bound and one for what is longer than all.
template <std::size_t kBounds>
class Histogram {
 public:
  // Ascending seconds, of static lifetime.
  explicit Histogram(const std::array<double, kBounds>& bounds) : bounds_(&bounds) {
    for (std::size_t i = 0; i < kBounds; ++i) {
      bounds_ns_[i] = static_cast<std::int64_t>(bounds[i] * 1e9);
    }
  }
  void observe(Duration duration) {
    const auto at = std::lower_bound(bounds_ns_.begin(), bounds_ns_.end(), duration.count());
    ++counts_[static_cast<std::size_t>(at - bounds_ns_.begin())];
    sum_ns_ += duration.count();
  }
  [[nodiscard]] std::span<const double> bounds() const { return *bounds_; }
  [[nodiscard]] std::span<const std::uint64_t> counts() const { return counts_; }
  [[nodiscard]] double sum_seconds() const { return static_cast<double>(sum_ns_) / 1e9; }

 private:
  const std::array<double, kBounds>* bounds_;
  std::array<std::int64_t, kBounds> bounds_ns_{};
  std::array<std::uint64_t, kBounds + 1> counts_{};
  std::int64_t sum_ns_ = 0;
};

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// One value of one metric with one set of labels, copied out of a shard.
struct Sample {
  Sample(const MetricInfo& info, MetricLabels names, const Counter& counter)
      : Sample(info, std::move(names), static_cast<double>(counter.value())) {}
  Sample(const MetricInfo& info, MetricLabels names, const Gauge& gauge)
      : Sample(info, std::move(names), static_cast<double>(gauge.value())) {}
  // For what is counted elsewhere: an atomic, a queue's length.
  Sample(const MetricInfo& info, MetricLabels names, double number)
      : metric(&info), labels(std::move(names)), value(number) {}
  template <std::size_t kBounds>
  Sample(const MetricInfo& info, MetricLabels names, const Histogram<kBounds>& histogram)
      : metric(&info),
        labels(std::move(names)),
        value(histogram.sum_seconds()),
        bounds(histogram.bounds()),
        counts(histogram.counts().begin(), histogram.counts().end()) {}

  const MetricInfo* metric;  // of static lifetime
  MetricLabels labels;
  double value;                       // of a histogram: the sum, in seconds
  std::span<const double> bounds;     // histograms only
  std::vector<std::uint64_t> counts;  // per bucket, not cumulative; one more than bounds
};

// The text that Prometheus scrapes (`text/plain; version=0.0.4`): samples of one metric together,
// in the order of their first appearance, those with equal labels added up.
[[nodiscard]] std::string render(const std::vector<Sample>& samples);

}  // namespace tdn
