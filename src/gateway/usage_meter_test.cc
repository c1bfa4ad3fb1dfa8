#include "gateway/usage_meter.h"

#include <gtest/gtest.h>

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;
using meter::TokenClass;

meter::UsageVector output(std::uint64_t tokens) {
  meter::UsageVector usage;
  usage.set(TokenClass::kOutputText, tokens);
  return usage;
}

TEST(UsageMeter, TheEnginesCountsBeatTheEstimate) {
  UsageMeter usage(100);
  usage.estimate_output(7);
  EXPECT_TRUE(usage.estimated());
  EXPECT_EQ(usage.consumed().totals().output, 7U);
  EXPECT_EQ(usage.verified().count(TokenClass::kCharactersIn), 100U);
  usage.report(output(9));
  EXPECT_FALSE(usage.estimated());
  EXPECT_EQ(usage.consumed().totals().output, 9U);
  EXPECT_TRUE(usage.verified().empty());
}

TEST(UsageMeter, ACheckpointIsDueEachSecondOr256Tokens) {
  UsageMeter usage(0);
  Instant now = 1h;
  EXPECT_FALSE(usage.take_checkpoint(now));
  usage.report(output(1));
  EXPECT_FALSE(usage.take_checkpoint(now));  // starts the clock
  EXPECT_FALSE(usage.take_checkpoint(now + 999ms));
  EXPECT_TRUE(usage.take_checkpoint(now + 1s));
  usage.report(output(256));
  EXPECT_FALSE(usage.take_checkpoint(now + 1s));
  usage.report(output(257));
  EXPECT_TRUE(usage.take_checkpoint(now + 1s));
}

}  // namespace
}  // namespace tdn::gateway
