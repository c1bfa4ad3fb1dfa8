#include "domain/policy.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace tdn::domain {
namespace {

using testing::HasSubstr;

constexpr WallTime kCompiled{1'767'225'600'000'000};

template <class Spec>
Object<Spec> object(std::string name, Spec spec = {}) {
  Object<Spec> result;
  result.metadata.name = std::move(name);
  result.spec = std::move(spec);
  return result;
}

Object<SiteSpec> site(std::string name, std::string country, double latitude, double longitude) {
  SiteSpec spec;
  spec.location = {std::move(country), "", latitude, longitude};
  spec.gateway = "http://" + name;
  return object(std::move(name), std::move(spec));
}

// Three sites, two zones, three models, two tenants with two keys each. Lists sorted by name.
Manifests world() {
  Manifests all;
  all.sites = {site("berlin", "DE", 52.5, 13.4), site("oslo", "NO", 59.9, 10.8),
               site("paris", "FR", 48.9, 2.4)};
  all.sites[2].spec.jurisdiction.certifications = {"c5"};
  all.zones = {object<ZoneSpec>("certified", {{}, {}, {"c5"}}),
               object<ZoneSpec>("eu", {{"DE", "FR"}, {}, {}}),
               object<ZoneSpec>("north", {{"NO"}, {}, {}})};
  all.models = {object<ModelSpec>("m0"), object<ModelSpec>("m1"), object<ModelSpec>("m2")};
  all.tenants = {object<TenantSpec>("a"), object<TenantSpec>("b")};
  all.projects = {object<ProjectSpec>("a/p"), object<ProjectSpec>("b/p")};
  all.keys = {object<KeySpec>("a/p/k0"), object<KeySpec>("a/p/k1"), object<KeySpec>("b/p/k0"),
              object<KeySpec>("b/p/k1")};
  all.keys[1].spec.models = {"m1"};
  return all;
}

std::shared_ptr<const Snapshot> compile(const Manifests& all) {
  SeededRandom random(1);
  Identities ids;
  update(ids, all, kCompiled, random);
  return Snapshot::compile(all, ids);
}

RuleSpec require(std::vector<std::string> zones) {
  RuleSpec rule;
  rule.require.zones = std::move(zones);
  return rule;
}

class PolicyTest : public testing::Test {
 protected:
  void add_policy(std::vector<RuleSpec> rules) {
    all_.policies.push_back(
        object<PolicySpec>(fmt::format("p{}", all_.policies.size()), {std::move(rules)}));
  }
  void compile() { snapshot_ = domain::compile(all_); }
  [[nodiscard]] const Key& key(std::size_t i) const { return snapshot_->keys()[i]; }
  [[nodiscard]] SiteIndex at(std::string_view name) const { return *snapshot_->find_site(name); }
  [[nodiscard]] Opening open(std::size_t key_number, std::string_view here,
                             Country client = {}) const {
    return may_open(*snapshot_, key(key_number), client, at(here));
  }
  [[nodiscard]] std::string told(std::size_t key_number, std::string_view here) const {
    return to_string(refusal(*snapshot_, key(key_number), {}, at(here), open(key_number, here)));
  }
  Manifests all_ = world();
  std::shared_ptr<const Snapshot> snapshot_;
};

TEST_F(PolicyTest, WithoutPolicyEverythingIsAllowedEverywhere) {
  compile();
  EXPECT_EQ(open(0, "oslo").verdict, Opening::Verdict::kOpen);
  const Outcome& outcome = snapshot_->outcome(key(0), {0}, {});
  EXPECT_TRUE(outcome.sites.contains(at("oslo")));
  EXPECT_FALSE(allowing_zone(*snapshot_, outcome, at("oslo")).has_value());
}

TEST_F(PolicyTest, AFencedTenantIsSentToTheNearestPermittedGateway) {
  RuleSpec rule = require({"eu"});
  rule.match.tenants = {"a"};
  add_policy({rule});
  compile();
  EXPECT_EQ(open(0, "berlin").verdict, Opening::Verdict::kOpen);
  EXPECT_EQ(open(0, "oslo").verdict, Opening::Verdict::kWrongSite);
  EXPECT_EQ(open(0, "oslo").nearest, at("berlin"));
  EXPECT_EQ(told(0, "oslo"),
            "wrong_site: Requests of this key may not be processed at site oslo; send them to "
            "http://berlin (berlin).");
  EXPECT_EQ(open(2, "oslo").verdict, Opening::Verdict::kOpen);  // the other tenant
  const auto zone = allowing_zone(*snapshot_, snapshot_->outcome(key(0), {0}, {}), at("paris"));
  EXPECT_EQ((*snapshot_)[zone.value()].name, "eu");
}

TEST_F(PolicyTest, GatewaysThatCannotServeAreNotNamed) {
  all_.sites[0].spec.state = SiteState::kDraining;
  add_policy({require({"eu"})});
  compile();
  EXPECT_EQ(open(0, "oslo").nearest, at("paris"));
  all_.sites[2].spec.gateway.clear();
  compile();
  EXPECT_FALSE(open(0, "oslo").nearest.has_value());
  EXPECT_THAT(told(0, "oslo"), HasSubstr("no site where they may be has a gateway in service now"));
}

TEST_F(PolicyTest, ABodyIsOpenedOnlyWhereEveryModelOfTheKeyMayGo) {
  RuleSpec fenced = require({"eu"});
  fenced.match.models = {"m0"};
  add_policy({fenced});
  compile();
  EXPECT_EQ(open(0, "oslo").verdict, Opening::Verdict::kWrongSite);  // it may ask for m0
  EXPECT_EQ(open(1, "oslo").verdict, Opening::Verdict::kOpen);       // its list has only m1
  EXPECT_TRUE(snapshot_->outcome(key(0), {1}, {}).sites.contains(at("oslo")));
  EXPECT_FALSE(snapshot_->outcome(key(0), {0}, {}).sites.contains(at("oslo")));
}

TEST_F(PolicyTest, ModelsThatShareNoSiteLeaveNoPlaceToOpen) {
  RuleSpec south = require({"eu"});
  south.match.models = {"m0"};
  RuleSpec north = require({"north"});
  north.match.models = {"m1", "m2"};
  add_policy({south, north});
  compile();
  EXPECT_EQ(open(0, "berlin").verdict, Opening::Verdict::kDenied);
  EXPECT_THAT(told(0, "berlin"), HasSubstr("use a key for fewer models"));
  EXPECT_EQ(open(1, "oslo").verdict, Opening::Verdict::kOpen);
}

TEST_F(PolicyTest, DenialTellsItsReason) {
  RuleSpec rule;
  rule.match.tenants = {"b"};
  rule.deny = "contract ended";
  add_policy({rule});
  compile();
  EXPECT_EQ(told(2, "berlin"), "policy_denied: Refused by policy: contract ended.");
  EXPECT_TRUE(snapshot_->outcome(key(2), {0}, {}).sites.empty());
}

TEST_F(PolicyTest, AModelDeniedEverywhereDoesNotCloseTheDoorToOthers) {
  RuleSpec rule;
  rule.match.models = {"m0"};
  rule.deny = "not yet";
  add_policy({rule});
  compile();
  EXPECT_EQ(open(0, "oslo").verdict, Opening::Verdict::kOpen);
  EXPECT_EQ(snapshot_->outcome(key(0), {0}, {}).denied, "not yet");
}

TEST_F(PolicyTest, TheFirstMatchDecidesWithinAPolicyAndAllPoliciesMustAgree) {
  RuleSpec allow;
  allow.allow = true;
  allow.match.keys = {"a/p/k0"};
  add_policy({allow, require({"north"})});
  compile();
  EXPECT_EQ(open(0, "paris").verdict, Opening::Verdict::kOpen);
  EXPECT_EQ(open(2, "paris").verdict, Opening::Verdict::kWrongSite);
  add_policy({require({"eu"})});
  compile();
  EXPECT_EQ(open(0, "oslo").verdict, Opening::Verdict::kWrongSite);
  EXPECT_EQ(open(2, "paris").verdict, Opening::Verdict::kDenied);  // north and eu share no site
}

TEST_F(PolicyTest, AZoneWithoutSitesRefusesRatherThanRelaxes) {
  all_.zones[2].spec.countries = {"JP"};
  add_policy({require({"north"})});
  compile();
  EXPECT_EQ(open(0, "berlin").verdict, Opening::Verdict::kDenied);
  EXPECT_TRUE(snapshot_->outcome(key(0), {0}, {}).sites.empty());
}

TEST_F(PolicyTest, ClientCountriesDecideWhenKnown) {
  RuleSpec rule = require({"north"});
  rule.match.client_countries = {"NO"};
  add_policy({rule});
  compile();
  EXPECT_EQ(open(0, "berlin", *Country::parse("NO")).verdict, Opening::Verdict::kWrongSite);
  EXPECT_EQ(open(0, "berlin", *Country::parse("DE")).verdict, Opening::Verdict::kOpen);
  EXPECT_EQ(open(0, "berlin").verdict, Opening::Verdict::kOpen);
}

TEST_F(PolicyTest, CertificationsMustAllBeHeld) {
  add_policy({require({"certified"})});
  compile();
  EXPECT_EQ(open(0, "berlin").nearest, at("paris"));
  all_.zones[0].spec.certifications = {"c5", "hds"};
  compile();
  EXPECT_EQ(open(0, "paris").verdict, Opening::Verdict::kDenied);
}

// --- The compiled tables against rules read one by one.

template <class T>
bool any_or(const std::vector<T>& list, const T& value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

bool in_zone(const ZoneSpec& zone, const SiteSpec& site) {
  const auto& held = site.jurisdiction.certifications;
  return any_or(zone.countries, site.location.country) &&
         (zone.certifications.empty() ||
          std::find(held.begin(), held.end(), zone.certifications[0]) != held.end());
}

// Whether the request may be processed at the site, straight from the manifests.
bool may_process(const Manifests& all, const std::string& key, const std::string& model,
                 const std::string& client, const SiteSpec& site) {
  const std::string tenant = key.substr(0, key.find('/'));
  const std::string project = key.substr(0, key.rfind('/'));
  for (const auto& policy : all.policies) {
    for (const RuleSpec& rule : policy.spec.rules) {
      const MatchSpec& match = rule.match;
      if (!any_or(match.tenants, tenant) || !any_or(match.projects, project) ||
          !any_or(match.keys, key) || !any_or(match.models, model) ||
          !any_or(match.client_countries, client)) {
        continue;
      }
      const bool inside = std::any_of(
          rule.require.zones.begin(), rule.require.zones.end(), [&](const std::string& name) {
            const auto zone = std::find_if(all.zones.begin(), all.zones.end(),
                                           [&](const auto& z) { return z.metadata.name == name; });
            return in_zone(zone->spec, site);
          });
      if (!rule.deny.empty() || (!rule.require.zones.empty() && !inside)) {
        return false;
      }
      break;
    }
  }
  return true;
}

rc::Gen<std::vector<std::string>> some_of(std::vector<std::string> names) {
  return rc::gen::map(rc::gen::inRange(0U, 1U << (names.size() + 1)), [names](unsigned bits) {
    std::vector<std::string> chosen;  // the topmost bit empties the list, so that "any" is frequent
    for (std::size_t i = 0; i < names.size() && (bits >> names.size()) == 0; ++i) {
      if (((bits >> i) & 1) != 0) {
        chosen.push_back(names[i]);
      }
    }
    return chosen;
  });
}

RuleSpec any_rule() {
  RuleSpec rule;
  rule.match.tenants = *some_of({"a", "b"});
  rule.match.projects = *some_of({"a/p", "b/p"});
  rule.match.keys = *some_of({"a/p/k0", "b/p/k0"});
  rule.match.models = *some_of({"m0", "m1", "m2"});
  rule.match.client_countries = *some_of({"NO", "US"});
  const int outcome = *rc::gen::inRange(0, 4);
  rule.deny = outcome == 0 ? "no" : "";
  rule.allow = outcome == 1;
  if (outcome >= 2) {
    rule.require.zones = *rc::gen::nonEmpty(some_of({"certified", "eu", "north"}));
  }
  return rule;
}

TEST(PolicyProperty, TheTablesSayWhatTheRulesSay) {
  EXPECT_TRUE(rc::check("compiled policies equal the rules", [] {
    Manifests all = world();
    const int policies = *rc::gen::inRange(0, 4);
    for (int i = 0; i < policies; ++i) {
      PolicySpec policy;
      const int rules = *rc::gen::inRange(0, 5);
      for (int j = 0; j < rules; ++j) {
        policy.rules.push_back(any_rule());
      }
      all.policies.push_back(object(fmt::format("p{}", i), policy));
    }
    const auto snapshot = compile(all);
    for (const std::string client : {"", "NO", "US", "DE"}) {
      const Country country = Country::parse(client).value_or(Country());
      for (const Key& key : snapshot->keys()) {
        SiteSet openable = SiteSet::all(all.sites.size());
        bool any = false;
        for (std::uint32_t m = 0; m < all.models.size(); ++m) {
          const Outcome& outcome = snapshot->outcome(key, {m}, country);
          for (std::uint32_t s = 0; s < all.sites.size(); ++s) {
            RC_ASSERT(outcome.sites.contains({s}) == may_process(all, key.name,
                                                                 all.models[m].metadata.name,
                                                                 client, all.sites[s].spec));
          }
          RC_ASSERT(outcome.denied.empty() || outcome.sites.empty());
          if (key.lists({m}) && outcome.denied.empty()) {
            openable &= outcome.sites;
            any = true;
          }
        }
        for (std::uint32_t s = 0; s < all.sites.size(); ++s) {
          RC_ASSERT((may_open(*snapshot, key, country, {s}).verdict == Opening::Verdict::kOpen) ==
                    (any && openable.contains({s})));
        }
      }
    }
  }));
}

}  // namespace
}  // namespace tdn::domain
