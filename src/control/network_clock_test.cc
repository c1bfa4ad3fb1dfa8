#include "control/network_clock.h"

#include <gtest/gtest.h>

namespace tdn::control {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kDayMs = 86'400'000;

struct NetworkClockTest : testing::Test {
  ManualClock machine;
  const std::uint64_t wall_ms = static_cast<std::uint64_t>(machine.wall().us) / 1000;
  NetworkClock time{machine};
};

TEST_F(NetworkClockTest, begins_with_the_wall_clock_and_goes_on_with_the_boot_clock) {
  EXPECT_EQ(time.now_ms(), wall_ms);
  machine.set_wall({0});
  machine.advance(5s);
  EXPECT_EQ(time.now_ms(), wall_ms + 5'000);
}

TEST_F(NetworkClockTest, goes_on_as_edges_have_it) {
  for (const std::uint64_t theirs : {wall_ms - kDayMs, wall_ms + kDayMs}) {
    NetworkClock anew(machine);
    EXPECT_EQ(anew.hear(wall_ms + 900), std::nullopt) << "no more than a message takes";
    EXPECT_EQ(anew.now_ms(), wall_ms);
    EXPECT_EQ(anew.hear(theirs), static_cast<std::int64_t>(theirs - wall_ms));
    EXPECT_EQ(anew.now_ms(), theirs);
  }
}

TEST_F(NetworkClockTest, is_moved_once_and_only_at_the_start) {
  machine.advance(NetworkClock::kJoining);
  EXPECT_TRUE(time.hear(wall_ms));
  EXPECT_EQ(time.hear(wall_ms + kDayMs), std::nullopt);
  EXPECT_EQ(time.now_ms(), wall_ms);

  NetworkClock old(machine);
  machine.advance(NetworkClock::kJoining + 1s);
  const std::uint64_t before = old.now_ms();
  EXPECT_EQ(old.hear(wall_ms + kDayMs), std::nullopt);
  EXPECT_EQ(old.now_ms(), before);
}

TEST_F(NetworkClockTest, takes_the_ends_of_what_a_message_can_hold) {
  EXPECT_TRUE(time.hear(0));
  EXPECT_EQ(time.now_ms(), 0U);
  NetworkClock other(machine);
  EXPECT_TRUE(other.hear(253'402'300'799'999));
  EXPECT_EQ(other.now_ms(), 253'402'300'799'999U);
}

}  // namespace
}  // namespace tdn::control
