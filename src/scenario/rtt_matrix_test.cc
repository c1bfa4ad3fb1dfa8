#include "scenario/rtt_matrix.h"

#include <gtest/gtest.h>

namespace tdn::scenario {
namespace {

using namespace std::chrono_literals;

TEST(RttMatrix, IsReadRowFromColumnTo) {
  const RttMatrix matrix = RttMatrix::parse("from\\to,a,b\na,1.5,80\nb,82.25,2\n", "m.csv").value();
  EXPECT_EQ(matrix.between("a", "b"), 80ms);
  EXPECT_EQ(matrix.between("b", "a"), 82'250us);
  EXPECT_EQ(matrix.between("a", "a"), 1'500us);
  EXPECT_TRUE(matrix.has("b"));
  EXPECT_FALSE(matrix.has("c"));
}

TEST(RttMatrix, TakesTheLineEndsOfOtherSystems) {
  EXPECT_TRUE(RttMatrix::parse("x,a\r\na,1\r\n", "m.csv").has_value());
}

TEST(RttMatrix, ThatIsWrongIsToldWithItsLine) {
  for (const auto& [text, told] : {std::pair{"", "m.csv:1: empty"},
                                   {"x\n", "m.csv:1: 0 columns and 0 rows"},
                                   {"x,a,a\na,1,1\na,1,1\n", "m.csv:1: each of"},
                                   {"x,a,b\na,1,1\n", "m.csv:1: 2 columns and 1 rows"},
                                   {"x,a,b\nb,1,1\na,1,1\n", "m.csv:2: rows stand in the order"},
                                   {"x,a,b\na,1,1\nb,1\n", "m.csv:3: rows stand in the order"},
                                   {"x,a\na,-1\n", "m.csv:2: '-1' is not a number"},
                                   {"x,a\na,nan\n", "m.csv:2: 'nan' is not a number"},
                                   {"x,a\na,1e9\n", "m.csv:2: '1e9' is not a number"}}) {
    const auto matrix = RttMatrix::parse(text, "m.csv");
    ASSERT_FALSE(matrix.has_value()) << text;
    EXPECT_NE(matrix.error().detail().find(told), std::string::npos) << matrix.error().detail();
  }
}

}  // namespace
}  // namespace tdn::scenario
