#include "local/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/test_control.h"
#include "domain/api_key.h"
#include "local/files.h"
#include "local/test_folder.h"

namespace tdn::local {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct CatalogueTest : testing::Test {
  CatalogueTest() {
    SeededRandom random(1);
    network.model = {.engine_name = "m"};
    network.key = Secret(domain::make_api_key(random).text);
    for (const SitePlan& plan : default_sites()) {
      network.sites.push_back({.plan = plan, .gateway = "http://g", .engine = "http://e:1"});
    }
    control.replies["POST /api/v1/apply"] = {200, "{}"};
    control.replies["GET /api/v1/sites"] = {200, R"({"items":[]})"};
    control.replies["POST /api/v1/delete"] = {200, "{}"};
  }
  // The store is not new: sites are there.
  void fill() { control.replies["GET /api/v1/sites"] = {200, R"({"items":[{}]})"}; }
  Result<void> put() {
    control.asked.clear();
    control.bodies.clear();
    client::ControlClient client = control.client();
    return control.loop.run(put_catalogue(client, state, network));
  }

  TestFolder folder;
  StateFolder state = StateFolder::open(folder.path()).value();
  client::TestControl control;
  NetworkDescription network;
};

TEST_F(CatalogueTest, ANewStoreGetsEverythingAndTheNextStartNothing) {
  ASSERT_TRUE(put().has_value());
  EXPECT_THAT(control.asked, ElementsAre("GET /api/v1/sites", "POST /api/v1/apply"));
  EXPECT_THAT(control.bodies.at(1), HasSubstr("sites.yaml"));
  EXPECT_THAT(control.bodies.at(1), HasSubstr("tenants.yaml"));
  fill();
  ASSERT_TRUE(put().has_value());
  EXPECT_THAT(control.asked, ElementsAre("GET /api/v1/sites"));
}

TEST_F(CatalogueTest, OnlyWhatChangedIsPutAgainSoThatAnOperatorsChangesStay) {
  ASSERT_TRUE(put().has_value());
  fill();
  network.sites[0].engine = "http://e:2";
  ASSERT_TRUE(put().has_value());
  EXPECT_THAT(control.bodies.at(1), HasSubstr("models.yaml"));
  EXPECT_THAT(control.bodies.at(1), Not(HasSubstr("tenants.yaml")));
}

TEST_F(CatalogueTest, AStoreThatWasLostIsFilledAgain) {
  ASSERT_TRUE(put().has_value());
  ASSERT_TRUE(put().has_value());
  EXPECT_THAT(control.bodies.at(1), HasSubstr("tenants.yaml"));
}

TEST_F(CatalogueTest, ASiteThatIsGoneIsTakenOutWithItsEndpoint) {
  ASSERT_TRUE(put().has_value());
  fill();
  network.sites.pop_back();
  ASSERT_TRUE(put().has_value());
  EXPECT_THAT(control.asked,
              ElementsAre("GET /api/v1/sites", "POST /api/v1/apply", "POST /api/v1/delete"));
  EXPECT_THAT(control.bodies.back(), HasSubstr(R"({"kind":"Site","name":"ashburn"})"));
  EXPECT_THAT(control.bodies.back(), HasSubstr(R"({"kind":"Endpoint","name":"ashburn-1"})"));
}

TEST_F(CatalogueTest, WhatAnOperatorRefersToStaysButForSites) {
  ASSERT_TRUE(put().has_value());
  fill();
  network.sites.pop_back();
  control.replies["POST /api/v1/delete"] = {
      409, R"({"error":{"message":"in use by Key a/b/c","code":"in_use"}})"};
  ASSERT_TRUE(put().has_value());
  ASSERT_EQ(control.bodies.size(), 5U);
  EXPECT_EQ(control.bodies[3], R"({"objects":[{"kind":"Endpoint","name":"ashburn-1"}]})");
  EXPECT_EQ(control.bodies[4], R"({"objects":[{"kind":"Site","name":"ashburn"}]})");
}

TEST_F(CatalogueTest, WhatControlDidNotTakeIsPutAgain) {
  control.replies["POST /api/v1/apply"] = {
      400,
      R"({"error":{"message":"no","code":"invalid_manifest"},"problems":["sites.yaml:1: x"]})"};
  const Result<void> refused = put();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().detail(), "sites.yaml:1: x");
  fill();
  control.replies["POST /api/v1/apply"] = {200, "{}"};
  ASSERT_TRUE(put().has_value());
  EXPECT_THAT(control.bodies.at(1), HasSubstr("tenants.yaml"));
}

TEST_F(CatalogueTest, AControlThatIsAwayIsToldAsThat) {
  control.away = true;
  EXPECT_EQ(put().error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace tdn::local
