#include "cli/apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cli/test_edge.h"
#include "cli/test_screen.h"
#include "client/test_control.h"

namespace tdn::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kZone = "apiVersion: tdn/v1\nkind: Zone\nmetadata: {name: eu}\n";
constexpr const char* kDone = R"({"results":[{"kind":"Zone","name":"eu","action":"created"},)"
                              R"({"kind":"Key","name":"a/b/c","action":"unchanged"}],)"
                              R"("snapshot":{"controlEpoch":"1","version":"7"},)"
                              R"("acknowledged":["frankfurt","paris"],"missing":["ashburn"]})";

struct ApplyTest : testing::Test {
  client::TestControl control;
  client::ControlClient client = control.client();
  TestScreen said;
  TestFolder folder;
  std::istringstream input{kZone};

  int run_apply(const ApplyOptions& options) {
    return control.loop.run(apply(client, options, input, said.screen()));
  }
  int run_remove(const DeleteOptions& options) {
    return control.loop.run(remove(client, options, input, said.screen()));
  }
  std::string write(const std::string& name, std::string_view text) const {
    const std::string path = folder.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
};

TEST_F(ApplyTest, SaysWhatBecameOfEachObjectAndWhoServesByIt) {
  control.replies["POST /api/v1/apply"] = {200, kDone};
  EXPECT_EQ(run_apply({.files = {write("eu.yaml", kZone)}}), 0);
  EXPECT_EQ(said.out(),
            "zone/eu created\nkey/a/b/c unchanged\n"
            "snapshot 1.7: acknowledged by frankfurt, paris\n"
            "snapshot 1.7: not acknowledged in time by ashburn; it takes it as soon as it can\n");
  EXPECT_THAT(control.bodies.at(0), HasSubstr("eu.yaml\",\"text\":\"apiVersion: tdn/v1\\n"));
}

TEST_F(ApplyTest, TakesAFolderAndStandardInput) {
  control.replies["POST /api/v1/apply"] = {200, kDone};
  write("a.yaml", "kind: A\n");
  write("b.yml", "kind: B\n");
  EXPECT_EQ(run_apply({.files = {folder.path(), "-"}}), 0);
  EXPECT_THAT(control.bodies.at(0), HasSubstr("a.yaml"));
  EXPECT_THAT(control.bodies.at(0), HasSubstr("b.yml"));
  EXPECT_THAT(control.bodies.at(0), HasSubstr("\"standard input\",\"text\":\"apiVersion"));
}

TEST_F(ApplyTest, ADryRunSaysSoAndNamesNoSnapshot) {
  control.replies["POST /api/v1/apply"] = {200, kDone};
  EXPECT_EQ(run_apply({.files = {"-"}, .dry_run = true}), 0);
  EXPECT_EQ(said.out(), "zone/eu created (dry run)\nkey/a/b/c unchanged (dry run)\n");
  EXPECT_THAT(control.bodies.at(0), HasSubstr("\"dryRun\":true"));
}

TEST_F(ApplyTest, JsonIsWhatControlSaid) {
  control.replies["POST /api/v1/apply"] = {200, kDone};
  EXPECT_EQ(run_apply({.files = {"-"}, .json = true}), 0);
  EXPECT_THAT(said.out(), HasSubstr("\"missing\": [\n    \"ashburn\"\n  ]"));
}

TEST_F(ApplyTest, WhatIsWrongIsToldLineByLineAndNothingWasApplied) {
  control.replies["POST /api/v1/apply"] = {
      400, R"({"error":{"message":"two problems","code":"invalid_manifest"},)"
           R"("problems":["eu.yaml:3: spec.x: unknown","eu.yaml:4: spec.y: unknown"]})"};
  EXPECT_EQ(run_apply({.files = {"-"}}), 1);
  EXPECT_EQ(said.out(), "");
  EXPECT_EQ(said.err(),
            "eu.yaml:3: spec.x: unknown\neu.yaml:4: spec.y: unknown\nnothing was applied\n");
}

TEST_F(ApplyTest, AFileThatIsNotThereIsToldBeforeControlIsAsked) {
  EXPECT_EQ(run_apply({.files = {folder.path() + "/none.yaml"}}), 1);
  EXPECT_THAT(said.err(), HasSubstr("none.yaml"));
  EXPECT_TRUE(control.asked.empty());
}

TEST_F(ApplyTest, AControlThatIsAwayIsToldWithTheRemedy) {
  control.away = true;
  EXPECT_EQ(run_apply({.files = {"-"}}), 1);
  EXPECT_EQ(said.err(), "tdn apply: control is not running at http://control:8090: start it\n");
}

TEST_F(ApplyTest, DeletesOneObject) {
  control.replies["POST /api/v1/delete"] = {
      200, R"({"results":[{"kind":"Key","name":"a/b/c","action":"deleted"}],)"
           R"("snapshot":{"controlEpoch":"1","version":"8"},"acknowledged":[],"missing":[]})"};
  EXPECT_EQ(run_remove({.object = *parse_reference("key", "a/b/c", true), .files = {}}), 0);
  EXPECT_EQ(control.bodies.back(), R"({"objects":[{"kind":"Key","name":"a/b/c"}]})");
  EXPECT_EQ(said.out(),
            "key/a/b/c deleted\nsnapshot 1.8: no edge is connected; each takes it when it is\n");
}

TEST_F(ApplyTest, DeletesWhatAFileNamesTogetherOrNothing) {
  const std::string file = write("all.yaml",
                                 "{kind: Zone, metadata: {name: eu}}\n---\n"
                                 "{kind: Tenant, metadata: {name: acme}}\n");
  control.replies["POST /api/v1/delete"] = {
      409,
      R"({"error":{"message":"Tenant `acme` is in use by Project `acme/app`","code":"in_use"}})"};
  EXPECT_EQ(run_remove({.object = {}, .files = {file}}), 1);
  EXPECT_EQ(control.bodies.back(),
            R"({"objects":[{"kind":"Zone","name":"eu"},{"kind":"Tenant","name":"acme"}]})");
  EXPECT_EQ(said.out(), "");
  EXPECT_EQ(said.err(),
            "tdn delete: Tenant `acme` is in use by Project `acme/app`\nnothing was deleted\n");
}

TEST_F(ApplyTest, DeletesNothingOfAFileThatIsNoManifest) {
  EXPECT_EQ(run_remove({.object = {}, .files = {write("x.yaml", "a: 1\n")}}), 1);
  EXPECT_THAT(said.err(), HasSubstr("x.yaml:1: no manifest"));
  EXPECT_TRUE(control.asked.empty());
}

}  // namespace
}  // namespace tdn::cli
