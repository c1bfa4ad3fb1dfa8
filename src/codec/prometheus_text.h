// The text format of Prometheus, as engines serve it under /metrics: one sample per line,
// `name{label="value",…} value [timestamp]`. A reader over the text, which copies nothing; a line
// that is none is passed over, since one metric that we cannot read must not hide the others.
// Histograms and summaries are what they are on the wire: samples named …_sum, …_count, …_bucket.
//
// The format: prometheus.io/docs/instrumenting/exposition_formats.
#pragma once

#include <optional>
#include <string_view>

namespace tdn::codec {

struct PrometheusSample {
  std::string_view name;
  std::string_view labels;  // between the braces, as they are
  double value = 0;         // finite

  // The value of a label, escapes as they are; nothing if it has none of that name.
  [[nodiscard]] std::optional<std::string_view> label(std::string_view name) const;
};

class PrometheusText {
 public:
  // Borrowed, as are the views in what is returned.
  explicit PrometheusText(std::string_view text) : rest_(text) {}

  // Nothing at the end. Samples that are no finite number are passed over.
  [[nodiscard]] std::optional<PrometheusSample> next();

 private:
  std::string_view rest_;
};

}  // namespace tdn::codec
