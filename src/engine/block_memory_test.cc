#include "engine/block_memory.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <numeric>

namespace tdn::engine {
namespace {

std::vector<Token> tokens(int from, int count) {
  std::vector<Token> made(static_cast<std::size_t>(count));
  std::iota(made.begin(), made.end(), from);
  return made;
}

struct Memory : BlockMemory {
  explicit Memory(int blocks, bool reuse = true)
      : BlockMemory({.slots = 8, .blocks = blocks, .block_tokens = 4}, reuse) {}

  Place begin(const std::vector<Token>& prompt, std::string_view partition = "") {
    const std::optional<Place> place = admit(prompt, partition, 1000);
    EXPECT_TRUE(place);
    hold(place.value_or(Place{}).slot, prompt, static_cast<int>(prompt.size()));
    return place.value_or(Place{});
  }
  int run(const std::vector<Token>& prompt, std::string_view partition = "") {
    const Place place = begin(prompt, partition);
    release(place.slot);
    return place.reused;
  }
};

TEST(BlockMemory, WholeBlocksAreReusedButNeverTheLastToken) {
  Memory memory(100);
  EXPECT_EQ(memory.run(tokens(0, 12)), 0);
  EXPECT_EQ(memory.run(tokens(0, 12)), 8);
  EXPECT_EQ(memory.run(tokens(0, 13)), 12);
  EXPECT_EQ(memory.run(tokens(0, 7)), 4);
  EXPECT_EQ(memory.use().used, 0);
  EXPECT_EQ(memory.use().cached, 12);
}

TEST(BlockMemory, ABlockIsOnlyFoundBehindTheSameBeginning) {
  Memory memory(100);
  memory.run(tokens(0, 12));
  std::vector<Token> other = tokens(0, 13);
  other[0] = 99;
  EXPECT_EQ(memory.run(other), 0);
}

TEST(BlockMemory, RunningSequencesShareBlocks) {
  Memory memory(100);
  memory.begin(tokens(0, 17));
  EXPECT_EQ(memory.use().used, 20);
  EXPECT_EQ(memory.begin(tokens(0, 17)).reused, 16);
  EXPECT_EQ(memory.use().used, 24);  // the last block of each is its own
}

TEST(BlockMemory, PartitionsShareNothing) {
  Memory memory(100);
  memory.run(tokens(0, 17), "a");
  EXPECT_EQ(memory.run(tokens(0, 17), "b"), 0);
  EXPECT_EQ(memory.run(tokens(0, 17), "a"), 16);
}

TEST(BlockMemory, TheEndOfTheLongestUnusedGoesFirst) {
  Memory memory(8);
  memory.run(tokens(0, 16));               // 4 blocks
  memory.run(tokens(100, 16));             // 4 blocks: full
  memory.run(tokens(200, 8));              // takes the last two of the first sequence's
  EXPECT_EQ(memory.run(tokens(0, 9)), 8);  // and this the last of the second's
  EXPECT_EQ(memory.run(tokens(100, 17)), 12);
}

TEST(BlockMemory, WithoutRoomNothingChanges) {
  Memory memory(4);
  const Place place = memory.begin(tokens(0, 8));
  EXPECT_FALSE(memory.admit(tokens(100, 12), "", 1000));
  EXPECT_EQ(memory.use().used, 8);
  EXPECT_TRUE(memory.grow(place.slot, 16));
  EXPECT_FALSE(memory.grow(place.slot, 17));
  EXPECT_FALSE(memory.admit(tokens(100, 1), "", 1));
  memory.release(place.slot);
  EXPECT_TRUE(memory.admit(tokens(100, 12), "", 1000));
}

TEST(BlockMemory, OnlyTheFirstPartNeedsRoomAtOnce) {
  Memory memory(4);
  const std::optional<Place> place = memory.admit(tokens(0, 100), "", 8);
  ASSERT_TRUE(place);
  EXPECT_EQ(memory.use().used, 8);
}

TEST(BlockMemory, ReuseCanBeSwitchedOff) {
  Memory memory(100, false);
  memory.run(tokens(0, 17));
  EXPECT_EQ(memory.run(tokens(0, 17)), 0);
  EXPECT_EQ(memory.use().cached, 0);
}

// Whatever comes and goes: the blocks' books add up, and what is said to be there was there.
RC_GTEST_PROP(BlockMemory, TheBooksAddUp, ()) {
  constexpr int kBlocks = 12;
  Memory memory(kBlocks);
  std::vector<int> running;
  for (const int action : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 40))) {
    if (action < 30) {
      const std::vector<Token> prompt = tokens(action % 3, 1 + action);
      if (const std::optional<Place> place = memory.admit(prompt, "", 1000)) {
        RC_ASSERT(place->reused % 4 == 0);
        RC_ASSERT(place->reused < static_cast<int>(prompt.size()));
        memory.hold(place->slot, prompt, 1);
        running.push_back(place->slot);
      }
    } else if (!running.empty()) {
      const auto at = static_cast<std::size_t>(action) % running.size();
      memory.release(running[at]);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(at));
    }
    const KvUse use = memory.use();
    RC_ASSERT(use.used >= 4 * (running.empty() ? 0 : 1));
    RC_ASSERT(use.used + use.cached <= use.capacity);
  }
  for (const int slot : running) {
    memory.release(slot);
  }
  RC_ASSERT(memory.use().used == 0);
  RC_ASSERT(memory.admit(tokens(500, 4 * kBlocks), "", 1000).has_value());
}

}  // namespace
}  // namespace tdn::engine
