#include "codec/tree.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>

namespace tdn::codec::yaml {
namespace {

Node json(std::string_view text) {
  auto node = from_json(text);
  EXPECT_TRUE(node.has_value()) << node.error().detail();
  return node.value_or(Node{});
}

std::string as_yaml(std::string_view text) { return to_yaml(json(text)); }

TEST(Tree, ShowsJsonAsYamlInBlocks) {
  EXPECT_EQ(
      as_yaml(R"({"kind":"Site","spec":{"location":{"country":"DE","latitude":50.11},)"
              R"("certifications":[],"labels":{}},"list":[{"a":1,"b":[true,null]},"x",[2]]})"),
      "kind: Site\n"
      "spec:\n"
      "  location:\n"
      "    country: DE\n"
      "    latitude: 50.11\n"
      "  certifications: []\n"
      "  labels: {}\n"
      "list:\n"
      "  - a: 1\n"
      "    b:\n"
      "      - true\n"
      "      - null\n"
      "  - x\n"
      "  - - 2\n");
}

TEST(Tree, QuotesTextThatAReaderWouldTakeForSomethingElse) {
  for (const char* text : {"NO", "on", "1e3", "0192f0c0", "", "a: b", "x:", "# no", "- a", "a\nb",
                           "true", "Null", "~", "é", "*a", "2027-12-31T00:00:00Z"}) {
    Node node;
    node.kind = Kind::kScalar;
    node.quoted = true;
    node.text = text;
    EXPECT_EQ(to_yaml(node).front(), '"') << text;
    EXPECT_EQ(parse(to_yaml(node), "y")->at(0).text, text);
  }
  EXPECT_EQ(as_yaml(R"("http://127.0.0.1:8080/a_b-c")"), "http://127.0.0.1:8080/a_b-c\n");
}

TEST(Tree, WritesWhatYamlHadUnquotedAsTextUnlessItIsAValueOfJson) {
  const Node node = parse("{country: NO, count: 3, yes: true, odd: 1_000}", "y")->at(0);
  EXPECT_EQ(
      to_json(node),
      "{\n  \"country\": \"NO\",\n  \"count\": 3,\n  \"yes\": true,\n  \"odd\": \"1_000\"\n}\n");
  EXPECT_EQ(to_json(json("[]")), "[]\n");
  EXPECT_EQ(to_json_line(json(R"({ "a" : [1, {"b": null}], "c": {} })")),
            "{\"a\":[1,{\"b\":null}],\"c\":{}}\n");
}

TEST(Tree, FindsWhatStandsAtAPath) {
  const Node node = json(R"({"metadata":{"name":"eu"},"n":4,"l":[1]})");
  EXPECT_EQ(text_at(node, "metadata.name"), "eu");
  EXPECT_EQ(text_at(node, "n"), "4");
  EXPECT_EQ(text_at(node, "metadata"), "");
  EXPECT_EQ(text_at(node, "metadata.name.more"), "");
  EXPECT_EQ(node_at(node, "none.at.all"), nullptr);
  EXPECT_EQ(node_at(node, "l")->items.size(), 1U);
}

TEST(Tree, NamesWhatIsNoJson) {
  EXPECT_FALSE(from_json("").has_value());
  EXPECT_FALSE(from_json("{\"a\":}").has_value());
  EXPECT_FALSE(from_json("{} {}").has_value());
  EXPECT_FALSE(from_json(std::string(200, '[')).has_value());
}

bool same(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.text != b.text || a.items.size() != b.items.size() ||
      a.entries.size() != b.entries.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!same(a.items[i], b.items[i])) {
      return false;
    }
  }
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    if (a.entries[i].key != b.entries[i].key || !same(a.entries[i].value, b.entries[i].value)) {
      return false;
    }
  }
  return true;
}

// A tree of any shape; text of ASCII with the characters that YAML minds.
Node arbitrary(int depth) {
  Node node;
  const int kind = *rc::gen::inRange(0, depth > 0 ? 5 : 3);
  const auto text = [] {
    return *rc::gen::container<std::string>(
        rc::gen::elementOf(std::string("abeNO012 :#-'\"\\\n\t{}[],&*!|>%@`~?.\x7f\x01")));
  };
  switch (kind) {
    case 0:
      break;
    case 1:
      node.kind = Kind::kScalar;
      node.text = std::to_string(*rc::gen::arbitrary<int>());
      break;
    case 2:
      node.kind = Kind::kScalar;
      node.quoted = true;
      node.text = text();
      break;
    case 3:
      node.kind = Kind::kSequence;
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        node.items.push_back(arbitrary(depth - 1));
      }
      break;
    default:
      node.kind = Kind::kMapping;
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        Entry& entry = node.entries.emplace_back();
        entry.key = std::to_string(i) + text();
        entry.value = arbitrary(depth - 1);
      }
  }
  return node;
}

TEST(Tree, YamlAndJsonReadBackAsTheSameTree) {
  EXPECT_TRUE(rc::check([] {
    const Node tree = arbitrary(4);
    const auto from_own_json = from_json(to_json(tree));
    RC_ASSERT(from_own_json.has_value());
    RC_ASSERT(same(tree, *from_own_json));
    const auto documents = parse(to_yaml(tree), "y");
    RC_ASSERT(documents.has_value());
    // An empty document is no document.
    const bool as_before = tree.is_null() ? documents->empty() : same(tree, documents->at(0));
    RC_ASSERT(as_before);
  }));
}

}  // namespace
}  // namespace tdn::codec::yaml
