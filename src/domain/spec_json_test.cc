#include "domain/spec_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "domain/digest.h"
#include "domain/example_test.h"
#include "domain/load.h"
#include "domain/resolve.h"

namespace tdn::domain {
namespace {

using testing::HasSubstr;

Manifests spec_example() {
  const Source source{"a.yaml", std::string(kExample)};
  auto all = parse_manifests(std::span(&source, 1));
  EXPECT_TRUE(all.has_value()) << all.error().detail();
  return *std::move(all);
}

template <class Spec>
std::string json_of(const Spec& spec) {
  std::string text;
  codec::JsonWriter json(text);
  write_spec(json, spec);
  return text;
}

template <class Spec>
std::string error_of(std::string_view json) {
  const auto read = read_spec<Spec>(json);
  return read ? "" : read.error().detail();
}

template <class Spec>
void expect_round_trip(const std::vector<Object<Spec>>& objects) {
  ASSERT_FALSE(objects.empty());
  for (const auto& object : objects) {
    const std::string json = json_of(object.spec);
    const auto read = read_spec<Spec>(json);
    ASSERT_TRUE(read.has_value()) << json << "\n" << read.error().detail();
    EXPECT_EQ(json_of(*read), json);
    EXPECT_EQ(digest_of(*read), digest_of(object.spec)) << json;
  }
}

TEST(SpecJson, EverySpecOfTheExampleReadsBackAsItWas) {
  const Manifests all = spec_example();
  expect_round_trip(all.zones);
  expect_round_trip(all.sites);
  expect_round_trip(all.models);
  expect_round_trip(all.endpoints);
  expect_round_trip(all.tenants);
  expect_round_trip(all.projects);
  expect_round_trip(all.keys);
  expect_round_trip(all.policies);
}

TEST(SpecJson, LeavesOutWhatIsZeroOrEmptyUnlessItIsRequired) {
  EXPECT_EQ(json_of(TenantSpec{}), "{}");
  EXPECT_EQ(json_of(SiteSpec{}), R"({"location":{"country":"","latitude":0,"longitude":0}})");
  EXPECT_EQ(
      json_of(spec_example().keys.at(0).spec),
      R"({"models":["smollm2"],"limits":{"requestsPerMinute":600,"tokensPerMinute":200000,)"
      R"("concurrency":64},"objective":"balanced","expires":"2027-12-31T00:00:00.000000Z",)"
      R"("secrets":[{"id":"jhvry0xfy6","sha256":"a61d1ae3fb91e4369d436585d8bd8d489f83357829b6)"
      R"(4d999e0edd496e500035"}]})");
}

// Sets every field to the least that its rule allows, which must survive being left out.
TEST(SpecJson, TheLeastAllowedValueOfEachNumberReadsBack) {
  EndpointSpec endpoint = spec_example().endpoints.at(0).spec;
  endpoint.concurrency = 1;
  endpoint.cost->cached_input = Price{};
  const auto read = read_spec<EndpointSpec>(json_of(endpoint));
  ASSERT_TRUE(read.has_value()) << read.error().detail();
  EXPECT_EQ(read->concurrency, 1);
  ASSERT_TRUE(read->cost->cached_input.has_value());
  EXPECT_EQ(read->cost->cached_input->pico, 0);
}

TEST(SpecJson, TakesMembersInAnyOrderAndEscapedValues) {
  const auto read =
      read_spec<TenantSpec>(R"({"objective":"cost","displayName":"D\u00e9mo \"x\""})");
  ASSERT_TRUE(read.has_value()) << read.error().detail();
  EXPECT_EQ(read->display_name, "D\xc3\xa9mo \"x\"");
  EXPECT_EQ(read->objective, Objective::kCost);
}

TEST(SpecJson, NamesThePathOfWhatIsWrong) {
  EXPECT_EQ(error_of<TenantSpec>(R"({"colour":"red"})"),
            "spec.colour: is a field that this version does not know");
  EXPECT_EQ(error_of<TenantSpec>(R"({"objective":"cost","objective":"cost"})"),
            "spec.objective: stands twice");
  EXPECT_EQ(error_of<TenantSpec>(R"({"displayName":7})"), "spec.displayName: is no string");
  EXPECT_EQ(error_of<TenantSpec>(R"({"limits":{"concurrency":-1}})"),
            "spec.limits.concurrency: is no whole number from 0 to 1000000");
  EXPECT_THAT(error_of<KeySpec>(R"({"secrets":[{"id":"jhvry0xfy6","sha256":"00"}]})"),
              HasSubstr("spec.secrets[0].sha256: "));
  EXPECT_THAT(error_of<KeySpec>(R"({"models":["ok",7]})"), HasSubstr("spec.models[1]: "));
  EXPECT_THAT(error_of<KeySpec>(R"({"expires":"tomorrow"})"), HasSubstr("spec.expires: "));
  EXPECT_EQ(error_of<EndpointSpec>(R"({"kind":"tdn"})"), "spec.site: is missing");
  EXPECT_THAT(error_of<ModelSpec>(R"({"price":{"perMillion":{"input":"-1"}}})"),
              HasSubstr("spec.price.perMillion.input: "));
  EXPECT_THAT(error_of<SiteSpec>(R"({"location":{"country":"DE","latitude":91,"longitude":0}})"),
              HasSubstr("spec.location.latitude: "));
  for (const char* broken : {"", "[]", "{", R"({"objective":"cost"} x)", R"({"limits":[]})"}) {
    EXPECT_NE(error_of<TenantSpec>(broken), "") << broken;
  }
}

Identities identities_of(const Manifests& all) {
  SeededRandom random(1);
  Identities identities;
  update(identities, all, {1'767'225'600'000'000}, random);
  return identities;
}

TEST(Resolve, TakesWhatTheLoaderTook) {
  const Manifests all = spec_example();
  const auto checked = check_resolved(all, identities_of(all));
  EXPECT_TRUE(checked.has_value()) << checked.error().detail();
}

TEST(Resolve, FindsEveryKindOfDanglingName) {
  const Manifests good = spec_example();
  const Identities identities = identities_of(good);
  const auto error = [&](const std::function<void(Manifests&)>& change) {
    Manifests all = good;
    change(all);
    const auto checked = check_resolved(all, identities);
    return checked ? std::string() : checked.error().detail();
  };
  EXPECT_EQ(error([](Manifests& all) { all.zones.clear(); }),
            "Policy `demo-stays-in-eu`: zones: there is no Zone `eu`");
  EXPECT_EQ(error([](Manifests& all) { all.sites.clear(); }),
            "Endpoint `frankfurt-1`: site: there is no Site `frankfurt`");
  EXPECT_EQ(error([](Manifests& all) { all.models.clear(); }),
            "Endpoint `frankfurt-1`: model: there is no Model `smollm2`");
  EXPECT_EQ(error([](Manifests& all) { all.projects.clear(); }),
            "Key `demo/playground/laptop`: name: there is no Project `demo/playground`");
  EXPECT_EQ(error([](Manifests& all) { all.tenants.erase(all.tenants.begin()); }),
            "Project `demo/playground`: name: there is no Tenant `demo`");
  EXPECT_EQ(error([](Manifests& all) { all.tenants.push_back(all.tenants.back()); }),
            "Tenant `other`: stands twice or out of order");
  EXPECT_EQ(error([](Manifests& all) { all.keys.at(0).metadata.name = "laptop"; }),
            "Key `laptop`: is no name of this kind");
  EXPECT_EQ(error([](Manifests& all) { all.models.at(0).metadata.name = "zephyr"; }),
            "Model `zephyr`: has no uid");
}

TEST(Resolve, MissesUidsAndParts) {
  const Manifests all = spec_example();
  Identities identities = identities_of(all);
  identities.kinds["Account"].clear();
  EXPECT_EQ(check_resolved(all, identities).error().detail(),
            "Account `frankfurt-colo`: its uid is missing");
  identities = identities_of(all);
  identities.kinds["Model"].at("smollm2").parts.erase("price");
  EXPECT_EQ(check_resolved(all, identities).error().detail(), "Model `smollm2`: price is missing");
}

}  // namespace
}  // namespace tdn::domain
