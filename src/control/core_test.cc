// The logic by itself: whatever is applied and deleted, what is stored is what is in memory, and
// the snapshot made step by step is the one that is made from nothing.
#include "control/core.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "control/service.h"
#include "store/memory_store.h"

namespace tdn::control {
namespace {

std::string manifest_of(std::string_view kind, std::string_view name, std::string_view spec) {
  return fmt::format("apiVersion: tdn/v1\nkind: {}\nmetadata: {{name: {}}}\nspec: {}\n---\n", kind,
                     name, spec);
}

// Something of each kind, with numbers to draw from.
std::string draw_object() {
  const auto number = [] { return *rc::gen::inRange(0, 3); };
  switch (*rc::gen::inRange(0, 8)) {
    case 0:
      return manifest_of("Zone", fmt::format("z{}", number()),
                         fmt::format("{{countries: [{}]}}", number() == 0 ? "DE" : "FR"));
    case 1:
      return manifest_of(
          "Site", fmt::format("s{}", number()),
          fmt::format("{{location: {{country: DE, latitude: {}, longitude: 8}}, owner: "
                      "accounts/a{}}}",
                      number(), number()));
    case 2:
      return manifest_of(
          "Model", fmt::format("m{}", number()),
          fmt::format("{{aliases: [alias{}], price: {{perMillion: {{output: \"{}\"}}}}}}", number(),
                      number()));
    case 3:
      return manifest_of(
          "Endpoint", fmt::format("e{}", number()),
          fmt::format("{{site: s{}, kind: tdn, url: \"http://a:1\", models: [{{model: "
                      "m{}}}]}}",
                      number(), number()));
    case 4:
      return manifest_of("Tenant", fmt::format("t{}", number()),
                         fmt::format("{{displayName: D{}}}", number()));
    case 5:
      return manifest_of("Project", fmt::format("t{}/p{}", number(), number()), "{}");
    case 6:
      return manifest_of("Key", fmt::format("t{}/p{}/k{}", number(), number(), number()),
                         fmt::format("{{models: [m{}], secrets: [{{id: \"000000000{}\", sha256: "
                                     "{:064x}}}]}}",
                                     number(), number(), number()));
    default:
      return manifest_of(
          "Policy", fmt::format("p{}", number()),
          fmt::format("{{rules: [{{match: {{tenants: [t{}]}}, require: {{zones: [z{}]}}"
                      "}}]}}",
                      number(), number()));
  }
}

class CoreRig {
 public:
  CoreRig() { reopen(); }

  template <class Work>
  auto run(Work work) {
    EXPECT_TRUE(store.begin() && store.savepoint());
    auto result = work(*core);
    EXPECT_TRUE(result ? store.release() : store.undo());
    EXPECT_TRUE(store.commit());
    return result;
  }
  auto apply(const std::string& text) {
    const std::vector<domain::Source> sources{{"a.yaml", text}};
    return run([&](Core& logic) { return logic.apply(store, sources, false); });
  }
  void reopen() {
    const auto remembered = core == nullptr ? std::nullopt : std::optional(core->snapshot()->order);
    auto opened = open_core(store, {.clock = &clock,
                                    .random = &random,
                                    .signing_key = key,
                                    .network_secrets = {},
                                    .user_secret = {},
                                    .remembered = remembered});
    ASSERT_TRUE(opened.has_value()) << opened.error().detail();
    core = *std::move(opened);
  }
  [[nodiscard]] std::vector<std::string> shown() const {
    std::vector<std::string> all;
    for (int kind = 0; kind < domain::kKinds; ++kind) {
      for (const Shown& object : core->list(static_cast<domain::Kind>(kind))) {
        all.push_back(object.document);
      }
    }
    return all;
  }

  ManualClock clock;
  SeededRandom random{1};
  codec::Ed25519Key key{codec::Ed25519Key::Seed{7}};
  store::MemoryStore store;
  std::unique_ptr<Core> core;
};

RC_GTEST_PROP(Core, KeepsWhatIsInMemoryAndPublishesWhatIsKept, ()) {
  CoreRig rig;
  const int steps = *rc::gen::inRange(1, 25);
  int changed = 0;
  for (int step = 0; step < steps; ++step) {
    const std::string before = rig.core->snapshot()->envelope;
    bool good = false;
    if (*rc::gen::inRange(0, 4) == 0) {
      const auto kind = static_cast<domain::Kind>(*rc::gen::inRange(0, domain::kKinds));
      const std::vector<Shown> objects = rig.core->list(kind);
      const std::string name =
          objects.empty() ? "none"
                          : objects[*rc::gen::inRange<std::size_t>(0, objects.size())].name;
      std::vector<ObjectName> doomed{{kind, name}};
      if (*rc::gen::inRange(0, 2) == 0) {  // with all that is there of another kind
        const auto other = static_cast<domain::Kind>(*rc::gen::inRange(0, domain::kKinds));
        for (const Shown& object : rig.core->list(other)) {
          doomed.push_back({other, object.name});
        }
      }
      good = rig.run([&](Core& core) { return core.remove(rig.store, doomed); }).has_value();
    } else {
      std::string text;
      const int objects = *rc::gen::inRange(1, 12);
      for (int i = 0; i < objects; ++i) {
        text += draw_object();
      }
      good = rig.apply(text).has_value();
    }
    const std::vector<std::string> shown = rig.shown();
    const std::string envelope = rig.core->snapshot()->envelope;
    if (!good) {
      RC_ASSERT(envelope == before);
    }
    changed += envelope != before ? 1 : 0;
    rig.reopen();  // compiles everything anew, and would publish again if a section differed
    RC_ASSERT(rig.core->snapshot()->envelope == envelope);
    RC_ASSERT(rig.shown() == shown);
  }
  RC_TAG(changed > 0 ? "changed" : "refused all");
}

TEST(CoreTest, AnAccountThatNobodyNamesAnyMoreComesBackAsAnother) {
  CoreRig rig;
  const auto site = [](std::string_view owner) {
    return manifest_of("Site", "s",
                       fmt::format("{{location: {{country: DE, latitude: 1, longitude: 8}}, owner: "
                                   "accounts/{}}}",
                                   owner));
  };
  ASSERT_TRUE(rig.apply(site("a")).has_value());
  const std::string first = rig.core->snapshot()->envelope;
  ASSERT_TRUE(rig.apply(site("b")).has_value());
  ASSERT_TRUE(rig.apply(site("a")).has_value());
  int former = 0;
  ASSERT_TRUE(rig.store.begin());
  ASSERT_TRUE(rig.store.visit_former([&](const domain::FormerObject& object) {
    former += object.kind == "Account" ? 1 : 0;
    return true;
  }));
  rig.store.roll_back();
  EXPECT_EQ(former, 2);
}

TEST(CoreTest, ManyKeysAtOnceAreThereOneByOne) {
  CoreRig rig;
  std::string text = manifest_of("Tenant", "t", "{}") + manifest_of("Project", "t/p", "{}");
  for (int i = 0; i < 300; ++i) {
    text += manifest_of("Key", fmt::format("t/p/k{}", i), "{}");
  }
  ASSERT_TRUE(rig.apply(text).has_value());
  EXPECT_EQ(rig.core->list(domain::Kind::kKey).size(), 300U);
  const auto first = rig.core->snapshot();
  ASSERT_TRUE(rig.run([&](Core& core) { return core.issue(rig.store, "t/p/k7"); }).has_value());
  const auto second = rig.core->snapshot();
  std::size_t same = 0;
  for (const auto& [hash, bytes] : second->sections) {
    same += first->sections.contains(hash) ? 1 : 0;
  }
  EXPECT_EQ(same, second->sections.size() - 1) << "one section of keys changed, and nothing else";
}

TEST(CoreTest, UsageTellsAFormerTenantFromTheNewOneOfItsName) {
  CoreRig rig;
  const std::vector<meter::Dimension> by{meter::Dimension::kTenant};
  const auto use = [&](std::uint64_t requests) {
    meter::UsageCell cell;
    cell.tenant = rig.core->get({domain::Kind::kTenant, "acme"})->uid;
    ASSERT_TRUE(rig.run([&](Core&) { return rig.store.add_usage(cell, {.requests = requests}); }));
  };
  const auto told = [&] {
    std::vector<std::pair<std::string, std::uint64_t>> lines;
    const auto answer = rig.run([&](Core& core) { return core.usage(rig.store, by); });
    for (const meter::UsageLine& line : answer->report.lines) {
      lines.emplace_back(line.by[0], line.row.requests);
    }
    return lines;
  };
  ASSERT_TRUE(rig.apply(manifest_of("Tenant", "acme", "{}")).has_value());
  use(1);
  const std::vector<ObjectName> doomed{{domain::Kind::kTenant, "acme"}};
  ASSERT_TRUE(rig.run([&](Core& core) { return core.remove(rig.store, doomed); }).has_value());
  EXPECT_THAT(told(), testing::ElementsAre(testing::Pair("acme", 1U)));
  ASSERT_TRUE(rig.apply(manifest_of("Tenant", "acme", "{}")).has_value());
  use(2);
  rig.reopen();
  EXPECT_THAT(told(),
              testing::ElementsAre(testing::Pair("acme", 2U), testing::Pair("acme (deleted)", 1U)));
}

}  // namespace
}  // namespace tdn::control
