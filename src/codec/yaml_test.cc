#include "codec/yaml.h"

#include <gtest/gtest.h>

#include <string>

namespace tdn::codec::yaml {
namespace {

std::string error_of(std::string_view text, const Limits& limits = {}) {
  const auto documents = parse(text, "a.yaml", limits);
  return documents ? "accepted" : documents.error().detail();
}

Node one(std::string_view text) {
  auto documents = parse(text, "a.yaml");
  EXPECT_TRUE(documents.has_value()) << documents.error().detail();
  return documents && documents->size() == 1 ? std::move(documents->front()) : Node{};
}

TEST(Yaml, KeepsWhatWasWritten) {
  const Node root = one("countries: [NO, on, 010, 1e3, \"yes\"]\n");
  const Node* countries = root.find("countries");
  ASSERT_NE(countries, nullptr);
  ASSERT_EQ(countries->items.size(), 5U);
  EXPECT_EQ(countries->items[0].text, "NO");
  EXPECT_EQ(countries->items[1].text, "on");
  EXPECT_EQ(countries->items[2].text, "010");
  EXPECT_EQ(countries->items[3].text, "1e3");
  EXPECT_FALSE(countries->items[3].quoted);
  EXPECT_EQ(countries->items[4].text, "yes");
  EXPECT_TRUE(countries->items[4].quoted);
}

TEST(Yaml, KnowsThePlaceOfEveryNode) {
  const Node root = one("# top\nspec:\n  site: here\n  models:\n    - {model: m}\n  empty:\n");
  const Entry& spec = root.entries.at(0);
  EXPECT_EQ(spec.line, 2);
  EXPECT_EQ(spec.column, 1);
  EXPECT_EQ(spec.value.entries.at(0).line, 3);
  EXPECT_EQ(spec.value.entries.at(0).value.column, 9);
  EXPECT_EQ(spec.value.entries.at(1).value.items.at(0).line, 5);
  EXPECT_TRUE(spec.value.entries.at(2).value.is_null());
  EXPECT_EQ(spec.value.entries.at(2).value.line, 6);
}

TEST(Yaml, ReadsSeveralDocumentsAndSkipsEmptyOnes) {
  const auto documents = parse("---\na: 1\n---\n---\nb: 2\n...\n", "a.yaml");
  ASSERT_TRUE(documents.has_value());
  ASSERT_EQ(documents->size(), 2U);
  EXPECT_NE((*documents)[0].find("a"), nullptr);
  EXPECT_NE((*documents)[1].find("b"), nullptr);
  EXPECT_TRUE(parse("", "a.yaml")->empty());
  EXPECT_TRUE(parse("# nothing\n", "a.yaml")->empty());
}

TEST(Yaml, ReadsJson) {
  const Node root =
      one(R"({"kinds":{"Tenant":{"demo":{"version":1,"t":"a\"\u00e9\/"}}},"x":[1,{}]})");
  const Node* demo = root.find("kinds")->find("Tenant")->find("demo");
  ASSERT_NE(demo, nullptr);
  EXPECT_EQ(demo->find("version")->text, "1");
  EXPECT_EQ(demo->find("t")->text, "a\"é/");
  EXPECT_EQ(root.find("x")->items.size(), 2U);
}

TEST(Yaml, RefusesDuplicateKeysWhereverTheyStand) {
  EXPECT_EQ(error_of("a: 1\nb:\n  c: 1\n  c: 2\n"),
            "a.yaml:4:3: duplicate key `c`; keep one of them");
  EXPECT_EQ(error_of("{\"a\": 1, a: 2}"), "a.yaml:1:10: duplicate key `a`; keep one of them");
}

TEST(Yaml, RefusesAnchorsAliasesAndTags) {
  EXPECT_EQ(error_of("a: &x 1\nb: *x\n"),
            "a.yaml:1:4: anchors (&name) are not taken; leave the anchor out and repeat the value");
  EXPECT_NE(error_of("a: !!binary aGk=\n").find("a.yaml:1:4: tags ("), std::string::npos);
  EXPECT_NE(error_of("a: !mine {}\n").find("tags (!mine)"), std::string::npos);
}

TEST(Yaml, AnAliasBombIsRefusedAtItsFirstAnchor) {
  std::string bomb = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int level = 1; level < 10; ++level) {
    const std::string below = "*l" + std::to_string(level - 1);
    bomb += "l" + std::to_string(level) + ": &l" + std::to_string(level) + " [";
    for (int i = 0; i < 10; ++i) {
      bomb += (i != 0 ? ", " : "") + below;
    }
    bomb += "]\n";
  }
  EXPECT_NE(error_of(bomb).find("a.yaml:1:5: anchors"), std::string::npos);
}

TEST(Yaml, RefusesKeysThatAreNotText) {
  EXPECT_EQ(error_of("? [a, b]\n: 1\n"), "a.yaml:1:3: a key must be text; write `name: value`");
  EXPECT_NE(error_of("~: 1\n").find("a key must be text"), std::string::npos);
}

TEST(Yaml, RefusesWhatPassesTheLimits) {
  EXPECT_NE(error_of("abcdef", {.bytes = 5}).find("6 bytes, more than 5"), std::string::npos);
  EXPECT_EQ(error_of("[a, b, c]", {.nodes = 4}), "accepted");
  EXPECT_NE(error_of("[a, b, c]", {.nodes = 3}).find("more than 3 values"), std::string::npos);
  EXPECT_EQ(error_of("[[[a]]]", {.depth = 3}), "accepted");
  EXPECT_NE(error_of("[[[[a]]]]", {.depth = 3}).find("nested deeper than 3"), std::string::npos);
}

TEST(Yaml, SurvivesNestingThatWouldExhaustTheStack) {
  EXPECT_NE(error_of(std::string(100'000, '[')), "accepted");
  EXPECT_NE(error_of(std::string(100'000, '{')), "accepted");
}

TEST(Yaml, NamesTheLineOfASyntaxError) {
  const std::string error = error_of("a: 1\nb: [1, 2\nc: 3\n");
  EXPECT_EQ(error.substr(0, 7), "a.yaml:") << error;
  EXPECT_NE(error_of("a:\n\t- b\n").find("a.yaml:2:"), std::string::npos)
      << error_of("a:\n\t- b\n");
}

TEST(Yaml, RefusesBytesThatAreNotText) {
  EXPECT_NE(error_of("a: 1\nb: \xff\n").find("a.yaml:2:1: not UTF-8"), std::string::npos);
  EXPECT_NE(error_of(std::string_view("a: \0b", 5)).find("a.yaml:1:4: a zero byte"),
            std::string::npos);
  EXPECT_NE(error_of("a: \xed\xa0\x80").find("not UTF-8"), std::string::npos);  // a surrogate
}

}  // namespace
}  // namespace tdn::codec::yaml
