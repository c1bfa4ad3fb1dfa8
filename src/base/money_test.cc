#include "base/money.h"

#include <gtest/gtest.h>

#include <limits>

namespace tdn {
namespace {

TEST(Money, ReadsPricesPerMillionExactly) {
  EXPECT_EQ(parse_price_per_million("0.02")->pico, 20'000);
  EXPECT_EQ(parse_price_per_million("0")->pico, 0);
  EXPECT_EQ(parse_price_per_million("0.000001")->pico, 1);
  EXPECT_EQ(parse_price_per_million("1000000000")->pico, Price::kMost);
  EXPECT_EQ(parse_price_per_million("007.5")->pico, 7'500'000);
}

TEST(Money, RefusesWhatIsNoExactPrice) {
  for (const char* text : {"", ".", "1.", ".5", "-1", "+1", "1e3", "0x1", "1,5", "0.0000001", " 1",
                           "1000000000.000001", "99999999999999999999999999", "1.2.3", "NaN"}) {
    EXPECT_FALSE(parse_price_per_million(text).has_value()) << text;
  }
}

TEST(Money, LimitsAreRoundedToThePriceTheyPermit) {
  const auto limit = [](std::string_view text) {
    const auto price = parse_price_limit(text);
    return price ? price->pico : -1;
  };
  EXPECT_EQ(limit("0.02"), 20'000);
  EXPECT_EQ(limit("1e-3"), 1'000);
  EXPECT_EQ(limit("5E-7"), 0);
  EXPECT_EQ(limit("1.5e+2"), 150'000'000);
  EXPECT_EQ(limit("0.30000000000000004"), 300'000);
  EXPECT_EQ(limit("0.2999999999"), 299'999);
  EXPECT_EQ(limit("0e999999999999999999999"), 0);
  EXPECT_EQ(limit("1e999999999999999999999"), Price::kMost);
  EXPECT_EQ(limit("1e-999999999999999999999"), 0);
  EXPECT_EQ(limit("99999999999999999999999999"), Price::kMost);
  for (const char* text :
       {"", ".", "1.", ".5", "-1", "+1", "e3", "1e", "1e+", "1e1.5", "NaN", "1e3e3"}) {
    EXPECT_EQ(limit(text), -1) << text;
  }
}

TEST(Money, PricesReadBackAsPrinted) {
  for (const std::int64_t pico :
       {0L, 1L, 10L, 20'000L, 999'999L, 1'000'000L, 123'456'789L, Price::kMost}) {
    const std::string text = to_string_per_million(Price{pico});
    EXPECT_EQ(parse_price_per_million(text)->pico, pico) << text;
  }
  EXPECT_EQ(to_string_per_million(Price{20'000}), "0.02");
}

TEST(Money, PrintsAmountsExactly) {
  EXPECT_EQ(to_string(Price{20'000} * 23'000), "0.00046");
  EXPECT_EQ(to_string(Amount{0}), "0");
  EXPECT_EQ(to_string(Amount{-1}), "-0.000000000001");
  EXPECT_EQ(to_string(Amount{12'000'000'000'000}), "12");
  EXPECT_EQ(to_string(Price{Price::kMost} * std::numeric_limits<std::int64_t>::max()),
            "9223372036854775807000");
}

}  // namespace
}  // namespace tdn
