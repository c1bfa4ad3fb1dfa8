#include "local/state_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain/api_key.h"
#include "local/test_folder.h"

namespace tdn::local {
namespace {

TEST(StateFolder, DefaultFollowsTheDesktopRules) {
  EXPECT_EQ(default_state_folder("/state", "/me"), "/state/tdn");
  EXPECT_EQ(default_state_folder(nullptr, "/me"), "/me/.local/state/tdn");
  EXPECT_EQ(default_state_folder("relative", "/me"), "/me/.local/state/tdn");
  EXPECT_EQ(default_state_folder(nullptr, nullptr), ".tdn");
}

TEST(StateFolder, ASecondNetworkIsRefusedByNameAndPidUntilTheFirstIsGone) {
  const TestFolder folder;
  const std::string path = folder / "state";
  {
    const Result<StateFolder> first = StateFolder::open(path);
    ASSERT_TRUE(first.has_value());
    const Result<StateFolder> second = StateFolder::open(path);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().detail(), "a network already runs in " + path + " (tdn up, pid " +
                                           std::to_string(::getpid()) +
                                           "): stop it, or give another folder by --state");
  }
  EXPECT_TRUE(StateFolder::open(path).has_value());
}

TEST(StateFolder, TheDemoKeyIsMadeOnceAndOnlyItsOwnerReadsIt) {
  const TestFolder folder;
  const StateFolder state = StateFolder::open(folder.path()).value();
  const Secret first = state.demo_key(system_random()).value();
  EXPECT_TRUE(domain::parse_api_key(first.reveal()).has_value());
  EXPECT_EQ(state.demo_key(system_random()).value().reveal(), first.reveal());
  struct stat info{};
  ASSERT_EQ(::stat(state.file("demo-key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST(StateFolder, ADamagedKeyIsToldAndNotReplaced) {
  const TestFolder folder;
  const StateFolder state = StateFolder::open(folder.path()).value();
  ASSERT_TRUE(write_private(state.file("demo-key"), "sk-tdn-nonsense\n").has_value());
  const Result<Secret> key = state.demo_key(system_random());
  ASSERT_FALSE(key.has_value());
  EXPECT_NE(key.error().detail().find("demo-key does not hold an API key: remove it"),
            std::string::npos);
  EXPECT_EQ(key.error().detail().find("nonsense"), std::string::npos);
}

}  // namespace
}  // namespace tdn::local
