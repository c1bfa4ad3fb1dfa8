#include "gateway/engine_report.h"

#include <gtest/gtest.h>

namespace tdn::gateway {
namespace {

constexpr std::string_view kFirst =
    "# HELP tdn_engine_requests_running Requests whose prompt is read.\n"
    "# TYPE tdn_engine_requests_running gauge\n"
    "tdn_engine_requests_running 3\n"
    "tdn_engine_requests_waiting 2\n"
    "tdn_engine_slots 4\n"
    "tdn_engine_prompt_tokens_total 1000\n"
    "tdn_engine_prefill_seconds_total 0.25\n"
    "tdn_engine_prefill_calls_total 10\n"
    "tdn_engine_decode_calls_total 110\n"
    "tdn_engine_decode_seconds_total 2.5\n";

TEST(EngineReport, TellsLoadAndSpeed) {
  EngineCounters before;
  const auto report = read_engine_metrics(kFirst, before);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->running, 3U);
  EXPECT_EQ(report->waiting, 2U);
  EXPECT_EQ(report->slots, 4U);
  EXPECT_EQ(report->prefill_ns_per_token, 250'000U);
  EXPECT_EQ(report->decode_us_per_token, 25'000U);
  EXPECT_EQ(report->health, route::Health::kUnknown);
}

TEST(EngineReport, SpeedIsThatOfTheWorkSinceTheLastOne) {
  EngineCounters before{
      .prompt_tokens = 900, .prefill_seconds = 0.2, .decode_steps = 97, .decode_seconds = 2.4};
  const auto report = read_engine_metrics(kFirst, before);
  EXPECT_EQ(report->prefill_ns_per_token, 500'000U);
  EXPECT_EQ(report->decode_us_per_token, 0U) << "three steps say nothing";
  const auto idle = read_engine_metrics(kFirst, before);
  EXPECT_EQ(idle->prefill_ns_per_token, 0U);
  EngineCounters former{.prompt_tokens = 1e9, .prefill_seconds = 1e5};
  EXPECT_EQ(read_engine_metrics(kFirst, former)->prefill_ns_per_token, 250'000U)
      << "the engine was started anew";
}

TEST(EngineReport, WhatIsNoReportIsNone) {
  EngineCounters before;
  EXPECT_FALSE(read_engine_metrics("", before).has_value());
  EXPECT_FALSE(read_engine_metrics("tdn_engine_requests_running 3\n", before).has_value());
  EXPECT_FALSE(read_engine_metrics("x_tdn_engine_requests_running 3\n"
                                   "tdn_engine_requests_waiting x\n",
                                   before)
                   .has_value());
}

}  // namespace
}  // namespace tdn::gateway
