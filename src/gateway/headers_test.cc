#include "gateway/headers.h"

#include <gtest/gtest.h>

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;

TEST(Headers, DurationsReadAsOpenAIWritesThem) {
  EXPECT_EQ(limit_duration(0s), "0s");
  EXPECT_EQ(limit_duration(-1s), "0s");
  EXPECT_EQ(limit_duration(1500us), "2ms");
  EXPECT_EQ(limit_duration(1s), "1s");
  EXPECT_EQ(limit_duration(59'001ms), "1m0s");
  EXPECT_EQ(limit_duration(6min), "6m0s");
  EXPECT_EQ(limit_duration(3723s), "1h2m3s");
}

TEST(Headers, TimesAreToldInTenthsOfAMillisecond) {
  EXPECT_EQ(server_timing(0s, -1s), "edge;dur=0.0, engine;dur=0.0");
  EXPECT_EQ(server_timing(149us, 12'950us), "edge;dur=0.1, engine;dur=13.0");
  EXPECT_EQ(server_timing(2s, 150us), "edge;dur=2000.0, engine;dur=0.2");
}

TEST(Headers, RetryAfterIsNeverZero) {
  EXPECT_EQ(retry_after_seconds(0s), 1U);
  EXPECT_EQ(retry_after_seconds(1001ms), 2U);
}

TEST(Headers, AListKeepsItsOwnTextAndDropsWhatDoesNotFit) {
  HeaderList list;
  list.add("a", 17U);
  {
    const std::string gone = "copied";
    list.add_copy("b", gone);
  }
  list.add_copy("c", std::string(5000, 'x'));
  ASSERT_EQ(list.fields().size(), 2U);
  EXPECT_EQ(list.fields()[0].value, "17");
  EXPECT_EQ(list.fields()[1].value, "copied");
}

}  // namespace
}  // namespace tdn::gateway
