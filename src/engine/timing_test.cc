#include "engine/timing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tdn::engine {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

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

TEST(Timing, ReadsTheMemory) {
  const Result<Timing> timing = parse_timing(
      "contextLength: 100\nslots: 3\nkv: {blockTokens: 16, prefixCache: false}\n", "t.yaml");
  ASSERT_TRUE(timing) << timing.error().detail();
  EXPECT_EQ(timing->kv_blocks(), 21);  // seven for each
  EXPECT_FALSE(timing->prefix_cache);
  EXPECT_EQ(parse_timing("kv: {tokens: 8200}", "t.yaml")->kv_blocks(), 512);
  EXPECT_EQ(error_of("kv: {tokens: 8000}"),
            "t.yaml: kv.tokens (8000) must hold at least one contextLength (8192), or a request "
            "could never end");
  EXPECT_EQ(error_of("kv: {prefixCache: maybe}"),
            "t.yaml:1:19: kv.prefixCache must be true or false");
  EXPECT_NE(error_of("slots: 4096\ncontextLength: 16777216\nbatchTokens: 4096"), "");
}

TEST(Timing, AProfileSetsDefaultsAndCosts) {
  const Result<Timing> timing = parse_timing("profile: h100_llama8b\nslots: 64\n", "t.yaml");
  ASSERT_TRUE(timing) << timing.error().detail();
  EXPECT_EQ(timing->slots, 64);
  EXPECT_EQ(timing->context_length, 32768);
  EXPECT_EQ(timing->batch_tokens, 2048);
  Batch batch;
  batch.entries = {{.slot = 0, .position = 0, .sample = true}};
  EXPECT_EQ(step_time(*timing, batch), step_time(*find_profile("h100_llama8b"), batch));
  EXPECT_THAT(error_of("profile: h100"), HasSubstr("t.yaml:1:10: profile must be one of rtx4090"));
  EXPECT_EQ(error_of("profile: h100_llama8b\ndecode: {base: 1}"),
            "t.yaml:2:9: a profile has these costs already; give the one or the other");
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
  prefill.starts.resize(1);
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
