#include "wan/faults.h"

#include <gtest/gtest.h>

namespace tdn::wan {
namespace {

using namespace std::chrono_literals;

const Names kNames = {"frankfurt", "paris", "control", "berlin", "us-east", "us", "east-b"};

Placed placed(std::string_view word, LinkState state, Duration added = {}) {
  return {.target = find_target(word, kNames).value(), .fault = {std::string(word), state, added}};
}

TEST(Target, IsAPairInEitherOrderANodeOrAll) {
  const Target pair = find_target("paris-frankfurt", kNames).value();
  EXPECT_TRUE(pair.covers("frankfurt", "paris"));
  EXPECT_TRUE(pair.covers("paris", "frankfurt"));
  EXPECT_FALSE(pair.covers("paris", "control"));
  const Target node = find_target("paris", kNames).value();
  EXPECT_TRUE(node.covers("berlin", "paris"));
  EXPECT_TRUE(node.covers("paris", "control"));
  EXPECT_FALSE(node.covers("berlin", "frankfurt"));
  EXPECT_TRUE(find_target("all", kNames).value().covers("berlin", "frankfurt"));
}

TEST(Target, NamesMayContainHyphens) {
  EXPECT_EQ(find_target("us-east", kNames).value().other, "");
  const Target pair = find_target("us-east-paris", kNames).value();
  EXPECT_EQ(pair.node, "us-east");
  EXPECT_EQ(pair.other, "paris");
  EXPECT_EQ(find_target("control-us-east", kNames).value().other, "us-east");
}

TEST(Target, ThatCanBeReadInTwoWaysIsRefused) {
  const Names names = {"a", "b-c", "a-b", "c"};
  const auto target = find_target("a-b-c", names);
  ASSERT_FALSE(target.has_value());
  EXPECT_NE(target.error().detail().find("a with b-c"), std::string::npos);
  EXPECT_NE(target.error().detail().find("a-b with c"), std::string::npos);
}

TEST(Target, ThatNamesNothingIsToldWhatThereIs) {
  for (const char* word : {"rome", "rome-paris", "paris-", "-paris", "paris-paris", ""}) {
    const auto target = find_target(word, kNames);
    ASSERT_FALSE(target.has_value()) << word;
    EXPECT_NE(target.error().detail().find("berlin, control, "), std::string::npos);
  }
}

TEST(Condition, TheWorstHoldsAndSlownessAddsUp) {
  const std::vector<Placed> faults = {
      placed("paris", LinkState::kSlow, 100ms), placed("paris-frankfurt", LinkState::kSlow, 50ms),
      placed("control", LinkState::kCut), placed("berlin", LinkState::kReset)};
  EXPECT_EQ(condition_of("frankfurt", "paris", faults), (Condition{LinkState::kSlow, 150ms}));
  EXPECT_EQ(condition_of("paris", "control", faults), (Condition{LinkState::kCut, 100ms}));
  EXPECT_EQ(condition_of("berlin", "frankfurt", faults), (Condition{LinkState::kReset, 0ms}));
  EXPECT_EQ(condition_of("us", "frankfurt", faults), Condition{});
}

TEST(Faults, AreReadAsTheyAreWritten) {
  const std::vector<Fault> faults = {{"paris", LinkState::kSlow, 250ms},
                                     {"a-\"b\"", LinkState::kCut, 0ms}};
  EXPECT_EQ(parse_faults(to_json(faults)).value(), faults);
  EXPECT_EQ(parse_faults(R"({"faults":[]})").value(), std::vector<Fault>{});
}

TEST(Faults, ThatAreWrongAreRefused) {
  for (const char* text :
       {"", "[]", "{}", R"({"faults":[{}]})", R"({"faults":[{"target":"a","state":"normal"}]})",
        R"({"faults":[{"target":"a","state":"bent"}]})", R"({"faults":[{"state":"cut"}]})",
        R"({"faults":[{"target":"a","state":"slow","addedMs":60001}]})",
        R"({"faults":[{"target":"a","state":"slow","addedMs":-1}]})", R"({"faults":[1]})"}) {
    EXPECT_FALSE(parse_faults(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace tdn::wan
