#include "engine/slot_memory.h"

#include <gtest/gtest.h>

#include <numeric>

namespace tdn::engine {
namespace {

std::vector<Token> tokens(int from, int count) {
  std::vector<Token> made(static_cast<std::size_t>(count));
  std::iota(made.begin(), made.end(), from);
  return made;
}
std::vector<Token> operator+(std::vector<Token> a, const std::vector<Token>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Memory : SlotMemory {
  explicit Memory(int slots, bool reuse = true) : SlotMemory(slots, 1000, reuse) {}

  Place begin(const std::vector<Token>& prompt, std::string_view partition = "") {
    const std::optional<Place> place = admit(prompt, partition, 64);
    EXPECT_TRUE(place);
    return place.value_or(Place{});
  }
  // A request that runs to its end: its prompt, and the slot it was in.
  Place run(const std::vector<Token>& prompt, std::string_view partition = "") {
    const Place place = begin(prompt, partition);
    hold(place.slot, prompt, static_cast<int>(prompt.size()));
    release(place.slot);
    return place;
  }
};

TEST(SlotMemory, TheSamePromptIsReusedButForItsLastTwoTokens) {
  Memory memory(2);
  const Place first = memory.run(tokens(0, 40));
  EXPECT_EQ(first.reused, 0);
  const Place second = memory.begin(tokens(0, 40));
  EXPECT_EQ(second.reused, 38);
  EXPECT_EQ(second.slot, first.slot);
  EXPECT_EQ(second.source, second.slot);
}

TEST(SlotMemory, WhatWasGeneratedIsNotReused) {
  Memory memory(1);
  const Place place = memory.begin(tokens(0, 10));
  memory.hold(place.slot, tokens(0, 15), 10);
  EXPECT_EQ(memory.use().used, 15);
  memory.release(place.slot);
  EXPECT_EQ(memory.use().used, 0);
  EXPECT_EQ(memory.use().cached, 10);
  EXPECT_EQ(memory.begin(tokens(0, 20)).reused, 10);
}

TEST(SlotMemory, WhatWasNotEvaluatedIsNotReused) {
  Memory memory(1);
  const Place place = memory.begin(tokens(0, 30));
  memory.hold(place.slot, tokens(0, 12), 30);  // cancelled in the middle of its prompt
  memory.release(place.slot);
  EXPECT_EQ(memory.begin(tokens(0, 30)).reused, 12);
}

TEST(SlotMemory, ShortPromptsAreEvaluatedWhole) {
  Memory memory(1);
  for (const int length : {1, 2}) {
    memory.run(tokens(0, length));
    EXPECT_EQ(memory.run(tokens(0, length)).reused, 0);
  }
}

TEST(SlotMemory, AnotherPartitionSeesNothing) {
  Memory memory(3);
  memory.run(tokens(0, 100), "a");
  EXPECT_EQ(memory.run(tokens(0, 100), "b").reused, 0);
  EXPECT_EQ(memory.run(tokens(0, 100), "").reused, 0);
  EXPECT_EQ(memory.run(tokens(0, 100), "a").reused, 98);
}

TEST(SlotMemory, ASharedStartIsCopiedWhenMuchElseWouldBeLost) {
  Memory memory(3);
  const Place talk = memory.run(tokens(0, 200));
  const Place other = memory.begin(tokens(0, 50) + tokens(1000, 50));
  EXPECT_NE(other.slot, talk.slot);
  EXPECT_EQ(other.source, talk.slot);
  EXPECT_EQ(other.reused, 50);
  EXPECT_EQ(memory.begin(tokens(0, 210)).reused, 200);  // still there
}

TEST(SlotMemory, ARunningSequencesPromptIsCopied) {
  Memory memory(2);
  const Place running = memory.begin(tokens(0, 100));
  memory.hold(running.slot, tokens(0, 64), 100);
  const Place place = memory.begin(tokens(0, 100));
  EXPECT_EQ(place.reused, 64);
  EXPECT_EQ(place.source, running.slot);
  EXPECT_NE(place.slot, running.slot);
}

TEST(SlotMemory, ALittleIsNotWorthACopy) {
  Memory memory(2);
  memory.run(tokens(0, 200));
  const Place place = memory.begin(tokens(0, 20) + tokens(1000, 50));
  EXPECT_EQ(place.reused, 0);
  EXPECT_EQ(place.source, place.slot);
  EXPECT_EQ(memory.begin(tokens(0, 200)).reused, 198);
}

TEST(SlotMemory, TheLongestUnusedIsGivenUpFirst) {
  Memory memory(2);
  memory.run(tokens(0, 20));
  memory.run(tokens(100, 20));
  EXPECT_EQ(memory.run(tokens(0, 20)).reused, 18);
  memory.run(tokens(200, 20));  // in the place of the second
  EXPECT_EQ(memory.run(tokens(0, 20)).reused, 18);
  EXPECT_EQ(memory.run(tokens(100, 20)).reused, 0);
}

TEST(SlotMemory, NoPlaceWhileAllRun) {
  Memory memory(1);
  memory.begin(tokens(0, 20));
  EXPECT_FALSE(memory.admit(tokens(0, 20), "", 64));
}

TEST(SlotMemory, AfterAFailureNothingIsReused) {
  Memory memory(1);
  const Place place = memory.begin(tokens(0, 20));
  memory.hold(place.slot, tokens(0, 20), 20);
  memory.forget(place.slot);
  EXPECT_EQ(memory.use().cached, 0);
  EXPECT_EQ(memory.begin(tokens(0, 20)).reused, 0);
}

TEST(SlotMemory, ReuseCanBeSwitchedOff) {
  Memory memory(2, false);
  memory.run(tokens(0, 40));
  EXPECT_EQ(memory.use().cached, 0);
  EXPECT_EQ(memory.run(tokens(0, 40)).reused, 0);
}

}  // namespace
}  // namespace tdn::engine
