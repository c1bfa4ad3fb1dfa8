#include "local/user_secret.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "local/test_folder.h"

namespace tdn::local {
namespace {

TEST(UserSecret, IsMadeOnceAndKeptToItself) {
  const TestFolder folder;
  SeededRandom random{1};
  const auto made = open_user_secret(folder.path(), random);
  ASSERT_TRUE(made.has_value()) << made.error().detail();
  EXPECT_NE(*made, codec::Digest{});
  EXPECT_EQ(*open_user_secret(folder.path(), random), *made);
  struct stat facts{};
  ASSERT_EQ(::stat((folder.path() + "/user-secret").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

TEST(UserSecret, SomethingElseInItsPlaceIsRefusedByName) {
  const TestFolder folder;
  SeededRandom random{1};
  std::ofstream(folder.path() + "/user-secret") << "oops";
  const auto opened = open_user_secret(folder.path(), random);
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().detail().find("/user-secret does not hold 64 hex digits"),
            std::string::npos);
}

}  // namespace
}  // namespace tdn::local
