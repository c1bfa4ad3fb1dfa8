#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/assert.h"
#include "domain/detail/policies.h"

namespace tdn::domain::detail {
namespace {

constexpr std::uint32_t kNoRule = std::numeric_limits<std::uint32_t>::max();

struct Rule {
  std::vector<std::string> tenants, projects, keys;  // sorted; empty: any
  std::vector<ModelIndex> models;
  std::vector<Country> countries;
  std::string denied;
  std::vector<ZoneIndex> zones;
  SiteSet sites;

  // Whether it decides for every model and client.
  [[nodiscard]] bool always() const { return models.empty() && countries.empty(); }
  [[nodiscard]] bool matches(ModelIndex model, Country client) const {
    return (models.empty() || std::binary_search(models.begin(), models.end(), model)) &&
           (countries.empty() || std::binary_search(countries.begin(), countries.end(), client));
  }
};

bool lists(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::binary_search(names.begin(), names.end(), name);
}

template <class T>
std::vector<T> sorted(std::vector<T> values) {
  std::sort(values.begin(), values.end());
  return values;
}

class Compiler {
 public:
  Compiler(const Snapshot& snapshot, const Manifests& manifests) : snapshot_(snapshot) {
    out_.models = snapshot.models().size();
    for (const auto& policy : manifests.policies) {
      std::vector<std::uint32_t> numbers;
      for (const RuleSpec& rule : policy.spec.rules) {
        numbers.push_back(static_cast<std::uint32_t>(rules_.size()));
        rules_.push_back(compile(rule));
      }
      policies_.push_back(std::move(numbers));
    }
  }

  void add(Key& key) {
    key.profile = profile_of(key);
    key.gates = gates_of(key);
  }

  Policies finish() && { return std::move(out_); }

 private:
  // For each policy the rules that concern one key, in order.
  using Concern = std::vector<std::vector<std::uint32_t>>;

  Rule compile(const RuleSpec& spec) const {
    Rule rule;
    rule.tenants = sorted(spec.match.tenants);
    rule.projects = sorted(spec.match.projects);
    rule.keys = sorted(spec.match.keys);
    for (const std::string& name : spec.match.models) {
      const std::optional<ModelIndex> model = snapshot_.find_model(name);
      TDN_ASSERT(model.has_value());  // references are resolved
      rule.models.push_back(*model);
    }
    for (const std::string& name : spec.match.client_countries) {
      const std::optional<Country> country = Country::parse(name);
      TDN_ASSERT(country.has_value());
      rule.countries.push_back(*country);
    }
    rule.models = sorted(std::move(rule.models));
    rule.countries = sorted(std::move(rule.countries));
    rule.denied = spec.deny;
    for (const std::string& name : spec.require.zones) {
      rule.zones.push_back(find_zone(name));
      rule.sites |= snapshot_[rule.zones.back()].sites;
    }
    return rule;
  }

  [[nodiscard]] ZoneIndex find_zone(const std::string& name) const {
    const auto& zones = snapshot_.zones();
    const auto found = std::find_if(zones.begin(), zones.end(),
                                    [&](const Zone& zone) { return zone.name == name; });
    TDN_ASSERT(found != zones.end());
    return {static_cast<std::uint32_t>(found - zones.begin())};
  }

  [[nodiscard]] Concern concern_of(const Key& key) const {
    Concern concern;
    for (const auto& policy : policies_) {
      std::vector<std::uint32_t>& rules = concern.emplace_back();
      for (const std::uint32_t number : policy) {
        const Rule& rule = rules_[number];
        if (lists(rule.tenants, snapshot_[key.tenant].name) &&
            lists(rule.projects, snapshot_[key.project].name) && lists(rule.keys, key.name)) {
          rules.push_back(number);
          if (rule.always()) {
            break;  // nothing after it can decide
          }
        }
      }
    }
    return concern;
  }

  std::uint32_t profile_of(const Key& key) {
    Concern concern = concern_of(key);
    const auto next = static_cast<std::uint32_t>(out_.profiles.size());
    const auto [at, fresh] = profiles_.try_emplace(std::move(concern), next);
    if (fresh) {
      out_.profiles.push_back(work_out(at->first));
    }
    return at->second;
  }

  Policies::Profile work_out(const Concern& concern) {
    Policies::Profile profile;
    std::set<Country> named;
    for (const auto& rules : concern) {
      for (const std::uint32_t number : rules) {
        named.insert(rules_[number].countries.begin(), rules_[number].countries.end());
      }
    }
    profile.countries.assign(named.begin(), named.end());
    for (std::size_t i = 0; i <= profile.countries.size(); ++i) {
      const Country client = i == 0 ? Country() : profile.countries[i - 1];
      for (std::uint32_t model = 0; model < out_.models; ++model) {
        profile.outcomes.push_back(outcome_of(concern, {model}, client));
      }
    }
    return profile;
  }

  std::uint32_t outcome_of(const Concern& concern, ModelIndex model, Country client) {
    std::vector<std::uint32_t> deciding;
    for (const auto& rules : concern) {
      const auto first = std::find_if(rules.begin(), rules.end(), [&](std::uint32_t number) {
        return rules_[number].matches(model, client);
      });
      deciding.push_back(first == rules.end() ? kNoRule : *first);
    }
    const auto next = static_cast<std::uint32_t>(out_.outcomes.size());
    const auto [at, fresh] = outcomes_.try_emplace(std::move(deciding), next);
    if (fresh) {
      out_.outcomes.push_back(combine(at->first));
    }
    return at->second;
  }

  [[nodiscard]] Outcome combine(const std::vector<std::uint32_t>& deciding) const {
    Outcome outcome;
    outcome.sites = SiteSet::all(snapshot_.sites().size());
    for (const std::uint32_t number : deciding) {
      if (number == kNoRule) {
        continue;
      }
      const Rule& rule = rules_[number];
      if (!rule.denied.empty()) {
        return {{}, rule.denied, {}};
      }
      if (!rule.zones.empty()) {
        outcome.sites &= rule.sites;
        outcome.zones.insert(outcome.zones.end(), rule.zones.begin(), rule.zones.end());
      }
    }
    return outcome;
  }

  std::uint32_t gates_of(const Key& key) {
    const auto next = static_cast<std::uint32_t>(out_.gates_by_class.size());
    const auto [at, fresh] = gates_.try_emplace({key.profile, key.models}, next);
    if (fresh) {
      const std::size_t classes = out_.profiles[key.profile].countries.size() + 1;
      std::vector<std::uint32_t>& gates = out_.gates_by_class.emplace_back();
      for (std::size_t i = 0; i < classes; ++i) {
        gates.push_back(static_cast<std::uint32_t>(out_.gates.size()));
        out_.gates.push_back(gate_of(key, i));
      }
    }
    return at->second;
  }

  // The sites where all models may go that may go anywhere by the rules.
  [[nodiscard]] Gate gate_of(const Key& key, std::size_t country_class) const {
    Gate gate;
    gate.sites = SiteSet::all(snapshot_.sites().size());
    bool any = false;
    const Outcome* denial = nullptr;
    for (std::uint32_t model = 0; model < out_.models; ++model) {
      if (!key.lists({model})) {
        continue;
      }
      const Outcome& outcome =
          out_.outcomes[out_.profiles[key.profile].outcomes[country_class * out_.models + model]];
      if (outcome.denied.empty()) {
        any = true;
        gate.sites &= outcome.sites;
      } else if (denial == nullptr) {
        denial = &outcome;
      }
    }
    if (!any && denial != nullptr) {
      gate.sites = {};
      gate.denied = denial->denied;
    }
    return gate;
  }

  const Snapshot& snapshot_;
  std::vector<Rule> rules_;
  std::vector<std::vector<std::uint32_t>> policies_;
  std::map<Concern, std::uint32_t> profiles_;
  std::map<std::vector<std::uint32_t>, std::uint32_t> outcomes_;
  std::map<std::pair<std::uint32_t, std::vector<ModelIndex>>, std::uint32_t> gates_;
  Policies out_;
};

}  // namespace

std::size_t Policies::Profile::class_of(Country client) const {
  const auto found = std::lower_bound(countries.begin(), countries.end(), client);
  return found != countries.end() && *found == client
             ? static_cast<std::size_t>(found - countries.begin()) + 1
             : 0;
}

Policies compile_policies(const Snapshot& snapshot, const Manifests& manifests,
                          std::vector<Key>& keys) {
  Compiler compiler(snapshot, manifests);
  for (Key& key : keys) {
    compiler.add(key);
  }
  return std::move(compiler).finish();
}

}  // namespace tdn::domain::detail
