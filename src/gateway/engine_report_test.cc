#include "gateway/engine_report.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace tdn::gateway {
namespace {

const EngineMetrics& metrics_of(domain::EngineKind kind) { return *engine_kind(kind).metrics; }

auto read_tdn(std::string_view text, EngineCounters& before) {
  return read_engine_metrics(metrics_of(domain::EngineKind::kTdn), text, before);
}

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
  const auto report = read_tdn(kFirst, before);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->running, 3U);
  EXPECT_EQ(report->waiting, 2U);
  EXPECT_EQ(report->slots, 4U);
  EXPECT_EQ(report->prefill_ns_per_token, 250'000U);
  EXPECT_EQ(report->decode_us_per_token, 25'000U);
  EXPECT_EQ(report->health, route::Health::kUnknown);
}

TEST(EngineReport, SpeedIsThatOfTheWorkSinceTheLastOne) {
  EngineCounters before{.prefill = {.work = 900, .seconds = 0.2, .calls = 9},
                        .decode = {.work = 97, .seconds = 2.4}};
  const auto report = read_tdn(kFirst, before);
  EXPECT_EQ(report->prefill_ns_per_token, 500'000U);
  EXPECT_EQ(report->decode_us_per_token, 0U) << "three steps say nothing";
  const auto idle = read_tdn(kFirst, before);
  EXPECT_EQ(idle->prefill_ns_per_token, 0U);
  EngineCounters former{.prefill = {.work = 1e9, .seconds = 1e5}, .decode = {}};
  EXPECT_EQ(read_tdn(kFirst, former)->prefill_ns_per_token, 250'000U)
      << "the engine was started anew";
}

TEST(EngineReport, LittleWorkAddsUpUntilItSaysSomething) {
  const auto page = [](int tokens, double seconds) {
    return fmt::format(
        "tdn_engine_requests_running 0\ntdn_engine_requests_waiting 0\n"
        "tdn_engine_prompt_tokens_total {}\ntdn_engine_prefill_seconds_total {}\n",
        tokens, seconds);
  };
  EngineCounters before;
  EXPECT_EQ(read_tdn(page(30, 0.03), before)->prefill_ns_per_token, 0U);
  EXPECT_EQ(read_tdn(page(60, 0.06), before)->prefill_ns_per_token, 0U);
  EXPECT_EQ(read_tdn(page(90, 0.09), before)->prefill_ns_per_token, 1'000'000U);
  EXPECT_EQ(read_tdn(page(120, 0.12), before)->prefill_ns_per_token, 0U) << "30 since then";
}

TEST(EngineReport, ShortPromptsDoNotTellTheTimePerToken) {
  const auto page = [](int calls) {
    return fmt::format(
        "tdn_engine_requests_running 0\ntdn_engine_requests_waiting 0\n"
        "tdn_engine_prompt_tokens_total 1000\ntdn_engine_prefill_seconds_total 1\n"
        "tdn_engine_prefill_calls_total {}\n",
        calls);
  };
  EngineCounters before;
  EXPECT_EQ(read_tdn(page(100), before)->prefill_ns_per_token, 0U) << "ten tokens each";
  EngineCounters other;
  EXPECT_EQ(read_tdn(page(10), other)->prefill_ns_per_token, 1'000'000U) << "a hundred each";
}

TEST(EngineReport, WhatIsNoReportIsNone) {
  EngineCounters before;
  EXPECT_FALSE(read_tdn("", before).has_value());
  EXPECT_FALSE(read_tdn("tdn_engine_requests_running 3\n", before).has_value());
  EXPECT_FALSE(read_tdn("x_tdn_engine_requests_running 3\n"
                        "tdn_engine_requests_waiting x\n",
                        before)
                   .has_value());
}

// Pages under tests/corpus: llama.cpp's and that of vLLM 0.32 are as the servers wrote them, the
// others are made of public names and types.
std::string page(const std::string& name) {
  std::ifstream file(std::string(TDN_SOURCE_DIR "/tests/corpus/codec_prometheus_text_fuzz/") +
                     name);
  EXPECT_TRUE(file.is_open()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

auto read_page(domain::EngineKind kind, const std::string& name) {
  EngineCounters before;
  return read_engine_metrics(metrics_of(kind), page(name), before);
}

TEST(EngineReport, OfLlamaCpp) {
  EngineCounters before;
  const auto report =
      read_engine_metrics(metrics_of(domain::EngineKind::kLlamacpp), page("llamacpp.txt"), before);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->running, 1U);
  EXPECT_EQ(report->waiting, 0U);
  EXPECT_EQ(report->slots, 0U) << "it does not say";
  EXPECT_EQ(report->prefill_ns_per_token, 0U) << "54 tokens say little";
  EXPECT_EQ(report->decode_us_per_token, 103'164U);
  EXPECT_EQ(before.prefill.work, 0) << "and count with what follows";
}

TEST(EngineReport, OfVllmAddsUpItsReplicas) {
  const auto report = read_page(domain::EngineKind::kVllm, "vllm.txt");
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->running, 5U);
  EXPECT_EQ(report->waiting, 1U);
  EXPECT_EQ(report->slots, 0U);
  EXPECT_EQ(report->prefill_ns_per_token, 500'000U) << "of the tokens that were not cached";
  EXPECT_EQ(report->decode_us_per_token, 20'253U);
}

TEST(EngineReport, OfVllmAsOneServedIt) {
  const auto report = read_page(domain::EngineKind::kVllm, "vllm-0.32.txt");
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->running, 1U);
  EXPECT_EQ(report->waiting, 0U);
  EXPECT_EQ(report->prefill_ns_per_token, 25'885'862U) << "three prompts of 81 tokens";
  EXPECT_EQ(report->decode_us_per_token, 50'855U);
}

TEST(EngineReport, OfAnOlderVllm) {
  EngineCounters before;
  const auto report = read_engine_metrics(metrics_of(domain::EngineKind::kVllm),
                                          "vllm:num_requests_running{model_name=\"m\"} 4.0\n"
                                          "vllm:num_requests_waiting{model_name=\"m\"} 0.0\n"
                                          "vllm:gpu_cache_usage_perc{model_name=\"m\"} 0.99\n"
                                          "vllm:time_per_output_token_seconds_sum 3.0\n"
                                          "vllm:time_per_output_token_seconds_count 100.0\n",
                                          before);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->slots, 4U) << "its cache is full";
  EXPECT_EQ(report->decode_us_per_token, 30'000U);
}

TEST(EngineReport, OfSglangCountsOneRankOfEach) {
  const auto report = read_page(domain::EngineKind::kSglang, "sglang.txt");
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->running, 162U);
  EXPECT_EQ(report->waiting, 28U);
  EXPECT_EQ(report->slots, 162U) << "97 % of its cache is in use";
  EXPECT_EQ(report->prefill_ns_per_token, 0U);
  EXPECT_EQ(report->decode_us_per_token, 20'000U);
}

TEST(EngineReport, AnotherEnginesPageIsNone) {
  EngineCounters before;
  EXPECT_FALSE(
      read_engine_metrics(metrics_of(domain::EngineKind::kVllm), page("llamacpp.txt"), before));
  EXPECT_EQ(engine_kind(domain::EngineKind::kOpenai).metrics, nullptr);
}

}  // namespace
}  // namespace tdn::gateway
