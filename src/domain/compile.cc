#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/assert.h"
#include "codec/hex.h"
#include "domain/detail/policies.h"
#include "domain/snapshot.h"

namespace tdn::domain {
namespace {

constexpr std::string_view kAccounts = "accounts/";

template <class Spec>
std::uint32_t number_of(const std::vector<Object<Spec>>& sorted, std::string_view name) {
  const auto found = std::lower_bound(sorted.begin(), sorted.end(), name,
                                      [](const Object<Spec>& object, std::string_view text) {
                                        return object.metadata.name < text;
                                      });
  TDN_ASSERT(found != sorted.end() && found->metadata.name == name);  // references are resolved
  return static_cast<std::uint32_t>(found - sorted.begin());
}

std::string parent_of(const std::string& name) { return name.substr(0, name.rfind('/')); }

bool in_zone(const ZoneSpec& zone, const SiteSpec& site) {
  const auto listed = [](const std::vector<std::string>& names, const std::string& name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  };
  const auto& held = site.jurisdiction.certifications;
  return listed(zone.countries, site.location.country) &&
         listed(zone.operators, site.jurisdiction.legal_operator) &&
         std::all_of(zone.certifications.begin(), zone.certifications.end(),
                     [&](const std::string& certification) {
                       return std::find(held.begin(), held.end(), certification) != held.end();
                     });
}

// Of a code that has passed check_format.
Country country_of(std::string_view code) { return Country::parse(code).value_or(Country()); }

// Likewise.
Currency currency_of(std::string_view code) { return Currency::parse(code).value_or(Currency()); }

Prices prices_of(const PriceSpec& spec) {
  return {currency_of(spec.currency), spec.input, spec.cached_input.value_or(spec.input),
          spec.output};
}

Limits limits_of(const LimitsSpec& spec) {
  return {spec.requests_per_minute, spec.tokens_per_minute, spec.concurrency};
}

// Of a URL that has passed check_format.
void set_url(Endpoint& endpoint, std::string_view url) {
  endpoint.tls = url.starts_with("https:");
  endpoint.port = endpoint.tls ? 443 : 80;
  url.remove_prefix(url.find("//") + 2);
  const std::string_view authority = url.substr(0, url.find('/'));
  endpoint.authority = authority;
  endpoint.path = url.substr(authority.size());
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  std::string_view host = authority;
  if (colon != authority.npos && (bracket == authority.npos || colon > bracket)) {
    host = authority.substr(0, colon);
    std::from_chars(authority.data() + colon + 1, authority.data() + authority.size(),
                    endpoint.port);
  }
  endpoint.host = host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

std::string beside(const std::string& manifest, const std::string& file) {
  const std::filesystem::path path(file);
  return file.empty() || path.is_absolute()
             ? file
             : (std::filesystem::path(manifest).parent_path() / path).string();
}

Objective nearest_objective(Objective key, Objective project, Objective tenant) {
  for (const Objective objective : {key, project, tenant}) {
    if (objective != Objective::kInherited) {
      return objective;
    }
  }
  return Objective::kBalanced;
}

}  // namespace

class Compiler {
 public:
  Compiler(Snapshot& out, const Manifests& all, const Identities& ids)
      : out_(out), all_(all), ids_(ids) {}

  void run() {
    add_sites();
    add_zones();
    add_models();
    add_endpoints();
    add_tenants();
    add_keys();
    out_.policies_ =
        std::make_unique<detail::Policies>(detail::compile_policies(out_, all_, out_.keys_));
    out_.policy_version_ = identity("PolicySet", "all").revision.version;
  }

 private:
  [[nodiscard]] const Identity& identity(std::string_view kind, std::string_view name) const {
    const Identity* found = ids_.find(kind, name);
    TDN_ASSERT(found != nullptr);
    return *found;
  }

  void add_sites() {
    for (const auto& [place, metadata, spec] : all_.sites) {
      const Identity& id = identity("Site", metadata.name);
      Site site;
      site.uid = id.uid;
      site.jurisdiction_version = id.parts.at("jurisdiction").version;
      site.name = metadata.name;
      site.country = country_of(spec.location.country);
      site.city = spec.location.city;
      site.coordinates = {spec.location.latitude, spec.location.longitude};
      site.gateway = spec.gateway;
      if (!spec.owner.empty()) {
        site.owner = identity("Account", spec.owner.substr(kAccounts.size())).uid;
      }
      site.state = spec.state;
      out_.sites_.push_back(std::move(site));
    }
  }

  void add_zones() {
    for (const auto& [place, metadata, spec] : all_.zones) {
      Zone zone{identity("Zone", metadata.name).uid, metadata.name, {}};
      for (std::uint32_t i = 0; i < all_.sites.size(); ++i) {
        if (in_zone(spec, all_.sites[i].spec)) {
          zone.sites.insert({i});
        }
      }
      out_.zones_.push_back(std::move(zone));
    }
  }

  void add_models() {
    for (const auto& [place, metadata, spec] : all_.models) {
      const ModelIndex index{static_cast<std::uint32_t>(out_.models_.size())};
      const Identity& id = identity("Model", metadata.name);
      Model model;
      model.uid = id.uid;
      model.price_version = id.parts.at("price").version;
      model.weights_version = id.parts.at("weights").version;
      model.name = metadata.name;
      model.aliases = spec.aliases;
      model.context_length = spec.context_length;
      model.prices = prices_of(spec.price);
      out_.models_.push_back(std::move(model));
      out_.models_by_name_.emplace(metadata.name, index);
      for (const std::string& alias : spec.aliases) {
        out_.models_by_name_.emplace(alias, index);
      }
    }
  }

  void add_endpoints() {
    for (const auto& [place, metadata, spec] : all_.endpoints) {
      const EndpointIndex index{static_cast<std::uint32_t>(out_.endpoints_.size())};
      Endpoint endpoint;
      endpoint.uid = identity("Endpoint", metadata.name).uid;
      endpoint.name = metadata.name;
      endpoint.site = {number_of(all_.sites, spec.site)};
      endpoint.kind = spec.kind;
      set_url(endpoint, spec.url);
      endpoint.concurrency = static_cast<std::uint32_t>(spec.concurrency);
      endpoint.data_collection = spec.data_collection;
      endpoint.credential_file = beside(place.file, spec.credential.file);
      endpoint.credential_variable = spec.credential.env;
      for (const ServedModel& served : spec.models) {
        const ModelIndex model{number_of(all_.models, served.model)};
        endpoint.models.push_back({model, served.as.empty() ? served.model : served.as,
                                   spec.cost ? prices_of(*spec.cost) : out_[model].prices});
        out_.models_[model.value].endpoints.push_back(index);
      }
      std::sort(endpoint.models.begin(), endpoint.models.end(),
                [](const Served& a, const Served& b) { return a.model < b.model; });
      out_.endpoints_.push_back(std::move(endpoint));
    }
  }

  void add_tenants() {
    for (const auto& [place, metadata, spec] : all_.tenants) {
      out_.tenants_.push_back(
          {identity("Tenant", metadata.name).uid, metadata.name, limits_of(spec.limits)});
    }
    for (const auto& [place, metadata, spec] : all_.projects) {
      out_.projects_.push_back({identity("Project", metadata.name).uid,
                                metadata.name,
                                {number_of(all_.tenants, parent_of(metadata.name))},
                                limits_of(spec.limits)});
    }
  }

  void add_keys() {
    static const std::map<std::string, Identity> kNone;
    const auto kind = ids_.kinds.find("Key");
    const std::map<std::string, Identity>& identities =
        kind == ids_.kinds.end() ? kNone : kind->second;
    auto identity_at = identities.begin();
    for (const auto& [place, metadata, spec] : all_.keys) {
      // Both are in the order of names, and there are many keys.
      while (identity_at != identities.end() && identity_at->first != metadata.name) {
        ++identity_at;
      }
      TDN_ASSERT(identity_at != identities.end());
      const KeyIndex index{static_cast<std::uint32_t>(out_.keys_.size())};
      Key key;
      key.uid = identity_at->second.uid;
      key.name = metadata.name;
      key.project = {number_of(all_.projects, parent_of(metadata.name))};
      key.tenant = out_[key.project].tenant;
      key.limits = limits_of(spec.limits);
      for (const std::string& model : spec.models) {
        key.models.push_back({number_of(all_.models, model)});
      }
      std::sort(key.models.begin(), key.models.end());
      key.objective =
          nearest_objective(spec.objective, all_.projects[key.project.value].spec.objective,
                            all_.tenants[key.tenant.value].spec.objective);
      key.expires = spec.expires;
      for (const SecretSpec& secret : spec.secrets) {
        codec::Digest digest{};
        TDN_ASSERT(codec::from_hex(secret.sha256, digest));
        const std::optional<KeyId> id = KeyId::parse(secret.id);
        TDN_ASSERT(id.has_value());
        out_.secrets_.emplace(*id, Snapshot::Secret{index, digest});
      }
      out_.keys_.push_back(std::move(key));
    }
  }

  Snapshot& out_;
  const Manifests& all_;
  const Identities& ids_;
};

std::shared_ptr<const Snapshot> Snapshot::compile(const Manifests& manifests,
                                                  const Identities& identities,
                                                  const SnapshotOrigin& origin) {
  std::shared_ptr<Snapshot> snapshot(new Snapshot());
  snapshot->origin_ = origin;
  Compiler(*snapshot, manifests, identities).run();
  snapshot->models_by_uid_ = UidIndex(snapshot->models_);
  snapshot->endpoints_by_uid_ = UidIndex(snapshot->endpoints_);
  snapshot->keys_by_uid_ = UidIndex(snapshot->keys_);
  return snapshot;
}

}  // namespace tdn::domain
