#include "domain/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "domain/example_test.h"
#include "domain/load.h"

namespace tdn::domain {
namespace {

using testing::HasSubstr;

constexpr WallTime kCompiledAt{1'767'225'600'000'000};
constexpr std::string_view kKey =
    "sk-tdn-jhvry0xfy6-6Rs4Nxgdz8n9fugVEUZqL3xORLC3DnD5bFVBdBSVIt7-4fEoXF";

std::shared_ptr<const Snapshot> compile(std::string text) {
  const Source source{"conf/a.yaml", std::move(text)};
  const auto all = parse_manifests(std::span(&source, 1));
  EXPECT_TRUE(all.has_value()) << all.error().detail();
  SeededRandom random(1);
  Identities ids;
  update(ids, *all, kCompiledAt, random);
  return Snapshot::compile(*all, ids);
}

std::string snapshot_with(std::string_view from, std::string_view to) {
  std::string text(kExample);
  return text.replace(text.find(from), from.size(), to);
}

TEST(Snapshot, ResolvesTheExample) {
  const auto snapshot = compile(std::string(kExample));
  const auto model = snapshot->find_model("smollm2-135m");
  ASSERT_TRUE(model.has_value());
  EXPECT_EQ(snapshot->find_model("smollm2"), model);
  EXPECT_FALSE(snapshot->find_model("gpt-5").has_value());
  const Endpoint& endpoint = (*snapshot)[(*snapshot)[*model].endpoints.at(0)];
  EXPECT_EQ(endpoint.name, "frankfurt-1");
  EXPECT_EQ(endpoint.host, "127.0.0.1");
  EXPECT_EQ(endpoint.port, 8082);
  EXPECT_EQ(endpoint.authority, "127.0.0.1:8082");
  EXPECT_EQ(endpoint.path, "");
  EXPECT_EQ(endpoint.credential_file, "conf/upstream.key");
  EXPECT_EQ(endpoint.served(*model)->as, "SmolLM2-135M-Instruct");
  EXPECT_EQ(endpoint.served(*model)->cost.cached_input.pico, 2'000);
  EXPECT_EQ(endpoint.served({7}), nullptr);
  EXPECT_EQ((*snapshot)[endpoint.site].country.to_string(), "DE");
  EXPECT_FALSE((*snapshot)[endpoint.site].owner.is_zero());
  EXPECT_EQ(snapshot->find_site("frankfurt"), endpoint.site);
  EXPECT_FALSE(snapshot->find_site("paris").has_value());
  EXPECT_TRUE(snapshot->zones().at(0).sites.contains(endpoint.site));
}

TEST(Snapshot, KnowsTheOwnersOfAKey) {
  const auto snapshot = compile(std::string(kExample));
  const Key& key = (*snapshot)[*snapshot->authenticate(kKey, kCompiledAt)];
  EXPECT_EQ(key.name, "demo/playground/laptop");
  EXPECT_EQ((*snapshot)[key.project].name, "demo/playground");
  EXPECT_EQ((*snapshot)[key.tenant].name, "demo");
  EXPECT_EQ(key.limits.requests_per_minute, 600);
  EXPECT_TRUE(key.lists(*snapshot->find_model("smollm2")));
}

TEST(Snapshot, RefusesKeysThatAreWrongUnknownOrExpired) {
  const auto snapshot = compile(std::string(kExample));
  EXPECT_THAT(snapshot->authenticate("sk-tdn-x", kCompiledAt).error().detail(),
              HasSubstr("mistyped"));
  SeededRandom random(5);
  const auto unknown = snapshot->authenticate(make_api_key(random).text, kCompiledAt);
  EXPECT_EQ(unknown.error().code(), Code::kInvalidApiKey);
  EXPECT_THAT(unknown.error().detail(), HasSubstr("not known"));
  const WallTime end = *parse_rfc3339("2027-12-31T00:00:00Z");
  EXPECT_TRUE(snapshot->authenticate(kKey, {end.us - 1}).has_value());
  EXPECT_THAT(snapshot->authenticate(kKey, end).error().detail(),
              HasSubstr("expired at 2027-12-31"));
}

TEST(Snapshot, AWrongSecretUnderAKnownIdIsRefused) {
  const auto snapshot = compile(snapshot_with("a61d1ae3", "b61d1ae3"));
  EXPECT_THAT(snapshot->authenticate(kKey, kCompiledAt).error().detail(), HasSubstr("not known"));
}

TEST(Snapshot, NoErrorOfAuthenticationQuotesTheKey) {
  const auto snapshot = compile(snapshot_with("a61d1ae3", "b61d1ae3"));
  for (const std::string_view presented : {kKey, kKey.substr(0, 60)}) {
    EXPECT_THAT(snapshot->authenticate(presented, kCompiledAt).error().detail(),
                testing::Not(HasSubstr("6Rs4Nxgd")));
  }
}

TEST(Snapshot, TheNearestObjectiveWins) {
  EXPECT_EQ(compile(std::string(kExample))->keys()[0].objective, Objective::kBalanced);
  const std::string none = snapshot_with("  objective: balanced\n", "");
  EXPECT_EQ(compile(none)->keys()[0].objective, Objective::kBalanced);
  std::string tenant = none;
  tenant.replace(tenant.find("privacy: {}"), 11, "objective: cost");
  EXPECT_EQ(compile(tenant)->keys()[0].objective, Objective::kCost);
  std::string project = tenant;
  project.replace(project.find("spec: {}"), 8, "spec: {objective: latency}");
  EXPECT_EQ(compile(project)->keys()[0].objective, Objective::kLatency);
}

TEST(Snapshot, TakesUrlsApart) {
  const auto with = [](std::string_view url) {
    return compile(snapshot_with("http://127.0.0.1:8082", url))->endpoints().at(0);
  };
  EXPECT_EQ(with("http://engine.example").port, 80);
  EXPECT_FALSE(with("http://engine.example").tls);
  EXPECT_TRUE(with("https://engine.example").tls);
  EXPECT_EQ(with("https://engine.example").port, 443);
  EXPECT_EQ(with("https://engine.example:8443/x").port, 8443);
  EXPECT_EQ(with("https://engine.example:8443/x").authority, "engine.example:8443");
  EXPECT_EQ(with("\"http://[::1]:9000/base\"").host, "::1");
  EXPECT_EQ(with("\"http://[::1]:9000/base\"").port, 9000);
  EXPECT_EQ(with("\"http://[::1]:9000/base\"").authority, "[::1]:9000");
  EXPECT_EQ(with("\"http://[::1]:9000/base\"").path, "/base");
}

TEST(Snapshot, CostDefaultsToTheModelsPrice) {
  const auto snapshot =
      compile(snapshot_with("  cost: {currency: USD, perMillion: {input: \"0.01\", cachedInput: "
                            "\"0.002\", output: \"0.02\"}}\n",
                            ""));
  EXPECT_EQ(snapshot->endpoints()[0].models[0].cost.output.pico, 40'000);
}

TEST(Snapshot, FindsObjectsByUid) {
  const auto snapshot = compile(std::string(kExample));
  const Key& key = snapshot->keys().at(0);
  EXPECT_EQ(&(*snapshot)[*snapshot->find_key(key.uid)], &key);
  EXPECT_EQ(snapshot->find_key(snapshot->tenants().at(0).uid), std::nullopt);
  EXPECT_EQ(snapshot->find_model(snapshot->models().at(0).uid), ModelIndex{0});
  EXPECT_EQ(snapshot->find_endpoint(snapshot->endpoints().at(0).uid), EndpointIndex{0});
  EXPECT_EQ(snapshot->find_endpoint(Uid{}), std::nullopt);
}

TEST(UidIndex, FindsEachOfManyAndNothingElse) {
  SeededRandom random(9);
  std::vector<Zone> objects(1000);
  for (Zone& object : objects) {
    object.uid = Uid::make(kCompiledAt, random);
  }
  const UidIndex index(objects);
  for (std::uint32_t i = 0; i < objects.size(); ++i) {
    ASSERT_EQ(index.find(objects, objects[i].uid), i);
    ASSERT_EQ(index.find(objects, Uid::make(kCompiledAt, random)), std::nullopt);
  }
  const std::vector<Zone> none;
  EXPECT_EQ(UidIndex(none).find(none, objects[0].uid), std::nullopt);
  EXPECT_EQ(UidIndex().find(none, objects[0].uid), std::nullopt);
}

TEST(OpenSnapshot, KeepsUidsInTheStateFolder) {
  const std::string folder = testing::TempDir() + "open-snapshot-test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/m.yaml") << kExample;
  SeededRandom random(1);
  const auto first = open_snapshot(folder + "/m.yaml", folder, kCompiledAt, random);
  ASSERT_TRUE(first.has_value()) << first.error().detail();
  const auto second = open_snapshot(folder + "/m.yaml", folder, kCompiledAt, random);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ((*first)->tenants()[0].uid, (*second)->tenants()[0].uid);
  std::ofstream(folder + "/uids.json") << "garbage";
  EXPECT_FALSE(open_snapshot(folder + "/m.yaml", folder, kCompiledAt, random).has_value());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tdn::domain
