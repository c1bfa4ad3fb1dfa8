#include "domain/detail/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace tdn::domain::detail {
namespace {

constexpr const char* kNamePath = "metadata.name";

// A name of `parts` labels; nested ones refer to the object they are in.
void check_depth(ReadContext& context, const std::string& name, std::size_t parts,
                 std::string_view form) {
  if (static_cast<std::size_t>(std::count(name.begin(), name.end(), '/')) + 1 != parts) {
    context.wrong(kNamePath, fmt::format("`{}` is not of the form {}", name, form));
  }
}

void refer_to_parent(ReadContext& context, const std::string& name, Kind parent) {
  const std::size_t slash = name.rfind('/');
  if (slash != name.npos) {
    context.references.push_back(
        {context.place(kNamePath), kNamePath, parent, name.substr(0, slash)});
  }
}

void check_cached(ReadContext& context, const std::string& path, const PriceSpec& price) {
  if (price.cached_input && *price.cached_input > price.input) {
    context.wrong(path + ".perMillion.cachedInput",
                  "is dearer than input; cached input costs at most as much");
  }
}

std::vector<std::string_view> names_of(const Manifests& all, Kind wanted) {
  std::vector<std::string_view> names;
  for_each_list(all, [&](Kind kind, const auto& list) {
    for (const auto& object : list) {
      if (kind == wanted) {
        names.push_back(object.metadata.name);
      }
    }
  });
  return names;
}

std::string claim_of_model(std::string_view name) { return fmt::format("model `{}`", name); }
std::string claim_of_secret(std::string_view id) { return fmt::format("secret `{}`", id); }

// An alias is no name for an object, but people will write it.
std::string alias_hint(const Manifests& all, const Existing* existing, const Reference& reference) {
  if (reference.kind == Kind::kModel) {
    const auto holder =
        existing == nullptr ? std::nullopt : existing->holder(claim_of_model(reference.target));
    if (holder) {
      return fmt::format("; it is an alias: write `{}`", holder->name);
    }
    for (const auto& model : all.models) {
      const auto& aliases = model.spec.aliases;
      if (std::find(aliases.begin(), aliases.end(), reference.target) != aliases.end()) {
        return fmt::format("; it is an alias: write `{}`", model.metadata.name);
      }
    }
  }
  return "";
}

}  // namespace

void claim(ReadContext& context, Claims& claims, const std::string& path, const std::string& what) {
  const auto [at, fresh] = claims.try_emplace(what, Claim{context.place(path), path});
  if (!fresh) {
    context.wrong(path, fmt::format("{} is there already, at {}:{}; rename or remove one", what,
                                    at->second.place.file, at->second.place.line));
  }
}

void check_object(ReadContext& context, Claims& /*claims*/, const Object<ZoneSpec>& zone) {
  check_depth(context, zone.metadata.name, 1, "name");
  if (zone.spec.countries.empty() && zone.spec.operators.empty() &&
      zone.spec.certifications.empty()) {
    context.wrong("spec", "asks nothing of a site; give countries, operators or certifications");
  }
}

void check_object(ReadContext& context, Claims& /*claims*/, const Object<SiteSpec>& site) {
  check_depth(context, site.metadata.name, 1, "name");
}

void check_object(ReadContext& context, Claims& claims, const Object<ModelSpec>& model) {
  check_depth(context, model.metadata.name, 1, "name");
  claim(context, claims, kNamePath, claim_of_model(model.metadata.name));
  for (std::size_t i = 0; i < model.spec.aliases.size(); ++i) {
    claim(context, claims, fmt::format("spec.aliases[{}]", i),
          claim_of_model(model.spec.aliases[i]));
  }
  check_cached(context, "spec.price", model.spec.price);
}

void check_object(ReadContext& context, Claims& /*claims*/, const Object<EndpointSpec>& endpoint) {
  check_depth(context, endpoint.metadata.name, 1, "name");
  std::set<std::string_view> served;
  for (std::size_t i = 0; i < endpoint.spec.models.size(); ++i) {
    if (!served.insert(endpoint.spec.models[i].model).second) {
      context.wrong(fmt::format("spec.models[{}].model", i),
                    fmt::format("`{}` is served already; keep one", endpoint.spec.models[i].model));
    }
  }
  if (endpoint.spec.cost) {
    check_cached(context, "spec.cost", *endpoint.spec.cost);
  }
  if (!endpoint.spec.credential.file.empty() && !endpoint.spec.credential.env.empty()) {
    context.wrong("spec.credential", "has both file and env; keep one");
  }
}

void check_object(ReadContext& context, Claims& /*claims*/, const Object<TenantSpec>& tenant) {
  check_depth(context, tenant.metadata.name, 1, "tenant");
}

void check_object(ReadContext& context, Claims& /*claims*/, const Object<ProjectSpec>& project) {
  check_depth(context, project.metadata.name, 2, "tenant/project");
  refer_to_parent(context, project.metadata.name, Kind::kTenant);
}

void check_object(ReadContext& context, Claims& claims, const Object<KeySpec>& key) {
  check_depth(context, key.metadata.name, 3, "tenant/project/key");
  refer_to_parent(context, key.metadata.name, Kind::kProject);
  for (std::size_t i = 0; i < key.spec.secrets.size(); ++i) {
    claim(context, claims, fmt::format("spec.secrets[{}].id", i),
          claim_of_secret(key.spec.secrets[i].id));
    if (std::ranges::find(key.spec.revoked, key.spec.secrets[i].id) != key.spec.revoked.end()) {
      context.wrong(fmt::format("spec.secrets[{}].id", i),
                    "was revoked; take it out, and issue a new one with `tdn key issue`");
    }
  }
}

void check_object(ReadContext& context, Claims& /*claims*/, const Object<PolicySpec>& policy) {
  check_depth(context, policy.metadata.name, 1, "name");
  for (std::size_t i = 0; i < policy.spec.rules.size(); ++i) {
    const RuleSpec& rule = policy.spec.rules[i];
    const int outcomes =
        (rule.require.zones.empty() ? 0 : 1) + (rule.deny.empty() ? 0 : 1) + (rule.allow ? 1 : 0);
    if (outcomes != 1) {
      context.wrong(fmt::format("spec.rules[{}]", i),
                    outcomes == 0
                        ? "decides nothing; give require.zones, deny with a reason, or allow: true"
                        : "decides twice; keep one of require, deny and allow");
    }
  }
}

void check_references(ReadContext& context, const Manifests& manifests, const Existing* existing) {
  constexpr std::size_t kMostGuessed = 10'000;  // bounds the search for what was meant
  for (int number = 0; number < kKinds; ++number) {
    const Kind kind = static_cast<Kind>(number);
    std::vector<std::string_view> names = names_of(manifests, kind);
    std::sort(names.begin(), names.end());
    for (const Reference& reference : context.references) {
      if (reference.kind != kind ||
          std::binary_search(names.begin(), names.end(), reference.target) ||
          (existing != nullptr && existing->has({kind, reference.target}))) {
        continue;
      }
      std::string hint = alias_hint(manifests, existing, reference);
      if (hint.empty() && context.problems.count() < Problems::kShown) {
        std::vector<std::string_view> known = names;
        if (existing != nullptr) {
          existing->add_names(kind, kMostGuessed, known);
        }
        hint = did_you_mean(reference.target, known);
      }
      const std::string_view name = to_string(reference.kind);
      context.problems.add(reference.place, reference.path,
                           fmt::format("there is no {} `{}`{}", name, reference.target,
                                       hint.empty() ? "; add it or name another" : hint));
    }
  }
}

void check_claims(ReadContext& context, const Claims& claims, const Manifests& manifests,
                  const Existing& existing) {
  for (const auto& [what, claim] : claims) {
    const std::optional<ObjectName> holder = existing.holder(what);
    bool replaced = !holder;
    for_each_list(manifests, [&](Kind kind, const auto& list) {
      replaced = replaced || (kind == holder->kind && find_object(list, holder->name) != nullptr);
    });
    if (!replaced) {
      context.problems.add(claim.place, claim.path,
                           fmt::format("{} belongs to {} `{}` already; choose another", what,
                                       to_string(holder->kind), holder->name));
    }
  }
}

}  // namespace tdn::domain::detail

namespace tdn::domain {

std::vector<std::string> claims_of(const Object<ModelSpec>& model) {
  std::vector<std::string> claims{detail::claim_of_model(model.metadata.name)};
  for (const std::string& alias : model.spec.aliases) {
    claims.push_back(detail::claim_of_model(alias));
  }
  return claims;
}

std::vector<std::string> claims_of(const Object<KeySpec>& key) {
  std::vector<std::string> claims;
  for (const SecretSpec& secret : key.spec.secrets) {
    claims.push_back(detail::claim_of_secret(secret.id));
  }
  return claims;
}

}  // namespace tdn::domain
