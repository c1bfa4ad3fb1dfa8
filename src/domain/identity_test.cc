#include "domain/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "domain/example_test.h"
#include "domain/load.h"

namespace tdn::domain {
namespace {

constexpr WallTime kNow{1'767'225'600'000'000};

Manifests example() {
  const Source source{"a.yaml", std::string(kExample)};
  auto all = parse_manifests(std::span(&source, 1));
  EXPECT_TRUE(all.has_value());
  return *std::move(all);
}

class IdentityTest : public testing::Test {
 protected:
  bool update(const Manifests& manifests) { return domain::update(ids_, manifests, kNow, random_); }
  const Identity& at(std::string_view kind, std::string_view name) const {
    const Identity* identity = ids_.find(kind, name);
    EXPECT_NE(identity, nullptr) << kind << " " << name;
    return *identity;
  }
  SeededRandom random_{1};
  Identities ids_;
};

TEST_F(IdentityTest, EveryObjectGetsItsOwnUidAtFirstSightAndKeepsIt) {
  ASSERT_TRUE(update(example()));
  const Uid demo = at("Tenant", "demo").uid;
  EXPECT_NE(demo, at("Tenant", "other").uid);
  EXPECT_EQ(at("Tenant", "demo").revision.version, 1U);
  EXPECT_FALSE(at("Account", "frankfurt-colo").uid.is_zero());
  EXPECT_EQ(at("Model", "smollm2").parts.at("weights").version, 1U);
  EXPECT_EQ(at("PolicySet", "all").revision.version, 1U);
  EXPECT_FALSE(update(example()));
  EXPECT_EQ(at("Tenant", "demo").uid, demo);
}

TEST_F(IdentityTest, VersionsCountChangesOfWhatTheyAreAbout) {
  update(example());
  Manifests changed = example();
  changed.models[0].spec.aliases.clear();
  ASSERT_TRUE(update(changed));
  EXPECT_EQ(at("Model", "smollm2").revision.version, 2U);
  EXPECT_EQ(at("Model", "smollm2").parts.at("price").version, 1U);
  changed.models[0].spec.price.output.pico += 1;
  changed.sites[0].spec.location.country = "FR";
  ASSERT_TRUE(update(changed));
  EXPECT_EQ(at("Model", "smollm2").parts.at("price").version, 2U);
  EXPECT_EQ(at("Site", "frankfurt").parts.at("jurisdiction").version, 2U);
  changed.zones[0].spec.countries.emplace_back("NO");
  ASSERT_TRUE(update(changed));
  EXPECT_EQ(at("PolicySet", "all").revision.version, 2U);
  EXPECT_EQ(at("Policy", "demo-stays-in-eu").revision.version, 1U);
}

TEST_F(IdentityTest, LabelsAreNoChange) {
  update(example());
  Manifests changed = example();
  changed.tenants[0].metadata.labels["a"] = "b";
  EXPECT_FALSE(update(changed));
}

TEST_F(IdentityTest, WhatIsCreatedAgainInheritsNothing) {
  update(example());
  const Uid before = at("Tenant", "other").uid;
  Manifests without = example();
  without.tenants.pop_back();
  ASSERT_TRUE(update(without));
  EXPECT_EQ(ids_.find("Tenant", "other"), nullptr);
  ASSERT_EQ(ids_.former.size(), 1U);
  EXPECT_EQ(ids_.former[0].name, "other");
  EXPECT_EQ(ids_.former[0].uid, before);
  ASSERT_TRUE(update(example()));
  EXPECT_NE(at("Tenant", "other").uid, before);
}

TEST_F(IdentityTest, FormerObjectsAreBounded) {
  ids_.former.assign(Identities::kMostFormer, {"Tenant", "x", Uid{}});
  update(example());
  update(Manifests{});
  EXPECT_EQ(ids_.former.size(), Identities::kMostFormer);
  EXPECT_EQ(ids_.former.front().name, "x");
  EXPECT_NE(ids_.former.back().name, "x");
}

TEST_F(IdentityTest, ReadsBackAsWritten) {
  update(example());
  Manifests without = example();
  without.tenants.pop_back();
  update(without);
  const std::string json = to_json(ids_);
  const auto read = parse_identities(json, "uids.json");
  ASSERT_TRUE(read.has_value()) << read.error().detail();
  EXPECT_EQ(to_json(*read), json);
  EXPECT_EQ(read->find("Model", "smollm2")->uid, at("Model", "smollm2").uid);
}

TEST_F(IdentityTest, OfNothingAndOfWhatIsGoneReadsBackToo) {
  update(Manifests{});
  EXPECT_EQ(to_json(*parse_identities(to_json(ids_), "uids.json")), to_json(ids_));
  update(example());
  update(Manifests{});
  EXPECT_EQ(to_json(*parse_identities(to_json(ids_), "uids.json")), to_json(ids_));
}

TEST_F(IdentityTest, ADamagedFileIsNamed) {
  for (const char* text :
       {"", "{}", "[]", R"({"kinds":{"Tenant":{"a":{"uid":"x","version":1}}}})",
        R"({"kinds":{"Tenant":{"a":{"uid":"0192f0c0-a000-7000-8000-000000000001"}}}})"}) {
    const auto read = parse_identities(text, "uids.json");
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_THAT(read.error().detail(), testing::StartsWith("uids.json:")) << text;
  }
}

TEST_F(IdentityTest, SurvivesInTheStateFolder) {
  const std::string folder = testing::TempDir() + "identity-test";
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/uids.json";
  std::filesystem::remove(path);
  EXPECT_TRUE(read_identities(path)->kinds.empty());
  update(example());
  ASSERT_TRUE(write_identities(path, ids_).has_value());
  ASSERT_TRUE(write_identities(path, ids_).has_value());
  EXPECT_EQ(to_json(*read_identities(path)), to_json(ids_));
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  EXPECT_FALSE(write_identities(folder + "/none/uids.json", ids_).has_value());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tdn::domain
