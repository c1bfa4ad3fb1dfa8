#include "gateway/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/random.h"
#include "domain/identity.h"
#include "domain/load.h"
#include "route/endpoint_state.h"

namespace tdn::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kWorld = R"(
{apiVersion: tdn/v1, kind: Site, metadata: {name: frankfurt}, spec: {location: {country: DE, city: F, latitude: 50.11, longitude: 8.68}}}
---
{apiVersion: tdn/v1, kind: Site, metadata: {name: paris}, spec: {location: {country: FR, city: P, latitude: 48.86, longitude: 2.35}}}
---
{apiVersion: tdn/v1, kind: Model, metadata: {name: m}, spec: {price: {currency: USD, perMillion: {input: "1", output: "2"}}}}
---
{apiVersion: tdn/v1, kind: Endpoint, metadata: {name: a}, spec: {site: frankfurt, kind: openai, url: "http://a", models: [{model: m}], credential: {file: catalogue_test.key}}}
---
{apiVersion: tdn/v1, kind: Endpoint, metadata: {name: b}, spec: {site: paris, kind: openai, url: "https://b", models: [{model: m}], credential: {env: TDN_CATALOGUE_TEST_NOT_SET}}}
---
{apiVersion: tdn/v1, kind: Endpoint, metadata: {name: c}, spec: {site: frankfurt, kind: vllm, url: "http://c/x", models: [{model: m}]}}
)";

using Made = Result<std::shared_ptr<const Catalogue>>;

class CatalogueTest : public ::testing::Test {
 protected:
  CatalogueTest() {
    const domain::Source source{::testing::TempDir() + "world.yaml", std::string(kWorld)};
    auto manifests = domain::parse_manifests(std::span(&source, 1));
    EXPECT_TRUE(manifests.has_value()) << manifests.error().detail();
    domain::Identities identities;
    SeededRandom random(1);
    domain::update(identities, *manifests, {}, random);
    snapshot_ = domain::Snapshot::compile(*manifests, identities);
  }
  ~CatalogueTest() override { std::remove(key_file_.c_str()); }

  void write_key(std::string_view text) { std::ofstream(key_file_) << text; }
  Made make(const Catalogue* previous = nullptr, route::Reach reach = route::Reach::kPeers,
            const std::string& authorities = {}) {
    return Catalogue::create(snapshot_, *snapshot_->find_site("frankfurt"), previous, reach,
                             authorities);
  }
  [[nodiscard]] domain::EndpointIndex named(std::string_view name) const {
    for (std::uint32_t i = 0; i < snapshot_->endpoints().size(); ++i) {
      if (snapshot_->endpoints()[i].name == name) {
        return {i};
      }
    }
    ADD_FAILURE() << name;
    return {};
  }

  const std::string key_file_ = ::testing::TempDir() + "catalogue_test.key";
  std::shared_ptr<const domain::Snapshot> snapshot_;
};

TEST_F(CatalogueTest, AKeyIsTheFirstLineOfItsFileBesideTheManifest) {
  write_key("sk-upstream \r\nsecond line\n");
  const Made made = make();
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ((*made)->credential(named("a")), "Bearer sk-upstream");
  EXPECT_THAT((*made)->unusable(named("a")), IsEmpty());
  EXPECT_THAT((*made)->engine_head(named("a")).fields,
              HasSubstr("\r\nauthorization: Bearer sk-upstream\r\n"));
  EXPECT_EQ((*made)->credential(named("c")), "");
}

TEST_F(CatalogueTest, AnEndpointWithoutItsKeyIsLeftOutByNameAndComesBack) {
  const Made without = make();
  ASSERT_TRUE(without.has_value());
  const route::EndpointState& state = (*without)->table().state(named("a"));
  EXPECT_THAT((*without)->unusable(named("a")),
              HasSubstr("its credential: there is no regular file " + key_file_));
  EXPECT_EQ(state.trouble(), route::Trouble::kCredential);
  EXPECT_EQ((*without)->table().state(named("c")).trouble(), route::Trouble::kNone);
  write_key("k\n");
  const Made with = make(without->get());
  EXPECT_EQ(&(*with)->table().state(named("a")), &state);
  EXPECT_EQ(state.trouble(), route::Trouble::kNone);
  EXPECT_EQ((*with)->credential(named("a")), "Bearer k");
}

TEST_F(CatalogueTest, WhatIsNoKeyIsNotSent) {
  for (const std::string& text : {std::string("\n"), std::string("  \r\n"), std::string(9000, 'k'),
                                  std::string("k\0k\n", 4)}) {
    write_key(text);
    const Made made = make();
    EXPECT_EQ((*made)->credential(named("a")), "");
    EXPECT_THAT((*made)->unusable(named("a")), HasSubstr("its credential: "));
    EXPECT_EQ((*made)->unusable(named("a")).find("kk"), std::string::npos);
  }
}

TEST_F(CatalogueTest, APipeOrADeviceIsNoKeyAndIsNotReadFrom) {
  ASSERT_EQ(::mkfifo(key_file_.c_str(), 0600), 0);
  const Made pipe = make();
  ASSERT_TRUE(pipe.has_value());
  EXPECT_THAT((*pipe)->unusable(named("a")), HasSubstr("there is no regular file " + key_file_));
  std::filesystem::remove(key_file_);
  std::filesystem::create_symlink("/dev/zero", key_file_);
  EXPECT_THAT((*make())->unusable(named("a")), HasSubstr("there is no regular file"));
  std::filesystem::remove(key_file_);
}

TEST_F(CatalogueTest, InANetworkOnlyTheServingEdgeReadsKeysAndCertificates) {
  write_key("k\n");
  const Made member = make();
  EXPECT_THAT((*member)->unusable(named("b")), IsEmpty()) << "its own edge says whether it is well";
  EXPECT_EQ((*member)->trust(), nullptr);
  const Made alone = make(nullptr, route::Reach::kDirect);
  EXPECT_THAT((*alone)->unusable(named("b")), HasSubstr("TDN_CATALOGUE_TEST_NOT_SET is not set"));
  EXPECT_NE((*alone)->trust(), nullptr);
  EXPECT_EQ((*make(alone->get(), route::Reach::kDirect))->trust(), (*alone)->trust());
}

TEST_F(CatalogueTest, AuthoritiesThatCannotBeReadAreAnErrorByName) {
  const Made made = make(nullptr, route::Reach::kDirect, "/nowhere/authority.pem");
  ASSERT_FALSE(made.has_value());
  EXPECT_THAT(made.error().detail(), HasSubstr("/nowhere/authority.pem"));
}

}  // namespace
}  // namespace tdn::gateway
