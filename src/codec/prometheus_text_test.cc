#include "codec/prometheus_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tdn::codec {
namespace {

std::vector<PrometheusSample> all(std::string_view text) {
  std::vector<PrometheusSample> samples;
  PrometheusText reader(text);
  while (const auto sample = reader.next()) {
    samples.push_back(*sample);
  }
  return samples;
}

TEST(PrometheusText, ReadsWhatEnginesWrite) {
  const auto samples =
      all("# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.\n"
          "# TYPE llamacpp:prompt_tokens_total counter\n"
          "llamacpp:prompt_tokens_total 29\n"
          "vllm:num_requests_running{engine=\"0\",model_name=\"a/b\"} 2.0\n"
          "\n"
          "tokens{le=\"+Inf\"} 8.128902e+06 1395066363000\r\n"
          "last +3");
  ASSERT_EQ(samples.size(), 4U);
  EXPECT_EQ(samples[0].name, "llamacpp:prompt_tokens_total");
  EXPECT_EQ(samples[0].value, 29);
  EXPECT_EQ(samples[1].label("model_name"), "a/b");
  EXPECT_EQ(samples[1].label("engine"), "0");
  EXPECT_EQ(samples[1].label("model"), std::nullopt);
  EXPECT_EQ(samples[2].value, 8'128'902);
  EXPECT_EQ(samples[2].label("le"), "+Inf");
  EXPECT_EQ(samples[3].value, 3);
}

TEST(PrometheusText, QuotesHideBracesCommasAndQuotes) {
  const auto samples = all(R"(m{ a = "x}\"y,b=\"" , b="\\",} 1)");
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_EQ(samples[0].label("a"), R"(x}\"y,b=\")");
  EXPECT_EQ(samples[0].label("b"), R"(\\)");
}

TEST(PrometheusText, PassesOverWhatIsNoFiniteSample) {
  EXPECT_TRUE(all("a NaN\nb +Inf\nc -Inf\nx\ne {\nf{x=\"} 1\ng{x=\"1\"}\nh 1x\n{} 1\n=").empty());
  EXPECT_EQ(all("a NaN\nb 1").size(), 1U);
}

}  // namespace
}  // namespace tdn::codec
