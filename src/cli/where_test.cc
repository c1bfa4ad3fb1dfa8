#include "cli/where.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cli/test_edge.h"

namespace tdn::cli {
namespace {

using testing::HasSubstr;

struct WhereTest : testing::Test {
  TestFolder folder;
  WhereDefaults defaults{.state = folder.path() + "/state",
                         .contexts_file = folder.path() + "/contexts.yaml"};

  std::string write(const std::string& name, std::string_view text) const {
    const std::string path = folder.path() + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  void run_network(const std::string& state) const {
    write(state + "/operator-token", "token-of-" + state + "\n");
    write(state + "/ready.json", R"({"control":"http://127.0.0.1:7","controlKey":"k","pid":1})");
  }
  [[nodiscard]] std::string why_not(const Where& where) const {
    const auto control = find_control(where, defaults);
    return control ? "found" : control.error().detail();
  }
};

TEST_F(WhereTest, TheStateFolderOfTheNetworkIsTheDefault) {
  run_network("state/control");
  const auto control = find_control({}, defaults);
  ASSERT_TRUE(control.has_value()) << control.error().detail();
  EXPECT_EQ(control->url, "http://127.0.0.1:7");
  EXPECT_EQ(control->token.reveal(), "token-of-state/control");
  EXPECT_TRUE(is_network(defaults.state));
}

TEST_F(WhereTest, ControlsOwnFolderWillDo) {
  run_network("alone");
  const auto control = find_control({.state = folder.path() + "/alone"}, defaults);
  ASSERT_TRUE(control.has_value()) << control.error().detail();
  EXPECT_EQ(control->token.reveal(), "token-of-alone");
}

TEST_F(WhereTest, WhatDoesNotRunIsToldWithHowToStartIt) {
  EXPECT_THAT(why_not({}), HasSubstr("there is no network in " + defaults.state + ": start one"));
  EXPECT_FALSE(is_network(defaults.state));
  write("state/control/operator-token", "t");
  EXPECT_EQ(why_not({}), "control is not running in " + defaults.state +
                             ": start it with `tdn up --state " + defaults.state + "`");
  write("state/chaos.json", "{}");  // `tdn up` runs
  EXPECT_THAT(why_not({}), HasSubstr("`tdn chaos heal control --state " + defaults.state + "`"));
  run_network("state/control");
  const auto control = find_control({}, defaults);
  ASSERT_TRUE(control.has_value());
  EXPECT_THAT(control->remedy, HasSubstr("`tdn chaos heal control --state "));
}

TEST_F(WhereTest, AGatewayIsThatOfTheSiteOrOfTheFirstAmongWhatElseWasWrittenDown) {
  EXPECT_EQ(written_gateway(defaults.state, ""), "") << "`tdn up` never ran there";
  write("state/manifests/sites.yaml",
        "{kind: Zone, metadata: {name: eu}, spec: {}}\n"
        "---\n{kind: Site, metadata: {name: dark}, spec: {}}\n"
        "---\n{kind: Site, metadata: {name: oslo}, spec: {gateway: \"http://127.0.0.1:1\"}}\n"
        "---\n{kind: Site, metadata: {name: bern}, spec: {gateway: \"http://127.0.0.1:2\"}}\n");
  EXPECT_EQ(written_gateway(defaults.state, ""), "http://127.0.0.1:1");
  EXPECT_EQ(written_gateway(defaults.state, "bern"), "http://127.0.0.1:2");
  EXPECT_EQ(written_gateway(defaults.state, "dark"), "");
  EXPECT_EQ(written_gateway(defaults.state, "eu"), "");
}

TEST_F(WhereTest, AnAddressNeedsItsToken) {
  const std::string token = write("token", "abc\n");
  const auto control =
      find_control({.control = "http://127.0.0.1:9/", .token_file = token}, defaults);
  ASSERT_TRUE(control.has_value());
  EXPECT_EQ(control->url, "http://127.0.0.1:9");
  EXPECT_EQ(control->token.reveal(), "abc");
  EXPECT_THAT(why_not({.control = "http://127.0.0.1:9"}), HasSubstr("needs the operator token"));
  EXPECT_THAT(why_not({.control = "http://x", .token_file = write("empty", "\n")}),
              HasSubstr("holds no token"));
}

TEST_F(WhereTest, TheCurrentContextComesBeforeTheDefaultAndAFlagBeforeIt) {
  run_network("state/control");
  run_network("lab/control");
  const std::string token = write("token", "abc");
  write("contexts.yaml",
        "current: lab\ncontexts:\n  - {name: lab, state: " + folder.path() +
            "/lab}\n  - {name: far, control: 'http://127.0.0.1:5', tokenFile: " + token + "}\n");
  EXPECT_EQ(find_control({}, defaults)->token.reveal(), "token-of-lab/control");
  EXPECT_EQ(find_control({.context = "far"}, defaults)->url, "http://127.0.0.1:5");
  EXPECT_EQ(find_control({.state = defaults.state}, defaults)->token.reveal(),
            "token-of-state/control");
  EXPECT_EQ(*find_state({.context = "far"}, defaults), std::nullopt);
  EXPECT_THAT(why_not({.context = "near"}), HasSubstr("no context `near`; there are: lab, far"));
}

TEST_F(WhereTest, WhatIsWrongInTheContextsFileIsNamedWithItsLine) {
  write("contexts.yaml", "current: a\ncontexts:\n  - {name: a, control: 'http://x'}\n");
  EXPECT_THAT(why_not({}), HasSubstr("contexts.yaml:3: a context needs"));
}

TEST(Contexts, StandWhereConfigurationStands) {
  EXPECT_EQ(default_contexts_file("/cfg", "/h"), "/cfg/tdn/contexts.yaml");
  EXPECT_EQ(default_contexts_file("cfg", "/h"), "/h/.config/tdn/contexts.yaml");
  EXPECT_EQ(default_contexts_file(nullptr, nullptr), "");
}

}  // namespace
}  // namespace tdn::cli
