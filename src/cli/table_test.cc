#include "cli/table.h"

#include <gtest/gtest.h>

namespace tdn::cli {
namespace {

Table fruits() {
  Table table;
  table.column("NAME");
  table.column("COUNT", Align::kRight);
  table.column("NOTE");
  table.row({"süß", "7", Cell("good", Colour::kGood)});
  table.row({"apple", "1234567", ""});
  return table;
}

TEST(Table, ColumnsAreAsWideAsTheirWidestCellInCharacters) {
  EXPECT_EQ(fruits().render(false),
            "NAME     COUNT  NOTE\n"
            "süß          7  good\n"
            "apple  1234567  -\n");
}

TEST(Table, ColoursStandAroundTextOnlyAndOnlyWhereTheyAreWanted) {
  const std::string coloured = fruits().render(true);
  EXPECT_NE(coloured.find("  \x1b[32mgood\x1b[0m\n"), std::string::npos) << coloured;
  EXPECT_EQ(fruits().render(false).find('\x1b'), std::string::npos);
}

TEST(Table, NoLineIsWiderThanAskedFor) {
  EXPECT_EQ(fruits().render(false, 8), "NAME\nsüß\napple  1\n");
  EXPECT_EQ(fruits().render(false, 2), "NA\nsü\nap\n");
  EXPECT_EQ(fruits().render(true, 16).find("good"), std::string::npos);
}

}  // namespace
}  // namespace tdn::cli
