#include "wan/delay_line.h"

#include <gtest/gtest.h>

namespace tdn::wan {
namespace {

using namespace std::chrono_literals;

TEST(DelayLine, GivesPiecesInTheirOrderEachAtItsMoment) {
  DelayLine line;
  EXPECT_EQ(line.next(), kNever);
  line.push("first", 10ms);
  line.push("second", 5ms);  // does not overtake
  EXPECT_EQ(line.next(), 10ms);
  EXPECT_EQ(line.front(), "first");
  line.pop(2);
  EXPECT_EQ(line.front(), "rst");
  line.pop(3);
  EXPECT_EQ(line.next(), 10ms);
  EXPECT_EQ(line.front(), "second");
}

TEST(DelayLine, TheEndComesBehindTheBytesAndNothingAfterIt) {
  DelayLine line;
  line.push("bytes", 10ms);
  line.push_end(7ms);
  EXPECT_FALSE(line.at_end());
  EXPECT_EQ(line.room(), 0U);
  line.pop(5);
  EXPECT_TRUE(line.at_end());
  EXPECT_EQ(line.next(), 10ms);
  EXPECT_EQ(line.front(), "");
}

TEST(DelayLine, IsBoundedAndHasRoomAgainOnceAPieceArrived) {
  DelayLine line;
  const std::size_t most = line.room();
  EXPECT_LT(most, DelayLine::kCapacity);
  line.push(std::string(most, 'x'), 1ms);
  EXPECT_EQ(line.room(), 0U);
  line.pop(most - 1);
  EXPECT_EQ(line.room(), 0U) << "kept as long as any of it is";
  line.pop(1);
  EXPECT_EQ(line.room(), most);
}

}  // namespace
}  // namespace tdn::wan
