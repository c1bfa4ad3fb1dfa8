#include "cli/control_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/test_screen.h"
#include "client/test_control.h"

namespace tdn::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct ControlKeyTest : testing::Test {
  client::TestControl control;
  client::ControlClient client = control.client();
  TestScreen said;
};

TEST_F(ControlKeyTest, TheFirstLineIsTheKeyThenWhoServesByIt) {
  control.replies["POST /api/v1/keys/acme/app/phone/issue"] = {
      200, R"({"key":"sk-tdn-x","id":"4k7m2q9xwd","snapshot":{"controlEpoch":"1","version":"9"},)"
           R"("acknowledged":["paris"],"missing":[]})"};
  const KeyIssueOptions options{.name = "acme/app/phone"};
  EXPECT_EQ(control.loop.run(key_issue(client, options, said.screen())), 0);
  EXPECT_EQ(said.out(),
            "sk-tdn-x\nsecret 4k7m2q9xwd of acme/app/phone; it is shown this once\n"
            "snapshot 1.9: acknowledged by paris\n");
}

TEST_F(ControlKeyTest, RevokesOneSecretOrAll) {
  control.replies["POST /api/v1/keys/acme/app/phone/revoke"] = {200, "{}"};
  const KeyRevokeOptions one{.name = "acme/app/phone", .id = "4k7m2q9xwd"};
  const KeyRevokeOptions all{.name = "acme/app/phone", .id = ""};
  EXPECT_EQ(control.loop.run(key_revoke(client, one, said.screen())), 0);
  EXPECT_EQ(control.loop.run(key_revoke(client, all, said.screen())), 0);
  EXPECT_THAT(control.bodies, ElementsAre(R"({"id":"4k7m2q9xwd"})", "{}"));
  EXPECT_EQ(said.out(),
            "secret 4k7m2q9xwd of acme/app/phone revoked\n"
            "every secret of acme/app/phone revoked\n");
}

TEST_F(ControlKeyTest, ARefusalIsToldInControlsWords) {
  control.replies["POST /api/v1/keys/a/b/c/issue"] = {
      409, R"({"error":{"message":"two secrets live already: revoke one","code":"conflict"}})"};
  const KeyIssueOptions options{.name = "a/b/c"};
  EXPECT_EQ(control.loop.run(key_issue(client, options, said.screen())), 1);
  EXPECT_EQ(said.err(), "tdn key issue: two secrets live already: revoke one\n");
  EXPECT_EQ(said.out(), "");
}

}  // namespace
}  // namespace tdn::cli
