#include "base/metrics.h"

#include <gtest/gtest.h>

namespace tdn {
namespace {

using namespace std::chrono_literals;

constexpr MetricInfo kRequests{.name = "tdn_requests_total",
                               .kind = MetricKind::kCounter,
                               .unit = "requests",
                               .help = "Requests by outcome."};
constexpr MetricInfo kOpen{.name = "tdn_streams_open",
                           .kind = MetricKind::kGauge,
                           .unit = "streams",
                           .help = "Streams open now."};
constexpr MetricInfo kDelay{.name = "tdn_delay_seconds",
                            .kind = MetricKind::kHistogram,
                            .unit = "seconds",
                            .help = "Delay."};
constexpr std::array<double, 2> kBounds{0.001, 1.0};

TEST(Metrics, ShardsAreAddedUpByLabelAndMetricsStayTogether) {
  Counter ok;
  Counter failed;
  Gauge open;
  ok.add(3);
  failed.add();
  open.add(2);
  open.add(-1);
  const std::vector<Sample> samples = {
      {kRequests, {{"outcome", "ok"}}, ok},
      {kOpen, {}, open},
      {kRequests, {{"outcome", "failed"}}, failed},
      {kRequests, {{"outcome", "ok"}}, ok},
      {kOpen, {}, open},
  };
  EXPECT_EQ(render(samples),
            "# HELP tdn_requests_total Requests by outcome.\n"
            "# TYPE tdn_requests_total counter\n"
            "tdn_requests_total{outcome=\"ok\"} 6\n"
            "tdn_requests_total{outcome=\"failed\"} 1\n"
            "# HELP tdn_streams_open Streams open now.\n"
            "# TYPE tdn_streams_open gauge\n"
            "tdn_streams_open 2\n");
}

TEST(Metrics, HistogramBucketsAreCumulativeWithInclusiveUpperBounds) {
  Histogram<2> shard(kBounds);
  shard.observe(1ms);
  shard.observe(1ms + 1ns);
  shard.observe(1min);
  Histogram<2> other(kBounds);
  other.observe(1s);
  EXPECT_EQ(render({{kDelay, {}, shard}, {kDelay, {}, other}}),
            "# HELP tdn_delay_seconds Delay.\n"
            "# TYPE tdn_delay_seconds histogram\n"
            "tdn_delay_seconds_count 4\n"
            "tdn_delay_seconds_sum 61.002000001\n"
            "tdn_delay_seconds_bucket{le=\"0.001\"} 1\n"
            "tdn_delay_seconds_bucket{le=\"1\"} 3\n"
            "tdn_delay_seconds_bucket{le=\"+Inf\"} 4\n");
}

TEST(Metrics, LabelValuesCannotBreakTheText) {
  Counter counter;
  EXPECT_NE(render({{kRequests, {{"model", "a\"} 9\n"}}, counter}}).find(R"({model="a\"} 9\n"} 0)"),
            std::string::npos);
}

}  // namespace
}  // namespace tdn
