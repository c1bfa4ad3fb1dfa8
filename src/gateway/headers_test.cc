#include "gateway/headers.h"

#include <gtest/gtest.h>

#include <string>

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;

std::string limit(Duration duration) {
  ShortText text;
  return std::string(limit_duration(text, duration));
}

std::string timing(Duration edge, Duration engine) {
  ShortText text;
  return std::string(server_timing(text, edge, engine));
}

TEST(Headers, DurationsReadAsOpenAIWritesThem) {
  EXPECT_EQ(limit(0s), "0s");
  EXPECT_EQ(limit(-1s), "0s");
  EXPECT_EQ(limit(1500us), "2ms");
  EXPECT_EQ(limit(1s), "1s");
  EXPECT_EQ(limit(59'001ms), "1m0s");
  EXPECT_EQ(limit(6min), "6m0s");
  EXPECT_EQ(limit(3723s), "1h2m3s");
  EXPECT_EQ(limit(Duration::max()), "2562047h47m17s");
}

TEST(Headers, TimesAreToldInTenthsOfAMillisecond) {
  EXPECT_EQ(timing(0s, -1s), "edge;dur=0.0, engine;dur=0.0");
  EXPECT_EQ(timing(149us, 12'950us), "edge;dur=0.1, engine;dur=13.0");
  EXPECT_EQ(timing(2s, 150us), "edge;dur=2000.0, engine;dur=0.2");
}

TEST(Headers, RetryAfterIsNeverZero) {
  EXPECT_EQ(retry_after_seconds(0s), 1U);
  EXPECT_EQ(retry_after_seconds(1001ms), 2U);
}

TEST(Headers, TheLongestTimesFit) {
  EXPECT_EQ(timing(Duration::max() - 1s, Duration::max() - 1s),
            "edge;dur=9223372035854.8, engine;dur=9223372035854.8");
}

TEST(Headers, WhatIsTheConnectionsOrOursIsNotPassedOn) {
  EXPECT_TRUE(is_passed_on("Content-Type"));
  EXPECT_TRUE(is_passed_on("x-served-by"));
  EXPECT_TRUE(is_passed_on("x-rate"));
  for (const auto* name : {"Connection", "TRANSFER-ENCODING", "Server-Timing", "te", "set-cookie",
                           "X-RateLimit-Limit-Requests", "access-control-allow-origin"}) {
    EXPECT_FALSE(is_passed_on(name)) << name;
  }
}

}  // namespace
}  // namespace tdn::gateway
