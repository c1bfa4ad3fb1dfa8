#include "local/chaos.h"

#include <gtest/gtest.h>

namespace tdn::local {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'767'225'600'000'000};

Chaos chaos_of_three() {
  return Chaos(
      {.sites = {"frankfurt", "paris", "ashburn"}, .cities = {"new-york"}, .has_links = true});
}

std::string refused(Chaos& chaos, std::optional<Harm> harm, const std::string& target) {
  const std::vector<Broken> before = chaos.broken();
  const Result<void> taken = chaos.take({.harm = harm, .target = target, .added = {}}, kNow);
  EXPECT_FALSE(taken.has_value()) << target;
  EXPECT_EQ(chaos.broken(), before);
  return taken ? "" : taken.error().detail();
}

void must(Chaos& chaos, std::optional<Harm> harm, const std::string& target, Duration added = {}) {
  const Result<void> taken = chaos.take({.harm = harm, .target = target, .added = added}, kNow);
  EXPECT_TRUE(taken.has_value()) << taken.error().detail();
}

TEST(Chaos, KeepsWhatIsBrokenUntilItIsHealed) {
  Chaos chaos = chaos_of_three();
  must(chaos, Harm::kKill, "paris");
  must(chaos, Harm::kCut, "paris-frankfurt");
  must(chaos, Harm::kSlow, "new-york-ashburn", 200ms);
  EXPECT_TRUE(chaos.is(Harm::kKill, "paris"));
  EXPECT_FALSE(chaos.is(Harm::kPause, "paris"));
  EXPECT_EQ(chaos.faults(),
            (std::vector<wan::Fault>{{"frankfurt-paris", wan::LinkState::kCut, 0ms},
                                     {"ashburn-new-york", wan::LinkState::kSlow, 200ms}}));
  must(chaos, std::nullopt, "frankfurt-paris");
  EXPECT_EQ(chaos.faults().size(), 1U);
  must(chaos, std::nullopt, "paris");
  EXPECT_FALSE(chaos.is(Harm::kKill, "paris"));
  must(chaos, std::nullopt, "");
  EXPECT_TRUE(chaos.broken().empty());
}

TEST(Chaos, TheLaterOfAKindReplacesTheFormerOnTheSameTarget) {
  Chaos chaos = chaos_of_three();
  must(chaos, Harm::kPause, "paris");
  must(chaos, Harm::kCut, "paris");
  must(chaos, Harm::kKill, "paris");
  must(chaos, Harm::kSlow, "paris", 10ms);
  must(chaos, Harm::kReset, "paris-frankfurt");
  must(chaos, Harm::kCut, "frankfurt-paris");
  ASSERT_EQ(chaos.broken().size(), 3U);
  EXPECT_EQ(chaos.broken()[0].harm, Harm::kKill);
  EXPECT_EQ(chaos.broken()[1].harm, Harm::kSlow);
  EXPECT_EQ(chaos.broken()[2].harm, Harm::kCut);
}

TEST(Chaos, WhatMakesNoSenseIsRefusedWithTheRemedy) {
  Chaos chaos = chaos_of_three();
  EXPECT_NE(refused(chaos, Harm::kKill, "rome").find("give one of frankfurt, paris, ashburn, "),
            std::string::npos);
  EXPECT_NE(refused(chaos, Harm::kKill, "new-york").find("no site 'new-york'"), std::string::npos);
  EXPECT_NE(refused(chaos, Harm::kPause, "paris-frankfurt").find("no site"), std::string::npos);
  EXPECT_NE(refused(chaos, Harm::kCut, "rome-paris").find("there is no 'rome-paris'"),
            std::string::npos);
  EXPECT_NE(refused(chaos, Harm::kSlow, "paris").find("--ms"), std::string::npos);
  EXPECT_NE(refused(chaos, std::nullopt, "paris").find("nothing is"), std::string::npos);
  must(chaos, Harm::kKill, "paris");
  EXPECT_NE(refused(chaos, Harm::kPause, "paris").find("heal paris"), std::string::npos);
  EXPECT_NE(refused(chaos, std::nullopt, "ashburn").find("what is: paris"), std::string::npos);
  EXPECT_NE(refused(chaos, std::nullopt, "rome").find("there is no 'rome'"), std::string::npos);
}

TEST(Chaos, WithoutLinksOnlyProcessesBreak) {
  Chaos chaos({.sites = {"oslo"}, .cities = {}, .has_links = false});
  must(chaos, Harm::kPause, "oslo");
  must(chaos, Harm::kKill, "control");
  EXPECT_NE(refused(chaos, Harm::kCut, "oslo").find("--scenario three"), std::string::npos);
}

TEST(Chaos, RequestsAreReadAsTheyAreWritten) {
  const ChaosRequest slow{.harm = Harm::kSlow, .target = "a-\"b\"", .added = 250ms};
  const ChaosRequest read = parse_chaos_request(to_json(slow)).value();
  EXPECT_EQ(read.harm, slow.harm);
  EXPECT_EQ(read.target, slow.target);
  EXPECT_EQ(read.added, slow.added);
  EXPECT_FALSE(parse_chaos_request(R"({"action":"heal"})").value().harm.has_value());
  for (const char* wrong :
       {"", "{}", "[]", R"({"action":"bend"})", R"({"action":"slow","addedMs":60001})"}) {
    EXPECT_FALSE(parse_chaos_request(wrong).has_value()) << wrong;
  }
}

TEST(Chaos, TheListIsJson) {
  Chaos chaos = chaos_of_three();
  must(chaos, Harm::kSlow, "paris", 200ms);
  EXPECT_EQ(to_json(chaos.broken()), R"({"broken":[{"what":"slow","target":"paris","addedMs":200,)"
                                     R"("since":"2026-01-01T00:00:00.000000Z"}]})");
}

}  // namespace
}  // namespace tdn::local
