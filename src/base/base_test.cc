#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "base/uid.h"

namespace tdn {
namespace {

using namespace std::chrono_literals;

Result<int> half(int n) {
  if (n % 2 != 0) {
    return fail(Code::kInvalid, "odd");
  }
  return n / 2;
}

Result<int> quarter(int n) {
  TDN_TRY(const int first, half(n));
  TDN_TRY(const int second, half(first));
  return second;
}

TEST(Result, TryStopsAtTheFirstError) {
  EXPECT_EQ(quarter(8), 2);
  ASSERT_FALSE(quarter(6).has_value());
  EXPECT_EQ(quarter(6).error().detail(), "odd");
}

TEST(Error, ContextGoesInFrontAndTheFactsStay) {
  const Error error = Error(Code::kUpstreamError, "no answer").with("while asking paris-1");
  EXPECT_EQ(error.detail(), "while asking paris-1: no answer");
  EXPECT_EQ(error.retry(), Retry::kOtherRoute);
  EXPECT_EQ(to_string(error), "upstream_error: while asking paris-1: no answer");
}

TEST(Time, PrintsRfc3339InUtc) {
  EXPECT_EQ(to_rfc3339({0}), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(to_rfc3339({1'795'465'385'123'456}), "2026-11-23T20:23:05.123456Z");
  EXPECT_EQ(to_rfc3339({-1}), "1969-12-31T23:59:59.999999Z");
}

TEST(Uid, SortsByTimeAndSurvivesPrinting) {
  SeededRandom random(1);
  const Uid early = Uid::make({1'000'000}, random);
  const Uid late = Uid::make({2'000'000}, random);
  EXPECT_LT(early, late);
  EXPECT_EQ(Uid::parse(to_string(late)), late);
  EXPECT_EQ(to_string(late)[14], '7');
  EXPECT_EQ(to_string(late).substr(0, 13), "00000000-07d0") << "milliseconds";
  EXPECT_EQ(to_string(*Uid::parse("0192F0C0-a000-7000-8000-0123456789ab")),
            "0192f0c0-a000-7000-8000-0123456789ab");
  EXPECT_FALSE(Uid::parse("0192f0c0-a000-7000-8000-00000000000g").has_value());
  EXPECT_FALSE(Uid::parse("0192f0c0xa000-7000-8000-000000000001").has_value());
}

TEST(Random, OneSeedGivesOneSequenceAndStaysBelowItsBound) {
  SeededRandom one(7);
  SeededRandom other(7);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = one.below(10);
    EXPECT_LT(value, 10U);
    EXPECT_EQ(value, other.below(10));
  }
}

TEST(Time, Rfc3339ReadsBackAsPrinted) {
  for (const std::int64_t us : {0L, -1L, 1'767'225'600'000'000L, 253'402'300'799'999'999L}) {
    EXPECT_EQ(parse_rfc3339(to_rfc3339(WallTime{us})), WallTime{us});
  }
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:01.5Z"), WallTime{1'500'000});
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), WallTime{1'709'164'800'000'000});
}

TEST(Time, RefusesWhatIsNoUtcTime) {
  for (const char* text :
       {"", "2027-12-31", "2027-12-31T00:00:00", "2027-12-31T00:00:00+01:00",
        "2027-02-29T00:00:00Z", "2027-12-31T24:00:00Z", "2027-12-31T00:60:00Z",
        "2027-12-31T00:00:00.Z", "2027-12-31T00:00:00.1234567Z", "2027-13-01T00:00:00Z",
        "2027-12-31t00:00:00Z", "x027-12-31T00:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace tdn
