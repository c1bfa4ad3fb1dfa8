#include "client/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/change.h"
#include "client/test_control.h"

namespace tdn::client {
namespace {

using codec::yaml::Node;
using testing::ElementsAre;
using testing::HasSubstr;

struct ControlClientTest : testing::Test {
  TestControl control;
  ControlClient client = control.client();

  Result<Node> get(const std::string& path) { return control.loop.run(client.get(path)); }
};

TEST_F(ControlClientTest, AsksWithTheTokenAndGivesTheAnswerAsATree) {
  control.replies["GET /api/v1/sites"] = {200, R"({"items":[{"kind":"Site"}]})"};
  const Result<Node> answer = get("/api/v1/sites");
  ASSERT_TRUE(answer.has_value()) << answer.error().detail();
  EXPECT_EQ(codec::yaml::text_at(answer->find("items")->items.at(0), "kind"), "Site");
}

TEST_F(ControlClientTest, SendsBodiesAndMethods) {
  control.replies["POST /api/v1/apply"] = {200, "{}"};
  EXPECT_TRUE(control.loop.run(client.post("/api/v1/apply", R"({"sources":[]})")).has_value());
  EXPECT_THAT(control.asked, ElementsAre("POST /api/v1/apply"));
  EXPECT_THAT(control.bodies, ElementsAre(R"({"sources":[]})"));
}

TEST_F(ControlClientTest, TellsControlsOwnWords) {
  control.replies["GET /a"] = {409,
                               R"({"error":{"message":"in use by Endpoint x","code":"in_use"}})"};
  control.replies["GET /b"] = {
      400,
      R"({"error":{"message":"bad","code":"invalid_manifest"},"problems":["a:1: x","a:2: y"]})"};
  EXPECT_EQ(get("/a").error().detail(), "in use by Endpoint x");
  EXPECT_EQ(get("/b").error().detail(), "a:1: x\na:2: y");
  EXPECT_EQ(get("/c").error().code(), Code::kMissing);
}

TEST_F(ControlClientTest, SaysHowToStartAControlThatIsNotThere) {
  control.away = true;
  const Error error = get("/api/v1/sites").error();
  EXPECT_EQ(error.code(), Code::kUnavailable);
  EXPECT_EQ(error.detail(), "control is not running at http://control:8090: start it");
}

TEST_F(ControlClientTest, AWrongTokenIsToldAsThat) {
  ControlClient other(control, {.url = "http://control:8090", .token = Secret("x"), .remedy = ""});
  EXPECT_EQ(control.loop.run(other.get("/api/v1/sites")).error().code(), Code::kInvalidApiKey);
}

TEST_F(ControlClientTest, AnAnswerOfSomethingElseIsToldAsThat) {
  control.replies["GET /x"] = {502, "<html>"};
  control.replies["GET /y"] = {200, "<html>"};
  EXPECT_THAT(get("/x").error().detail(), HasSubstr("is that its address?"));
  EXPECT_THAT(get("/y").error().detail(), HasSubstr("is that its address?"));
}

TEST(Escape, KeepsSlashesInPathsOnly) {
  EXPECT_EQ(escape_path("a/b c?"), "a/b%20c%3F");
  EXPECT_EQ(escape_query("a/b,c"), "a%2Fb%2Cc");
}

TEST(Change, SaysWhatBecameOfEachObjectAndWhoServesByIt) {
  const Node answer = *codec::yaml::from_json(
      R"({"results":[{"kind":"Site","name":"oslo","action":"created"}],)"
      R"("snapshot":{"controlEpoch":"1","version":"7"},"acknowledged":["paris"],"missing":["oslo"]})");
  const Change change = *read_change(answer);
  EXPECT_EQ(change.objects.at(0).kind + "/" + change.objects.at(0).name, "Site/oslo");
  EXPECT_EQ(change.objects.at(0).action, "created");
  EXPECT_EQ(change.snapshot, "1.7");
  EXPECT_THAT(change.acknowledged, ElementsAre("paris"));
  EXPECT_THAT(change.missing, ElementsAre("oslo"));
  EXPECT_FALSE(read_change(*codec::yaml::from_json("[]")).has_value());
  EXPECT_FALSE(read_issued_key(answer).has_value());
}

TEST(Change, AnApplyHoldsItsSources) {
  const std::vector<ManifestText> sources{{"a.yaml", "kind: \"Zone\"\n"}};
  EXPECT_EQ(apply_body(sources, true),
            R"({"sources":[{"name":"a.yaml","text":"kind: \"Zone\"\n"}],"dryRun":true})");
  const std::vector<NamedObject> objects{{"Zone", "eu"}};
  EXPECT_EQ(delete_body(objects), R"({"objects":[{"kind":"Zone","name":"eu"}]})");
}

}  // namespace
}  // namespace tdn::client
