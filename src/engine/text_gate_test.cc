#include "engine/text_gate.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace tdn::engine {
namespace {

std::string repaired(std::string_view bytes) {
  Utf8Repair repair;
  std::string out;
  repair.push(bytes, out);
  return out;
}

TEST(Utf8Repair, HoldsBytesUntilTheCharacterIsComplete) {
  Utf8Repair repair;
  std::string out;
  repair.push("a\xf0\x9f", out);
  EXPECT_EQ(out, "a");
  repair.push("\x98", out);
  EXPECT_EQ(out, "a");
  repair.push("\x80z", out);
  EXPECT_EQ(out, "a😀z");
}

TEST(Utf8Repair, LeavesOutACharacterThatTheEndCuts) {
  EXPECT_EQ(repaired("a\xe2\x82"), "a");
  TextGate gate({"stop"});
  EXPECT_EQ(gate.push("st\xf0\x9f"), "");
  EXPECT_EQ(gate.finish(), "st");
}

TEST(Utf8Repair, ReplacesWhatCannotBecomeACharacter) {
  EXPECT_EQ(repaired("\xff"), "\ufffd");
  EXPECT_EQ(repaired("\xe2\x82z"), "\ufffdz");                          // cut by another character
  EXPECT_EQ(repaired("\xc0\xaf"), "\ufffd\ufffd");                      // overlong
  EXPECT_EQ(repaired("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");            // a surrogate
  EXPECT_EQ(repaired("\xf4\x90\x80\x80"), "\ufffd\ufffd\ufffd\ufffd");  // beyond U+10FFFF
  EXPECT_EQ(repaired("\xe2\xe2\x82\xac"), "\ufffd€");
}

RC_GTEST_PROP(Utf8Repair, AnySplitGivesTheSameText, (const std::string& bytes)) {
  Utf8Repair repair;
  std::string out;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const auto take = *rc::gen::inRange<std::size_t>(1, rest.size() + 1);
    repair.push(rest.substr(0, take), out);
    rest.remove_prefix(take);
  }
  RC_ASSERT(out == repaired(bytes));
  RC_ASSERT(out == repaired(out));  // and it is well formed
}

TEST(TextGate, PassesTextThroughWithoutStops) {
  TextGate gate({});
  EXPECT_EQ(gate.push("Hello"), "Hello");
  EXPECT_EQ(gate.push(" world"), " world");
  EXPECT_EQ(gate.finish(), "");
  EXPECT_FALSE(gate.stopped());
}

TEST(TextGate, CutsBeforeAStopThatSpansPieces) {
  TextGate gate({"END"});
  EXPECT_EQ(gate.push("one E"), "one ");
  EXPECT_EQ(gate.push("N"), "");
  EXPECT_EQ(gate.push("D two"), "");
  EXPECT_TRUE(gate.stopped());
  EXPECT_EQ(gate.push("more"), "");
  EXPECT_EQ(gate.finish(), "");
}

TEST(TextGate, ReleasesWhatTurnedOutNotToBeAStop) {
  TextGate gate({"END"});
  EXPECT_EQ(gate.push("EN"), "");
  EXPECT_EQ(gate.push("EMY"), "ENEMY");
  EXPECT_EQ(gate.push("E"), "");
  EXPECT_EQ(gate.finish(), "E");
}

TEST(TextGate, TheFirstCompleteOfSeveralStopsWins) {
  TextGate gate({"two three", "wo", "two"});
  EXPECT_EQ(gate.push("one two three"), "one ");
  EXPECT_TRUE(gate.stopped());
}

TEST(TextGate, AStopOfSeveralBytesPerCharacterSplitAnywhere) {
  TextGate gate({"é。"});
  EXPECT_EQ(gate.push("caf\xc3"), "caf");
  EXPECT_EQ(gate.push("\xa9"), "");
  EXPECT_EQ(gate.push("\xe3\x80"), "");
  EXPECT_EQ(gate.push("\x82 after"), "");
  EXPECT_TRUE(gate.stopped());
}

// Against the obvious algorithm: the text byte by byte, cut where the first stop is complete.
RC_GTEST_PROP(TextGate, AnySplitGivesTheTextBeforeTheFirstStop, ()) {
  const auto letters = rc::gen::container<std::string>(rc::gen::element('a', 'b', 'c'));
  const std::string text = *letters;
  const auto stops =
      *rc::gen::resize(3, rc::gen::container<std::vector<std::string>>(rc::gen::nonEmpty(letters)));
  std::size_t cut = std::string::npos;
  for (std::size_t end = 1; end <= text.size() && cut == std::string::npos; ++end) {
    for (const std::string& stop : stops) {
      if (std::string_view(text).substr(0, end).ends_with(stop)) {
        cut = std::min(cut, end - stop.size());
      }
    }
  }

  TextGate gate(stops);
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto take = *rc::gen::inRange<std::size_t>(1, rest.size() + 1);
    out += gate.push(rest.substr(0, take));
    rest.remove_prefix(take);
  }
  out += gate.finish();
  RC_ASSERT(gate.stopped() == (cut != std::string::npos));
  RC_ASSERT(out == text.substr(0, cut));
}

}  // namespace
}  // namespace tdn::engine
