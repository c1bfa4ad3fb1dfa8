#include "cli/key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/hex.h"
#include "domain/api_key.h"
#include "domain/load.h"

namespace tdn::cli {
namespace {

using testing::HasSubstr;

class KeyNew : public testing::Test {
 protected:
  std::string print(const KeyNewOptions& options) {
    const auto text = key_new(options, random_);
    return text ? *text : text.error().detail();
  }
  SeededRandom random_{1};
};

TEST_F(KeyNew, TheFirstLineIsTheKeyAndTheSecondItsHash) {
  const std::string text = print({});
  const std::string key = text.substr(0, text.find('\n'));
  ASSERT_TRUE(domain::parse_api_key(key).has_value()) << text;
  EXPECT_EQ(text, key + "\n{id: " + domain::parse_api_key(key)->to_string() +
                      ", sha256: " + codec::to_hex(codec::sha256(bytes_of(key))) + "}\n");
}

TEST_F(KeyNew, WithANameTheRestIsAManifestThatLoads) {
  const std::string text = print({.name = "demo/playground/laptop"});
  const std::string key = text.substr(0, text.find('\n'));
  const domain::Source source{
      "key.yaml",
      text.substr(key.size() + 1) +
          "---\n{apiVersion: tdn/v1, kind: Tenant, metadata: {name: demo}}\n"
          "---\n{apiVersion: tdn/v1, kind: Project, metadata: {name: demo/playground}}\n"};
  const auto all = domain::parse_manifests(std::span(&source, 1));
  ASSERT_TRUE(all.has_value()) << all.error().detail();
  EXPECT_EQ(all->keys.at(0).spec.secrets.at(0).id, domain::parse_api_key(key)->to_string());
}

TEST_F(KeyNew, JsonForPrograms) {
  EXPECT_THAT(
      print({.name = "", .json = true}),
      testing::MatchesRegex(
          "\\{\"key\":\"sk-tdn-[^\"]+\",\"id\":\"[0-9a-z]{10}\",\"sha256\":\"[0-9a-f]{64}\"\\}\n"));
  EXPECT_THAT(print({.name = "a/b/c", .json = true}), HasSubstr(",\"name\":\"a/b/c\"}"));
}

TEST_F(KeyNew, RefusesWhatIsNoNameOfAKey) {
  for (const char* name : {"a", "a/b", "a/b/c/d", "A/b/c", "a/b/c\"}"}) {
    EXPECT_THAT(print({.name = name}), HasSubstr("is no name of a key")) << name;
  }
}

TEST_F(KeyNew, NoTwoKeysAreAlike) { EXPECT_NE(print({}), print({})); }

}  // namespace
}  // namespace tdn::cli
