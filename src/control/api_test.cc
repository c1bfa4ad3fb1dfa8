// Control's API over HTTP: who may ask, and what applying, deleting, issuing and listing come to.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json_reader.h"
#include "control/test_service.h"
#include "domain/api_key.h"
#include "domain/example_test.h"

namespace tdn::control {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string document(std::string_view kind, std::string_view metadata, std::string_view spec) {
  return fmt::format("apiVersion: tdn/v1\nkind: {}\nmetadata: {{{}}}\nspec: {}\n", kind, metadata,
                     spec);
}

// The text of a member, wherever it stands first.
std::string member(const std::string& json, std::string_view name) {
  const std::string quoted = fmt::format("\"{}\":\"", name);
  const std::size_t at = json.find(quoted);
  if (at == std::string::npos) {
    return "";
  }
  return json.substr(at + quoted.size(), json.find('"', at + quoted.size()) - at - quoted.size());
}

class ApiTest : public testing::Test {
 protected:
  TestService control_;
};

TEST_F(ApiTest, AsksForTheOperatorsToken) {
  for (const char* token : {"", "wrong", "the-operators-token-of-this-tes"}) {
    const Reply reply = control_.call("GET", "/api/v1/sites", token);
    EXPECT_EQ(reply.status, 401) << token;
    EXPECT_THAT(reply.body, HasSubstr(R"("code":"invalid_token")"));
    EXPECT_THAT(reply.body, HasSubstr("operator-token"));
  }
  EXPECT_EQ(control_.operate("GET", "/api/v1/sites").status, 200);
  for (const char* open : {"/healthz", "/readyz", "/metrics"}) {
    EXPECT_EQ(control_.call("GET", open, "").status, 200) << open;
  }
  EXPECT_THAT(control_.call("GET", "/metrics", "").body,
              HasSubstr("tdn_control_unauthorised_total 3"));
}

TEST_F(ApiTest, TellsWhatThereIsNotAndWhatIsTaken) {
  EXPECT_EQ(control_.operate("GET", "/api/v2/sites").status, 404);
  EXPECT_EQ(control_.operate("GET", "/api/v1/plans").status, 404);
  EXPECT_EQ(control_.operate("PUT", "/api/v1/sites/a").status, 405);
  const Reply get = control_.operate("GET", "/api/v1/apply");
  EXPECT_EQ(get.status, 405);
  EXPECT_THAT(get.body, HasSubstr("/api/v1/apply takes POST"));
  const Reply body = control_.operate("POST", "/api/v1/apply", R"({"sources":[{"name":1}]})");
  EXPECT_EQ(body.status, 400);
  EXPECT_THAT(body.body, HasSubstr("the body is not"));
}

TEST_F(ApiTest, AppliesOnceAndThenNothing) {
  const Reply first = control_.apply(domain::kExample);
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_THAT(first.body,
              HasSubstr(R"({"results":[{"kind":"Zone","name":"eu","action":"created","uid":")"));
  EXPECT_THAT(first.body, HasSubstr(R"("snapshot":{"controlEpoch":"1","version":"2"})"));
  EXPECT_THAT(first.body, HasSubstr(R"("acknowledged":[],"missing":[]})"));
  const Reply again = control_.apply(domain::kExample);
  EXPECT_THAT(again.body, Not(HasSubstr("created")));
  EXPECT_THAT(again.body, HasSubstr(R"("action":"unchanged")"));
  EXPECT_THAT(again.body, HasSubstr(R"("version":"2")"));
}

TEST_F(ApiTest, KeepsWhatAnotherProcessFindsAgain) {
  ASSERT_EQ(control_.apply(domain::kExample).status, 200);
  const std::string before = control_.operate("GET", "/api/v1/keys/demo/playground/laptop").body;
  const protocol::SnapshotOrder order = control_.service->hub().snapshot()->order;
  const std::string envelope = control_.service->hub().snapshot()->envelope;
  control_.crash();
  control_.start();
  EXPECT_EQ(control_.operate("GET", "/api/v1/keys/demo/playground/laptop").body, before);
  EXPECT_EQ(control_.service->hub().snapshot()->order, order);
  EXPECT_EQ(control_.service->hub().snapshot()->envelope, envelope);
  EXPECT_THAT(control_.apply(domain::kExample).body, Not(HasSubstr("configured")));
}

TEST_F(ApiTest, ADryRunChangesNothingAndSaysWhatWouldBe) {
  ASSERT_EQ(control_.apply(document("Tenant", "name: a", "{}")).status, 200);
  const Reply planned = control_.apply(document("Tenant", "name: a", "{displayName: A}") + "---\n" +
                                           document("Tenant", "name: b", "{}"),
                                       true);
  ASSERT_EQ(planned.status, 200) << planned.body;
  EXPECT_THAT(planned.body, HasSubstr(R"("name":"a","action":"configured")"));
  EXPECT_THAT(planned.body,
              HasSubstr(R"("name":"b","action":"created","uid":"","resourceVersion":"")"));
  EXPECT_EQ(control_.operate("GET", "/api/v1/tenants/b").status, 404);
}

TEST_F(ApiTest, TellsEveryFaultOfAManifest) {
  const Reply reply = control_.apply(document("Project", "name: none/p", "{}") + "---\n" +
                                     document("Tenant", "name: t", "{shape: round}"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr(R"("code":"invalid_manifest")"));
  EXPECT_THAT(reply.body,
              HasSubstr(R"("problems":["a.yaml:9: spec.shape: unknown field; take it out",)"
                        R"("a.yaml:3: metadata.name: there is no Tenant `none`)"));
  EXPECT_EQ(control_.operate("GET", "/api/v1/tenants/t").status, 404) << "all or nothing";
}

TEST_F(ApiTest, RefusesToOverwriteWhatSomebodyElseChanged) {
  ASSERT_EQ(control_.apply(document("Tenant", "name: a", "{}")).status, 200);
  const std::string version =
      member(control_.operate("GET", "/api/v1/tenants/a").body, "resourceVersion");
  const std::string mine = fmt::format("name: a, resourceVersion: \"{}\"", version);
  ASSERT_EQ(control_.apply(document("Tenant", mine, "{displayName: Mine}")).status, 200);
  const Reply late = control_.apply(document("Tenant", mine, "{displayName: Yours}"));
  EXPECT_EQ(late.status, 409);
  EXPECT_THAT(late.body, HasSubstr(R"("code":"conflict")"));
  EXPECT_THAT(late.body, HasSubstr("get it again"));
  EXPECT_THAT(control_.operate("GET", "/api/v1/tenants/a").body, HasSubstr("Mine"));
  // Left out, the last writer wins.
  EXPECT_EQ(control_.apply(document("Tenant", "name: a", "{displayName: Yours}")).status, 200);
  const Reply gone = control_.apply(document("Tenant", "name: new, resourceVersion: \"1\"", "{}"));
  EXPECT_EQ(gone.status, 409);
  EXPECT_THAT(gone.body, HasSubstr("there is no Tenant `new` any more"));
}

TEST_F(ApiTest, WhatItShowsCanBeAppliedAgain) {
  ASSERT_EQ(control_.apply(domain::kExample).status, 200);
  for (const char* target :
       {"zones/eu", "sites/frankfurt", "models/smollm2", "endpoints/frankfurt-1", "tenants/demo",
        "projects/demo/playground", "keys/demo/playground/laptop", "policies/demo-stays-in-eu"}) {
    const Reply shown = control_.operate("GET", std::string("/api/v1/") + target);
    ASSERT_EQ(shown.status, 200) << target;
    EXPECT_THAT(shown.body, HasSubstr(R"("apiVersion":"tdn/v1")"));
    EXPECT_THAT(shown.body, HasSubstr(R"("createdAt":")"));
    EXPECT_THAT(shown.body, HasSubstr(R"("status":{)"));
    const Reply again = control_.apply(shown.body);  // JSON is YAML
    ASSERT_EQ(again.status, 200) << target << ": " << again.body;
    EXPECT_THAT(again.body, HasSubstr(R"("action":"unchanged")")) << target;
  }
}

TEST_F(ApiTest, DeletesOnlyWhatNobodyUses) {
  ASSERT_EQ(control_.apply(domain::kExample).status, 200);
  const Reply used = control_.operate("DELETE", "/api/v1/models/smollm2");
  EXPECT_EQ(used.status, 409);
  EXPECT_THAT(used.body, HasSubstr(R"("code":"in_use")"));
  EXPECT_THAT(used.body,
              HasSubstr("in use by Endpoint `frankfurt-1`, Key `demo/playground/laptop`; delete or "
                        "change them first"));
  for (const char* target :
       {"endpoints/frankfurt-1", "keys/demo/playground/laptop", "models/smollm2", "sites/frankfurt",
        "policies/demo-stays-in-eu", "projects/demo/playground", "tenants/demo", "tenants/other",
        "zones/eu"}) {
    const Reply gone = control_.operate("DELETE", std::string("/api/v1/") + target);
    ASSERT_EQ(gone.status, 200) << target << gone.body;
    EXPECT_THAT(gone.body, HasSubstr(R"("action":"deleted")"));
  }
  EXPECT_EQ(control_.operate("DELETE", "/api/v1/zones/eu").status, 404);
}

TEST_F(ApiTest, DeletesManyTogetherOrNone) {
  ASSERT_EQ(control_.apply(domain::kExample).status, 200);
  const auto remove = [&](std::string_view objects) {
    return control_.operate("POST", "/api/v1/delete",
                            fmt::format(R"({{"objects":[{}]}})", objects));
  };
  const std::string fence =
      R"({"kind":"Zone","name":"eu"},{"kind":"Policy","name":"demo-stays-in-eu"},)"
      R"({"kind":"Tenant","name":"demo"},{"kind":"Project","name":"demo/playground"})";
  const Reply used = remove(fence);
  EXPECT_EQ(used.status, 409);
  EXPECT_THAT(used.body, HasSubstr("Project `demo/playground` is in use by Key "));
  EXPECT_THAT(used.body, Not(HasSubstr("Zone `eu` is in use"))) << "its user goes with it";
  EXPECT_EQ(control_.operate("GET", "/api/v1/policies/demo-stays-in-eu").status, 200)
      << "a tenant that stays keeps its fence";
  const Reply gone = remove(
      fence + R"(,{"kind":"Key","name":"demo/playground/laptop"},{"kind":"Site","name":"oslo"})");
  ASSERT_EQ(gone.status, 200) << gone.body;
  EXPECT_THAT(gone.body, HasSubstr(R"("name":"oslo","action":"missing")"));
  for (const char* target : {"policies/demo-stays-in-eu", "keys/demo/playground/laptop",
                             "projects/demo/playground", "tenants/demo", "zones/eu"}) {
    EXPECT_EQ(control_.operate("GET", std::string("/api/v1/") + target).status, 404) << target;
  }
  EXPECT_EQ(remove(fence).status, 404);
  for (const char* body : {"{}", R"({"objects":[]})", R"({"objects":[{"kind":"Zone"}]})",
                           R"({"objects":[{"kind":"Zoo","name":"a"}]})", "x"}) {
    EXPECT_EQ(control_.operate("POST", "/api/v1/delete", body).status, 400) << body;
  }
}

TEST_F(ApiTest, AManifestThatIsSilentAboutSecretsLeavesThemAndNoneBringsARevokedOneBack) {
  ASSERT_EQ(control_.apply(domain::kExample).status, 200);
  const std::string silent =
      document("Key", "name: demo/playground/laptop", "{limits: {requestsPerMinute: 7}}");
  ASSERT_EQ(control_.apply(silent).status, 200);
  const auto key = [&] {
    return control_.operate("GET", "/api/v1/keys/demo/playground/laptop").body;
  };
  EXPECT_THAT(key(), HasSubstr(R"("secrets":[{"id":"jhvry0xfy6")"));
  EXPECT_THAT(key(), HasSubstr(R"("requestsPerMinute":7)"));
  const std::string old = key();
  ASSERT_EQ(control_.operate("POST", "/api/v1/keys/demo/playground/laptop/revoke", "{}").status,
            200);
  EXPECT_THAT(key(), Not(HasSubstr("secrets")));
  const Reply again = control_.apply(domain::kExample);
  EXPECT_EQ(again.status, 409);
  EXPECT_THAT(again.body,
              HasSubstr("secret jhvry0xfy6 of Key `demo/playground/laptop` was revoked"));
  ASSERT_EQ(control_.operate("POST", "/api/v1/keys/demo/playground/laptop/issue").status, 200);
  ASSERT_EQ(control_.apply(silent).status, 200);
  EXPECT_THAT(key(), HasSubstr(R"("revoked":["jhvry0xfy6"])"));
  EXPECT_THAT(key(), HasSubstr(R"("secrets":[{"id":")"));
}

TEST_F(ApiTest, WhatIsCreatedAgainIsAnotherObject) {
  ASSERT_EQ(control_.apply(document("Tenant", "name: a", "{}")).status, 200);
  const std::string before = member(control_.operate("GET", "/api/v1/tenants/a").body, "uid");
  ASSERT_EQ(control_.operate("DELETE", "/api/v1/tenants/a").status, 200);
  ASSERT_EQ(control_.apply(document("Tenant", "name: a", "{}")).status, 200);
  EXPECT_NE(member(control_.operate("GET", "/api/v1/tenants/a").body, "uid"), before);
}

TEST_F(ApiTest, IssuesKeysWhoseSecretIsSeenOnce) {
  ASSERT_EQ(control_.apply(domain::kExample).status, 200);
  const Reply issued = control_.operate("POST", "/api/v1/keys/demo/playground/new/issue");
  ASSERT_EQ(issued.status, 200) << issued.body;
  const std::string key = member(issued.body, "key");
  EXPECT_TRUE(domain::parse_api_key(key).has_value()) << key;
  EXPECT_THAT(issued.body, HasSubstr(R"("name":"demo/playground/new","action":"created")"));
  const Reply second = control_.operate("POST", "/api/v1/keys/demo/playground/new/issue");
  EXPECT_THAT(second.body, HasSubstr(R"("action":"configured")"));
  const Reply third = control_.operate("POST", "/api/v1/keys/demo/playground/new/issue");
  EXPECT_EQ(third.status, 409);
  EXPECT_THAT(third.body, HasSubstr("has two live secrets"));
  const std::string shown = control_.operate("GET", "/api/v1/keys/demo/playground/new").body;
  EXPECT_THAT(shown, HasSubstr(member(issued.body, "id")));
  EXPECT_THAT(shown, Not(HasSubstr(key)));

  const std::string one = fmt::format(R"({{"id":"{}"}})", member(issued.body, "id"));
  EXPECT_EQ(control_.operate("POST", "/api/v1/keys/demo/playground/new/revoke", one).status, 200);
  EXPECT_EQ(control_.operate("POST", "/api/v1/keys/demo/playground/new/revoke", one).status, 404);
  EXPECT_EQ(control_.operate("POST", "/api/v1/keys/demo/playground/new/revoke", "{}").status, 200);
  EXPECT_THAT(control_.operate("GET", "/api/v1/keys/demo/playground/new").body,
              Not(HasSubstr("secrets")));
}

TEST_F(ApiTest, IssuesNoKeyWithoutAProject) {
  ASSERT_EQ(control_.apply(domain::kExample).status, 200);
  const Reply missing = control_.operate("POST", "/api/v1/keys/demo/playgroun/new/issue");
  EXPECT_EQ(missing.status, 404);
  EXPECT_THAT(missing.body,
              HasSubstr("there is no Project `demo/playgroun`; did you mean `demo/playground`?"));
  EXPECT_EQ(control_.operate("POST", "/api/v1/keys/Demo/playground/new/issue").status, 400);
}

TEST_F(ApiTest, ListsByKind) {
  ASSERT_EQ(control_.apply(domain::kExample).status, 200);
  const Reply tenants = control_.operate("GET", "/api/v1/tenants");
  EXPECT_THAT(tenants.body, testing::StartsWith(R"({"items":[{"apiVersion":"tdn/v1",)"));
  EXPECT_THAT(tenants.body, HasSubstr(R"("name":"demo")"));
  EXPECT_THAT(tenants.body, HasSubstr(R"("name":"other")"));
  codec::JsonReader json(tenants.body);
  json.skip();
  EXPECT_TRUE(json.finish().has_value());
}

TEST_F(ApiTest, AStoreThatWasPutBackBeginsANewControlEpoch) {
  ASSERT_EQ(control_.apply(domain::kExample).status, 200);
  control_.crash();
  control_.start(protocol::SnapshotOrder{1, 9});  // what was published after the backup
  EXPECT_EQ(control_.service->hub().snapshot()->order, (protocol::SnapshotOrder{2, 3}));
}

TEST_F(ApiTest, AStoreThatFailsAnswersNothingThatIsNotDurable) {
  ASSERT_EQ(control_.apply(domain::kExample).status, 200);
  control_.store.fail_next_commit();
  const Reply reply = control_.apply(document("Tenant", "name: lost", "{}"));
  EXPECT_EQ(reply.status, 503);
  EXPECT_TRUE(control_.failed);
  control_.crash();
  control_.store.repair();
  control_.start();
  EXPECT_EQ(control_.operate("GET", "/api/v1/tenants/lost").status, 404);
}

}  // namespace
}  // namespace tdn::control
