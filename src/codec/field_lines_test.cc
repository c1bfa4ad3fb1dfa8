#include "codec/field_lines.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace tdn::codec {
namespace {

TEST(FieldLines, StandAsOnTheWire) {
  FieldLines lines;
  lines.add("x-a", "one")
      .add("x-b", "", "two")
      .add("x-c", std::uint64_t{18'446'744'073'709'551'615U});
  lines.add(Field{"Content-Type", "text/plain"}).add("x-empty", "");
  EXPECT_FALSE(lines.broken());
  EXPECT_EQ(lines.text(),
            "x-a: one\r\nx-b: two\r\nx-c: 18446744073709551615\r\nContent-Type: text/plain\r\n"
            "x-empty: \r\n");
  lines.clear();
  EXPECT_EQ(lines.text(), "");
}

// Every length around the widths that are looked at together, and every place in it.
TEST(FieldLines, ALineBreakOrAZeroByteAnywhereBreaksThem) {
  for (const char bad : {'\r', '\n', '\0'}) {
    for (std::size_t size = 1; size <= 50; ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string value(size, 'v');
        EXPECT_FALSE(breaks_line(value));
        value[at] = bad;
        FieldLines lines;
        EXPECT_TRUE(lines.add("x-a", value).broken()) << size << " " << at;
        lines.clear();
        EXPECT_FALSE(lines.broken());
        EXPECT_TRUE(lines.add(Field{value, "v"}).broken());
      }
    }
  }
}

TEST(FieldLines, ABrokenBlockMakesNoHead) {
  FieldLines lines;
  lines.add("x-a", "1\r\nx-b: 2");
  std::array<char, 256> buffer;
  EXPECT_FALSE(HeadWriter(buffer).status(200).lines(lines).finish().has_value());
}

}  // namespace
}  // namespace tdn::codec
