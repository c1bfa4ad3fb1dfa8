#include "engine/model_name.h"

#include <gtest/gtest.h>

namespace tdn::engine {
namespace {

TEST(ModelName, DropsFolderEndingAndNumberType) {
  EXPECT_EQ(model_name_of("/models/SmolLM2-135M-Instruct.Q8_0.gguf"), "SmolLM2-135M-Instruct");
  EXPECT_EQ(model_name_of("Llama-3.2-1B-Q4_K_M.gguf"), "Llama-3.2-1B");
  EXPECT_EQ(model_name_of("gemma-3-270m-bf16.gguf"), "gemma-3-270m");
  EXPECT_EQ(model_name_of("gpt-oss-20b-mxfp4.gguf"), "gpt-oss-20b");
}

TEST(ModelName, KeepsTheRest) {
  EXPECT_EQ(model_name_of("Qwen2.5-0.5B-Instruct.gguf"), "Qwen2.5-0.5B-Instruct");
  EXPECT_EQ(model_name_of("phi-4.gguf"), "phi-4");
  EXPECT_EQ(model_name_of("model"), "model");
  EXPECT_EQ(model_name_of("Q8_0.gguf"), "Q8_0");
  EXPECT_EQ(model_name_of("a-Quick.gguf"), "a-Quick");
}

}  // namespace
}  // namespace tdn::engine
