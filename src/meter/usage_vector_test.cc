#include "meter/usage_vector.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <map>

#include "meter/price.h"

namespace tdn::meter {
namespace {

TokenClass token_class(std::uint64_t number) { return static_cast<TokenClass>(number); }

TEST(UsageVector, CacheReadsOfEveryModalityAreCachedInputAndWritesAreInput) {
  UsageVector usage;
  usage.set(TokenClass::kInputTextFresh, 1);
  usage.set(TokenClass::kInputTextCacheRead, 10);
  usage.set(TokenClass::kInputTextCacheWrite5m, 100);
  usage.set(TokenClass::kInputTextCacheWrite1h, 1000);
  usage.set(token_class(6), 20);      // image, read from cache
  usage.set(token_class(17), 10000);  // tool, fresh
  usage.set(TokenClass::kOutputText, 5);
  usage.set(TokenClass::kOutputReasoning, 7);
  usage.set(TokenClass::kCharactersIn, 99);
  EXPECT_EQ(usage.totals(), (TokenTotals{.input = 11101, .cached_input = 30, .output = 12}));
}

TEST(UsageVector, SumsStopAtTheTopInsteadOfWrappingToFree) {
  UsageVector usage;
  usage.set(TokenClass::kOutputText, std::numeric_limits<std::uint64_t>::max());
  usage.set(TokenClass::kOutputReasoning, 2);
  EXPECT_EQ(usage.totals().output, std::numeric_limits<std::uint64_t>::max());
}

TEST(UsageVector, OnlyClassesBelowTheToolsCanBeUnknown) {
  UsageVector usage;
  usage.set(token_class(64), 1);
  EXPECT_FALSE(usage.has_unknown_class());
  usage.set(token_class(40), 1);
  EXPECT_TRUE(usage.has_unknown_class());
}

RC_GTEST_PROP(UsageVector, HoldsWhatAMapWouldHoldInAscendingOrder,
              (const std::vector<std::pair<std::uint8_t, std::uint8_t>>& writes)) {
  UsageVector usage;
  std::map<std::uint64_t, std::uint64_t> model;
  for (const auto& [number, count] : writes) {
    usage.set(token_class(number), count);
    model[number] = count;
  }
  std::erase_if(model, [](const auto& entry) { return entry.second == 0; });
  std::vector<std::pair<std::uint64_t, std::uint64_t>> seen;
  usage.for_each(
      [&](std::uint64_t number, std::uint64_t count) { seen.emplace_back(number, count); });
  const std::vector<std::pair<std::uint64_t, std::uint64_t>> expected(model.begin(), model.end());
  RC_ASSERT(seen == expected);
  RC_ASSERT(usage.size() == model.size());
  RC_ASSERT(usage.empty() == model.empty());
}

// The numbers of the record format's worked example.
TEST(ListPrice, ChargesTheWorkedExample) {
  const ListPrice price{.currency = {{'U', 'S', 'D'}},
                        .input = *parse_price_per_million("0.02"),
                        .cached_input = *parse_price_per_million("0.005"),
                        .output = *parse_price_per_million("0.04")};
  EXPECT_EQ(price.charge({.input = 21, .cached_input = 8, .output = 12}), 940'000);
}

}  // namespace
}  // namespace tdn::meter
