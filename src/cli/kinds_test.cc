#include "cli/kinds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace tdn::cli {
namespace {

using testing::HasSubstr;

TEST(Kinds, EachIsKnownByFourNamesAndNoTwoShareOne) {
  std::set<std::string_view> names;
  for (const KindName& kind : kind_names()) {
    EXPECT_EQ(kind.manifest, domain::to_string(kind.kind));
    EXPECT_EQ(&name_of(kind.kind), &kind);
    for (const std::string_view name : {kind.manifest, kind.singular, kind.plural, kind.brief}) {
      EXPECT_EQ(find_kind(name)->kind, kind.kind) << name;
    }
    names.insert({kind.singular, kind.plural, kind.brief});
  }
  EXPECT_EQ(names.size(), std::size_t{3} * domain::kKinds);
}

TEST(Kinds, AMisspeltOneIsToldWithWhatIsMeant) {
  EXPECT_THAT(find_kind("zoness").error().detail(), HasSubstr("did you mean `zones`?"));
  EXPECT_THAT(find_kind("xyz").error().detail(), HasSubstr("zones (zo), sites (si)"));
}

TEST(Reference, IsKindAndNameInOneWordOrTwo) {
  EXPECT_EQ(parse_reference("keys", "demo/playground/laptop", true)->name,
            "demo/playground/laptop");
  const Reference one = *parse_reference("key/demo/playground/laptop", "", true);
  EXPECT_EQ(one.kind.kind, domain::Kind::kKey);
  EXPECT_EQ(one.name, "demo/playground/laptop");
  EXPECT_EQ(parse_reference("sites", "", false)->name, "");
  EXPECT_THAT(parse_reference("sites", "", true).error().detail(), HasSubstr("which site?"));
}

TEST(Reference, IsAPathOfControl) {
  EXPECT_EQ(path_of(name_of(domain::Kind::kPolicy)), "/api/v1/policies");
  EXPECT_EQ(path_of(name_of(domain::Kind::kKey), "a/b/c"), "/api/v1/keys/a/b/c");
}

}  // namespace
}  // namespace tdn::cli
