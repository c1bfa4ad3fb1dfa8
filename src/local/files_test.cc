#include "local/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "local/test_folder.h"

namespace tdn::local {
namespace {

int mode_of(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<int>(info.st_mode & 0777) : -1;
}

TEST(Files, PrivateTextIsReplacedWholeAndOnlyItsOwnerReadsIt) {
  const TestFolder folder;
  const std::string path = folder / "key";
  ASSERT_TRUE(write_private(path, "first, and longer").has_value());
  ASSERT_TRUE(write_private(path, "second").has_value());
  EXPECT_EQ(read_text(path).value(), "second");
  EXPECT_EQ(mode_of(path), 0600);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST(Files, AMissingFileIsToldApartFromOneThatCannotBeRead) {
  const TestFolder folder;
  EXPECT_EQ(read_text(folder / "none").error().code(), Code::kMissing);
  EXPECT_EQ(read_text(folder.path()).value(), "") << "a folder reads as nothing";
  const Result<void> written = write_private(folder / "no/such/folder", "text");
  ASSERT_FALSE(written.has_value());
  EXPECT_NE(written.error().detail().find("no/such/folder: No such file"), std::string::npos);
}

TEST(Files, FoldersAreMadeFromTheTopAndMayExist) {
  const TestFolder folder;
  ASSERT_TRUE(make_folder(folder / "a/b/c").has_value());
  ASSERT_TRUE(make_folder(folder / "a/b/c").has_value());
  EXPECT_EQ(mode_of(folder / "a/b"), 0700);
  ASSERT_TRUE(write_private(folder / "file", "").has_value());
  EXPECT_FALSE(make_folder(folder / "file/below").has_value());
}

TEST(Files, TheTailStartsNoEarlierThanAskedFor) {
  const TestFolder folder;
  ASSERT_TRUE(write_private(folder / "log", "0123456789").has_value());
  EXPECT_EQ(read_tail(folder / "log", 4, 100), "456789");
  EXPECT_EQ(read_tail(folder / "log", 4, 3), "789");
  EXPECT_EQ(read_tail(folder / "log", 11, 3), "");
  EXPECT_EQ(read_tail(folder / "none", 0, 3), "");
}

}  // namespace
}  // namespace tdn::local
