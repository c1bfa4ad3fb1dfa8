#include "local/backoff.h"

#include <gtest/gtest.h>

#include <vector>

namespace tdn::local {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesFromHalfASecondToHalfAMinute) {
  ManualClock clock;
  Backoff backoff;
  std::vector<Duration> delays;
  for (int i = 0; i < 9; ++i) {
    backoff.started(clock.now());
    clock.advance(1s);
    delays.push_back(backoff.ended(clock.now()));
  }
  EXPECT_EQ(delays, (std::vector<Duration>{500ms, 1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s}));
}

TEST(Backoff, AGoodRunStartsAfresh) {
  ManualClock clock;
  Backoff backoff;
  backoff.started(clock.now());
  EXPECT_EQ(backoff.ended(clock.now()), 500ms);
  backoff.started(clock.now());
  clock.advance(30s - 1ns);
  EXPECT_EQ(backoff.ended(clock.now()), 1s) << "not quite a good run";
  backoff.started(clock.now());
  clock.advance(30s);
  EXPECT_EQ(backoff.ended(clock.now()), 500ms);
}

}  // namespace
}  // namespace tdn::local
