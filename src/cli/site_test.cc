#include "cli/site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/test_screen.h"
#include "client/test_control.h"

namespace tdn::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct SiteTest : testing::Test {
  SiteTest() {
    control.replies["GET /api/v1/sites/paris"] = {
        200, R"({"apiVersion":"tdn/v1","kind":"Site","metadata":{"name":"paris",)"
             R"("resourceVersion":"7"},"spec":{"location":{"country":"FR","city":"Paris"}}})"};
    control.replies["POST /api/v1/apply"] = {
        200,
        R"({"results":[{"kind":"Site","name":"paris","action":"configured"}],)"
        R"("snapshot":{"controlEpoch":"1","version":"9"},"acknowledged":["paris"],"missing":[]})"};
  }
  int run(std::string command) {
    const SiteStateOptions options{.name = "paris", .command = std::move(command)};
    return control.loop.run(set_site_state(client, options, said.screen()));
  }
  client::TestControl control;
  client::ControlClient client = control.client();
  TestScreen said;
};

TEST_F(SiteTest, DrainsBySpecStateAndLeavesTheRestAsItIs) {
  EXPECT_EQ(run("drain"), 0);
  EXPECT_THAT(control.asked, ElementsAre("GET /api/v1/sites/paris", "POST /api/v1/apply"));
  const std::string& body = control.bodies.back();
  EXPECT_THAT(body, HasSubstr("state: draining"));
  EXPECT_THAT(body, HasSubstr("city: Paris"));
  EXPECT_THAT(body, HasSubstr("resourceVersion: \\\"7\\\"")) << "a change in between is a conflict";
  EXPECT_THAT(said.out(), HasSubstr("site paris is draining"));
  EXPECT_THAT(said.out(), HasSubstr("snapshot 1.9: acknowledged by paris\n"));
}

TEST_F(SiteTest, CordonsAndPutsBackIntoService) {
  EXPECT_EQ(run("cordon"), 0);
  EXPECT_THAT(control.bodies.back(), HasSubstr("state: cordoned"));
  control.replies["GET /api/v1/sites/paris"].body =
      R"({"apiVersion":"tdn/v1","kind":"Site","metadata":{"name":"paris"},"spec":{"state":"cordoned"}})";
  EXPECT_EQ(run("uncordon"), 0);
  EXPECT_THAT(control.bodies.back(), HasSubstr("state: active"));
  EXPECT_THAT(control.bodies.back(), Not(HasSubstr("cordoned")));
}

TEST_F(SiteTest, ASiteThatIsNotThereIsTold) {
  control.replies.erase("GET /api/v1/sites/paris");
  EXPECT_EQ(run("drain"), 1);
  EXPECT_THAT(said.err(), HasSubstr("tdn site drain: "));
  EXPECT_EQ(control.asked.size(), 1U);
}

}  // namespace
}  // namespace tdn::cli
