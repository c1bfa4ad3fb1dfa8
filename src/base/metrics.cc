#include "base/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>

#include "base/assert.h"

namespace tdn {
namespace {

prometheus::MetricType type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return prometheus::MetricType::Counter;
    case MetricKind::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  TDN_ASSERT(false);
}

// Samples of one metric; a scrape has some dozens of metrics, so looking through them is fine.
struct Family {
  const MetricInfo* metric;
  std::vector<Sample> samples;
};

void add(Sample& sum, const Sample& sample) {
  sum.value += sample.value;
  TDN_ASSERT(sum.counts.size() == sample.counts.size());
  for (std::size_t i = 0; i < sum.counts.size(); ++i) {
    sum.counts[i] += sample.counts[i];
  }
}

std::vector<Family> merge(const std::vector<Sample>& samples) {
  std::vector<Family> families;
  for (const Sample& sample : samples) {
    auto family = std::find_if(families.begin(), families.end(), [&](const Family& other) {
      return other.metric->name == sample.metric->name;
    });
    if (family == families.end()) {
      family = families.insert(families.end(), Family{sample.metric, {}});
    }
    const auto same =
        std::find_if(family->samples.begin(), family->samples.end(),
                     [&](const Sample& other) { return other.labels == sample.labels; });
    if (same == family->samples.end()) {
      family->samples.push_back(sample);
    } else {
      add(*same, sample);
    }
  }
  return families;
}

prometheus::ClientMetric::Histogram histogram_of(const Sample& sample) {
  TDN_ASSERT(sample.counts.size() == sample.bounds.size() + 1);
  prometheus::ClientMetric::Histogram histogram;
  for (std::size_t i = 0; i < sample.counts.size(); ++i) {
    histogram.sample_count += sample.counts[i];
    const double bound =
        i < sample.bounds.size() ? sample.bounds[i] : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({histogram.sample_count, bound});
  }
  histogram.sample_sum = sample.value;
  return histogram;
}

prometheus::ClientMetric metric_of(const Sample& sample) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : sample.labels) {
    metric.label.push_back({name, value});
  }
  switch (sample.metric->kind) {
    case MetricKind::kCounter:
      metric.counter.value = sample.value;
      break;
    case MetricKind::kGauge:
      metric.gauge.value = sample.value;
      break;
    case MetricKind::kHistogram:
      metric.histogram = histogram_of(sample);
      break;
  }
  return metric;
}

}  // namespace

std::string render(const std::vector<Sample>& samples) {
  std::vector<prometheus::MetricFamily> families;
  for (const Family& family : merge(samples)) {
    prometheus::MetricFamily& out = families.emplace_back();
    out.name = family.metric->name;
    out.help = family.metric->help;
    out.type = type_of(family.metric->kind);
    for (const Sample& sample : family.samples) {
      out.metric.push_back(metric_of(sample));
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace tdn
