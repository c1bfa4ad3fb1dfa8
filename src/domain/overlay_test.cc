// Manifests laid over others, as control does: checks against what exists, and who uses what.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "domain/example_test.h"
#include "domain/identity.h"
#include "domain/load.h"
#include "domain/references.h"

namespace tdn::domain {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Manifests parse_example() {
  const Source source{"example.yaml", std::string(kExample)};
  auto all = parse_manifests(std::span(&source, 1));
  EXPECT_TRUE(all.has_value());
  return *std::move(all);
}

// The example as what exists.
class ExampleExists final : public Existing {
 public:
  bool has(const ObjectName& object) const override {
    bool found = false;
    for_each_list(all_, [&](Kind kind, const auto& list) {
      found |= kind == object.kind && find_object(list, object.name) != nullptr;
    });
    return found;
  }
  void add_names(Kind kind, std::size_t most, std::vector<std::string_view>& names) const override {
    for_each_list(all_, [&](Kind of, const auto& list) {
      for (const auto& object : list) {
        if (of == kind && list.size() <= most) {
          names.push_back(object.metadata.name);
        }
      }
    });
  }
  std::optional<ObjectName> holder(const std::string& claim) const override {
    for (const auto& model : all_.models) {
      if (std::ranges::count(claims_of(model), claim) > 0) {
        return ObjectName{Kind::kModel, model.metadata.name};
      }
    }
    for (const auto& key : all_.keys) {
      if (std::ranges::count(claims_of(key), claim) > 0) {
        return ObjectName{Kind::kKey, key.metadata.name};
      }
    }
    return std::nullopt;
  }

 private:
  Manifests all_ = parse_example();
};

std::string error_of(std::string_view kind, std::string_view name, std::string_view spec) {
  const Source source{
      "new.yaml", fmt::format("apiVersion: tdn/v1\nkind: {}\nmetadata: {{name: {}}}\nspec: {}\n",
                              kind, name, spec)};
  const ExampleExists existing;
  const auto parsed = parse_manifests(std::span(&source, 1), &existing);
  return parsed ? "accepted" : parsed.error().detail();
}

TEST(Overlay, MayReferToWhatExists) {
  EXPECT_EQ(error_of("Project", "demo/new", "{}"), "accepted");
  EXPECT_EQ(error_of("Key", "demo/playground/new", "{models: [smollm2]}"), "accepted");
  EXPECT_EQ(error_of("Project", "dmo/new", "{}"),
            "new.yaml:3: metadata.name: there is no Tenant `dmo`; did you mean `demo`?");
  EXPECT_THAT(error_of("Key", "demo/playground/new", "{models: [smollm2-135m]}"),
              HasSubstr("it is an alias: write `smollm2`"));
}

TEST(Overlay, TakesNothingThatBelongsToAnother) {
  EXPECT_EQ(error_of("Model", "other", "{aliases: [smollm2-135m]}"),
            "new.yaml:4: spec.aliases[0]: model `smollm2-135m` belongs to Model `smollm2` already; "
            "choose another");
  EXPECT_THAT(error_of("Model", "smollm2-135m", "{}"),
              HasSubstr("new.yaml:3: metadata.name: model `smollm2-135m` belongs to Model"));
  const std::string secrets =
      fmt::format("{{secrets: [{{id: jhvry0xfy6, sha256: {}}}]}}", std::string(64, 'a'));
  EXPECT_THAT(error_of("Key", "demo/playground/thief", secrets),
              HasSubstr("secret `jhvry0xfy6` belongs to Key `demo/playground/laptop` already"));
}

TEST(Overlay, WhatIsReplacedGivesUpWhatItHeld) {
  EXPECT_EQ(error_of("Model", "smollm2", "{aliases: [smollm2-135m]}"), "accepted");
  EXPECT_EQ(
      error_of("Key", "demo/playground/laptop",
               fmt::format("{{secrets: [{{id: jhvry0xfy6, sha256: {}}}]}}", std::string(64, 'a'))),
      "accepted");
}

TEST(Overlay, TakesWhatControlWritesIntoMetadata) {
  const auto with = [](std::string_view metadata) {
    return error_of("Tenant", fmt::format("new, {}", metadata), "{}");
  };
  EXPECT_EQ(with("uid: 0192f0c0-a000-7000-8000-000000000001, resourceVersion: \"12\", "
                 "createdAt: 2026-01-01T00:00:00Z"),
            "accepted");
  EXPECT_THAT(with("uid: 12"), HasSubstr("metadata.uid: `12` is no UUID"));
  EXPECT_THAT(with("resourceVersion: -1"), HasSubstr("metadata.resourceVersion: `-1` is no"));
}

TEST(References, TellWhoUsesAnObject) {
  const Manifests all = parse_example();
  EXPECT_THAT(users_of(all, {Kind::kTenant, "demo"}, 10),
              ElementsAre(ObjectName{Kind::kProject, "demo/playground"},
                          ObjectName{Kind::kPolicy, "demo-stays-in-eu"}));
  EXPECT_THAT(users_of(all, {Kind::kModel, "smollm2"}, 10),
              ElementsAre(ObjectName{Kind::kEndpoint, "frankfurt-1"},
                          ObjectName{Kind::kKey, "demo/playground/laptop"}));
  EXPECT_THAT(users_of(all, {Kind::kSite, "frankfurt"}, 10),
              ElementsAre(ObjectName{Kind::kEndpoint, "frankfurt-1"}));
  EXPECT_THAT(users_of(all, {Kind::kZone, "eu"}, 10),
              ElementsAre(ObjectName{Kind::kPolicy, "demo-stays-in-eu"}));
  EXPECT_THAT(users_of(all, {Kind::kProject, "demo/playground"}, 10),
              ElementsAre(ObjectName{Kind::kKey, "demo/playground/laptop"}));
  EXPECT_THAT(users_of(all, {Kind::kKey, "demo/playground/laptop"}, 10), IsEmpty());
  EXPECT_EQ(users_of(all, {Kind::kTenant, "demo"}, 1).size(), 1U);
}

TEST(StepByStep, GivesTheSameIdentitiesAsAllAtOnce) {
  const WallTime now{1'767'225'600'000'000};
  Manifests all = parse_example();
  SeededRandom one(1);
  Identities whole;
  update(whole, all, now, one);
  Identities steps = whole;
  all.models[0].spec.price.output.pico += 1;
  all.policies[0].spec.rules.pop_back();
  all.sites[0].spec.owner = "accounts/somebody-else";
  all.tenants.pop_back();  // "other", which only that rule named

  SeededRandom two = one;
  EXPECT_TRUE(update(whole, all, now, one));
  EXPECT_TRUE(forget(steps, "Tenant", "other"));
  EXPECT_FALSE(forget(steps, "Tenant", "other"));
  EXPECT_TRUE(revise(steps, Kind::kModel, all.models[0], now, two));
  EXPECT_TRUE(revise(steps, Kind::kPolicy, all.policies[0], now, two));
  EXPECT_TRUE(revise(steps, Kind::kSite, all.sites[0], now, two));
  EXPECT_TRUE(revise_common(steps, all, now, two));
  EXPECT_EQ(steps.kinds.at("Model").at("smollm2").parts.at("price").version, 2U);
  EXPECT_EQ(steps.kinds.at("PolicySet").at("all").revision.version, 2U);
  EXPECT_EQ(to_json(steps).substr(0, to_json(steps).find("\"former\"")),
            to_json(whole).substr(0, to_json(whole).find("\"former\"")));
  EXPECT_EQ(steps.former.size(), whole.former.size());
  EXPECT_FALSE(revise_common(steps, all, now, two));
}

}  // namespace
}  // namespace tdn::domain
