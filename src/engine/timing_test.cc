#include "engine/timing.h"

#include <gtest/gtest.h>

namespace tdn::engine {
namespace {

using namespace std::chrono_literals;

std::string error_of(std::string_view yaml) {
  const Result<Timing> timing = parse_timing(yaml, "t.yaml");
  return timing ? "" : timing.error().detail();
}

TEST(Timing, EveryFieldHasADefault) {
  const Result<Timing> timing = parse_timing("", "t.yaml");
  ASSERT_TRUE(timing);
  EXPECT_EQ(timing->slots, 8);
  EXPECT_EQ(timing->model, "simulated");
}

TEST(Timing, ReadsWhatIsWritten) {
  const Result<Timing> timing = parse_timing(
      "model: llama-70b\nslots: 2\nseed: 18446744073709551615\nprefill: {perToken: 0.5}\n"
      "decode: {base: 1e-3, perSequence: 0}\n",
      "t.yaml");
  ASSERT_TRUE(timing) << timing.error().detail();
  EXPECT_EQ(timing->model, "llama-70b");
  EXPECT_EQ(timing->slots, 2);
  EXPECT_EQ(timing->seed, ~std::uint64_t{0});
  EXPECT_DOUBLE_EQ(timing->prefill_token_seconds, 0.5);
  EXPECT_DOUBLE_EQ(timing->decode_base_seconds, 0.001);
  EXPECT_DOUBLE_EQ(timing->decode_sequence_seconds, 0);
}

TEST(Timing, NamesThePlaceOfWhatIsWrong) {
  EXPECT_EQ(error_of("slots: 2\nslotz: 3\n"),
            "t.yaml:2:1: unknown field slotz; the fields are in docs/guide/engine.md");
  EXPECT_EQ(error_of("prefill: {perTokn: 1}"),
            "t.yaml:1:11: unknown field prefill.perTokn; the fields are in docs/guide/engine.md");
  EXPECT_EQ(error_of("slots: many"), "t.yaml:1:8: slots must be a number from 1 to 4096");
  EXPECT_EQ(error_of("slots: 0"), "t.yaml:1:8: slots must be a number from 1 to 4096");
  EXPECT_EQ(error_of("slots: \"2\""), "t.yaml:1:8: slots must be a number from 1 to 4096");
  EXPECT_EQ(error_of("decode: {base: -1}"),
            "t.yaml:1:16: decode.base must be a number from 0 to 3600");
  EXPECT_EQ(error_of("decode: 5"), "t.yaml:1:9: must be a mapping of fields to values");
  EXPECT_NE(error_of("slots: 8\nbatchTokens: 4"), "");
  EXPECT_NE(error_of("slots: 8\n---\nslots: 4"), "");
}

TEST(Timing, AStepCostsWhatTheModelSays) {
  Timing timing;
  timing.prefill_base_seconds = 1;
  timing.prefill_token_seconds = 0.01;
  timing.prefill_token_context_seconds = 0.0001;
  timing.decode_base_seconds = 0.1;
  timing.decode_sequence_seconds = 0.001;
  timing.decode_kv_token_seconds = 0.00001;

  Batch prefill;
  prefill.entries = {{.slot = 0, .position = 0}, {.slot = 0, .position = 1, .sample = true}};
  EXPECT_EQ(step_time(timing, prefill), 1020ms + 100us);

  Batch decode;
  decode.entries = {{.slot = 0, .position = 100, .sample = true},
                    {.slot = 1, .position = 50, .sample = true}};
  decode.decodes = 2;
  EXPECT_EQ(step_time(timing, decode), 102ms + 1500us);

  Batch later_part;  // the prompt's start has paid the base
  later_part.entries = {{.slot = 0, .position = 2, .sample = true}};
  EXPECT_EQ(step_time(timing, later_part), 10ms + 200us);

  Batch embedding;
  embedding.embed = {1, 2, 3};
  EXPECT_EQ(step_time(timing, embedding), 1030ms + 300us);
}

}  // namespace
}  // namespace tdn::engine
