#include "cli/get.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/columns.h"
#include "cli/test_screen.h"
#include "client/test_control.h"
#include "domain/load.h"

namespace tdn::cli {
namespace {

using testing::HasSubstr;

constexpr WallTime kNow{1'767'225'600'000'000};  // 2026-01-01

constexpr const char* kFrankfurt =
    R"({"apiVersion":"tdn/v1","kind":"Site","metadata":{"name":"frankfurt","uid":"0192f0c0",)"
    R"("resourceVersion":"3","createdAt":"2025-12-31T12:00:00Z","labels":{"tier":"gold"}},)"
    R"("spec":{"location":{"country":"DE","city":"Frankfurt","latitude":50.11,"longitude":8.68},)"
    R"("jurisdiction":{"operator":"example-telco"},"gateway":"http://127.0.0.1:8080"},"status":{}})";
constexpr const char* kOslo =
    R"({"apiVersion":"tdn/v1","kind":"Site","metadata":{"name":"oslo"},)"
    R"("spec":{"location":{"country":"NO","latitude":59.9,"longitude":10.7},"state":"cordoned"}})";
constexpr const char* kNetwork =
    R"({"sites":[{"name":"frankfurt","state":"active","connected":true,)"
    R"("lastSync":"2025-12-31T23:59:58Z","snapshot":{"controlEpoch":"1","version":"7"},)"
    R"("acked":"140","endpoints":[{"name":"frankfurt-1","health":"up","running":2,"waiting":1,)"
    R"("tokensPerSecond":41,"ttftMs":180}]},)"
    R"({"name":"oslo","state":"cordoned","connected":false,"lastSync":null,"snapshot":null,)"
    R"("acked":"0","endpoints":[]}]})";

std::string sites() { return std::string(R"({"items":[)") + kFrankfurt + "," + kOslo + "]}"; }

struct GetTest : testing::Test {
  client::TestControl control;
  client::ControlClient client = control.client();
  TestScreen said;

  int run_get(const char* kind, const char* name, Format format = Format::kTable) {
    const GetOptions options{.object = *parse_reference(kind, name, false), .format = format};
    return control.loop.run(get(client, options, kNow, said.screen()));
  }
};

TEST_F(GetTest, ShowsATable) {
  control.replies["GET /api/v1/sites"] = {200, sites()};
  control.replies["GET /api/v1/network"] = {200, kNetwork};
  EXPECT_EQ(run_get("sites", ""), 0);
  EXPECT_EQ(said.out(),
            "NAME       CITY       COUNTRY  STATE           GATEWAY                AGE\n"
            "frankfurt  Frankfurt  DE       active          http://127.0.0.1:8080  12h\n"
            "oslo       -          NO       cordoned, away  -                        -\n");
}

TEST_F(GetTest, AWideTableOfSitesTellsHowTheyAreNow) {
  control.replies["GET /api/v1/sites"] = {200, sites()};
  control.replies["GET /api/v1/network"] = {200, kNetwork};
  EXPECT_EQ(run_get("si", "", Format::kWide), 0) << said.err();
  EXPECT_THAT(said.out(), HasSubstr("CONNECTED  SYNCED  SNAPSHOT  ACKED  OPERATOR       UID"));
  EXPECT_THAT(said.out(), HasSubstr("yes            2s       1.7    140  example-telco  0192f0c0"));
  EXPECT_THAT(said.out(), HasSubstr("no              -         -      0  -              -"));
}

TEST_F(GetTest, YamlIsWhatApplyTakesOneDocumentEach) {
  control.replies["GET /api/v1/zones"] = {
      200, R"({"items":[{"apiVersion":"tdn/v1","kind":"Zone","metadata":{"name":"eu"},)"
           R"("spec":{"countries":["DE","NO"]}},{"apiVersion":"tdn/v1","kind":"Zone",)"
           R"("metadata":{"name":"us"},"spec":{"countries":["US"]}}]})"};
  EXPECT_EQ(run_get("zones", "", Format::kYaml), 0);
  const domain::Source source{"zones.yaml", said.out()};
  const auto manifests = domain::parse_manifests(std::span(&source, 1));
  ASSERT_TRUE(manifests.has_value()) << manifests.error().detail() << said.out();
  EXPECT_EQ(manifests->zones.size(), 2U);
  EXPECT_EQ(manifests->zones[0].spec.countries, (std::vector<std::string>{"DE", "NO"}));
}

TEST_F(GetTest, OneObjectByNameInAnyForm) {
  control.replies["GET /api/v1/sites/frankfurt"] = {200, kFrankfurt};
  EXPECT_EQ(run_get("site", "frankfurt", Format::kYaml), 0);
  EXPECT_THAT(said.out(), HasSubstr("    latitude: 50.11\n"));
  EXPECT_EQ(run_get("site/frankfurt", "", Format::kJson), 0);
  EXPECT_THAT(said.out(), HasSubstr("      \"latitude\": 50.11,\n"));
}

TEST_F(GetTest, EveryKindHasATable) {
  for (const KindName& kind : kind_names()) {
    control.replies["GET " + path_of(kind)] = {200, R"({"items":[{"metadata":{"name":"it"}}]})"};
    control.replies["GET /api/v1/network"] = {200, kNetwork};
    EXPECT_EQ(run_get(kind.plural.data(), ""), 0);
    EXPECT_EQ(run_get(kind.plural.data(), "", Format::kWide), 0) << said.err();
  }
  EXPECT_THAT(said.out(), HasSubstr("\nit"));
}

TEST_F(GetTest, NothingIsToldAsThatAndIsNoFailure) {
  control.replies["GET /api/v1/policies"] = {200, R"({"items":[]})"};
  EXPECT_EQ(run_get("policies", ""), 0);
  EXPECT_EQ(said.out(), "");
  EXPECT_EQ(said.err(), "there are no policies\n");
}

TEST_F(GetTest, WhatIsNotThereFails) {
  EXPECT_EQ(run_get("site", "nowhere"), 1);
  EXPECT_EQ(said.err(), "tdn get: there is no such object\n");
}

TEST_F(GetTest, DescribesAnObjectAndWhatBelongsToIt) {
  control.replies["GET /api/v1/sites/frankfurt"] = {200, kFrankfurt};
  control.replies["GET /api/v1/endpoints"] = {
      200, R"({"items":[{"metadata":{"name":"frankfurt-1"},"spec":{"site":"frankfurt"}},)"
           R"({"metadata":{"name":"paris-1"},"spec":{"site":"paris"}},)"
           R"({"metadata":{"name":"frankfurt-2"},"spec":{"site":"frankfurt"}}]})"};
  const DescribeOptions options{*parse_reference("site", "frankfurt", true)};
  EXPECT_EQ(control.loop.run(describe(client, options, kNow, said.screen())), 0) << said.err();
  EXPECT_THAT(said.out(), HasSubstr("Name:      frankfurt\nKind:      Site\n"));
  EXPECT_THAT(said.out(), HasSubstr("Created:   2025-12-31T12:00:00Z (12h ago)\n"));
  EXPECT_THAT(said.out(), HasSubstr("Labels:    tier=gold\n"));
  EXPECT_THAT(said.out(), HasSubstr("Spec:\n  location:\n    country: DE\n"));
  EXPECT_THAT(said.out(), HasSubstr("Endpoints: frankfurt-1, frankfurt-2\n"));
}

TEST_F(GetTest, APolicyBelongsToTheTenantsAndZonesThatItsRulesName) {
  control.replies["GET /api/v1/tenants/acme"] = {200, R"({"metadata":{"name":"acme"}})"};
  control.replies["GET /api/v1/projects"] = {
      200, R"({"items":[{"metadata":{"name":"acme/app"}},{"metadata":{"name":"acmeco/app"}}]})"};
  control.replies["GET /api/v1/keys"] = {200, R"({"items":[{"metadata":{"name":"acme/app/k"}}]})"};
  control.replies["GET /api/v1/policies"] = {
      200, R"({"items":[{"metadata":{"name":"p"},"spec":{"rules":[{"match":{"tenants":["x"]}},)"
           R"({"match":{"tenants":["y","acme"]}}]}},{"metadata":{"name":"q"}}]})"};
  const DescribeOptions options{*parse_reference("tenant", "acme", true)};
  EXPECT_EQ(control.loop.run(describe(client, options, kNow, said.screen())), 0) << said.err();
  EXPECT_THAT(said.out(), HasSubstr("Projects:  acme/app\nKeys:      acme/app/k\nPolicies:  p\n"));
}

TEST(ShortAge, IsOneNumberAndOneLetter) {
  const auto age = [](std::int64_t seconds) {
    return short_age({kNow.us - seconds * 1'000'000}, kNow);
  };
  EXPECT_EQ(age(-5), "0s");
  EXPECT_EQ(age(119), "119s");
  EXPECT_EQ(age(120), "2m");
  EXPECT_EQ(age(7199), "119m");
  EXPECT_EQ(age(7200), "2h");
  EXPECT_EQ(age(48 * 3600), "2d");
}

}  // namespace
}  // namespace tdn::cli
