#include "local/manifests.h"

#include <gtest/gtest.h>

#include "codec/hex.h"
#include "codec/sha256.h"
#include "domain/api_key.h"
#include "domain/load.h"

namespace tdn::local {
namespace {

NetworkDescription describe(const ServedModel& model) {
  SeededRandom random(1);
  NetworkDescription network{
      .model = model, .sites = {}, .key = Secret(domain::make_api_key(random).text)};
  for (const SitePlan& plan : default_sites()) {
    network.sites.push_back({.plan = plan,
                             .gateway = "http://127.0.0.1:8080",
                             .engine = "http://127.0.0.1:8082/" + plan.name});
  }
  return network;
}

domain::Manifests read_back(const NetworkDescription& network) {
  std::vector<domain::Source> sources;
  for (const ManifestFile& file : write_manifests(network)) {
    sources.push_back({.name = file.name, .text = file.text});
  }
  const Result<domain::Manifests> manifests = domain::parse_manifests(sources);
  EXPECT_TRUE(manifests.has_value()) << manifests.error().detail();
  return manifests.value();
}

constexpr const char* kDefaultName = "SmolLM2-135M-Instruct";

TEST(Manifests, DescribeOneModelAtThreeSites) {
  const domain::Manifests read =
      read_back(describe({.engine_name = kDefaultName, .context_length = 2048}));
  ASSERT_EQ(read.sites.size(), 3U);  // by name
  EXPECT_EQ(read.sites[1].metadata.name, "frankfurt");
  EXPECT_EQ(read.sites[1].spec.gateway, "http://127.0.0.1:8080");
  EXPECT_EQ(read.sites[0].spec.location.country, "US");
  ASSERT_EQ(read.models.size(), 1U);
  EXPECT_EQ(read.models[0].metadata.name, "smollm2");
  EXPECT_EQ(read.models[0].spec.context_length, 2048);
  EXPECT_EQ(to_string_per_million(read.models[0].spec.price.output), "0.04");
  ASSERT_EQ(read.endpoints.size(), 3U);
  EXPECT_EQ(read.endpoints[2].metadata.name, endpoint_of("paris"));
  EXPECT_EQ(read.endpoints[2].spec.url, "http://127.0.0.1:8082/paris");
  EXPECT_EQ(read.endpoints[2].spec.models[0].as, kDefaultName);
  ASSERT_EQ(read.zones.size(), 2U);
  EXPECT_EQ(read.zones[0].spec.countries.size(), 27U);
}

TEST(Manifests, AnEngineOfManySlotsIsGivenAsManyRequests) {
  NetworkDescription network = describe({.engine_name = kDefaultName});
  network.sites[0].plan.engine.slots = 288;
  network.sites[1].plan.engine.slots = 4;
  const domain::Manifests read = read_back(network);
  EXPECT_EQ(read.endpoints[1].metadata.name, endpoint_of("frankfurt"));
  EXPECT_EQ(read.endpoints[1].spec.concurrency, 288);
  EXPECT_EQ(read.endpoints[2].spec.concurrency, 64) << "the rest wait at the engine";
}

TEST(Manifests, TheirObjectsAreFoundAgain) {
  const std::string text = write_manifests(describe({.engine_name = kDefaultName})).at(0).text;
  const std::vector<ObjectLabel> objects = objects_in(text);
  EXPECT_EQ(objects.front(), (ObjectLabel{"Zone", "eu"}));
  EXPECT_EQ(objects.back(), (ObjectLabel{"Site", "ashburn"}));
  EXPECT_TRUE(objects_in("{").empty());
}

TEST(Manifests, TheDemoKeyHasNoLimitsAndOnlyItsDigestIsWritten) {
  const NetworkDescription network = describe({.engine_name = kDefaultName});
  const domain::Manifests read = read_back(network);
  ASSERT_EQ(read.keys.size(), 1U);
  const domain::KeySpec& key = read.keys[0].spec;
  EXPECT_EQ(read.keys[0].metadata.name, "demo/playground/laptop");
  EXPECT_EQ(key.limits.requests_per_minute, 0);
  EXPECT_EQ(read.tenants[0].spec.limits.concurrency, 0);
  EXPECT_EQ(read.projects[0].spec.limits.tokens_per_minute, 0);
  ASSERT_EQ(key.secrets.size(), 1U);
  EXPECT_EQ(key.secrets[0].sha256, codec::to_hex(codec::sha256(bytes_of(network.key.reveal()))));
  for (const ManifestFile& file : write_manifests(network)) {
    EXPECT_EQ(file.text.find("sk-tdn-"), std::string::npos) << file.name;
  }
}

TEST(Manifests, AnyModelNameOfAFileGivesAValidPublicName) {
  const auto name = [](const char* engine_name) {
    return public_model_name({.engine_name = engine_name});
  };
  EXPECT_EQ(name("Qwen2.5 0.5B Instruct"), "qwen2-5-0-5b-instruct");
  EXPECT_EQ(name("__"), "model");
  EXPECT_EQ(public_model_name({.engine_name = "simulated", .simulated = true}), "smollm2");
  const std::string odd = "\"quoted\": {yes} # no: " + std::string(100, 'x');
  const domain::Manifests read = read_back(describe({.engine_name = odd}));
  EXPECT_EQ(read.endpoints[0].spec.models[0].as, odd);
  EXPECT_TRUE(read.endpoints[0].spec.models[0].model.starts_with("quoted-yes-no-xxx"));
  EXPECT_EQ(public_model_name({.engine_name = odd}).size(), 63U);
}

}  // namespace
}  // namespace tdn::local
