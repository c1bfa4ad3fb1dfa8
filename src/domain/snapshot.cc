#include "domain/snapshot.h"

#include <fmt/format.h>

#include <algorithm>

#include "domain/detail/policies.h"
#include "domain/load.h"

namespace tdn::domain {

const Served* Endpoint::served(ModelIndex model) const {
  const auto found =
      std::lower_bound(models.begin(), models.end(), model,
                       [](const Served& served, ModelIndex index) { return served.model < index; });
  return found != models.end() && found->model == model ? &*found : nullptr;
}

bool Key::lists(ModelIndex model) const {
  return models.empty() || std::binary_search(models.begin(), models.end(), model);
}

Snapshot::Snapshot() = default;
Snapshot::~Snapshot() = default;

std::optional<SiteIndex> Snapshot::find_site(std::string_view name) const {
  const auto found =
      std::lower_bound(sites_.begin(), sites_.end(), name,
                       [](const Site& site, std::string_view text) { return site.name < text; });
  if (found == sites_.end() || found->name != name) {
    return std::nullopt;
  }
  return SiteIndex{static_cast<std::uint32_t>(found - sites_.begin())};
}

std::optional<ModelIndex> Snapshot::find_model(std::string_view name) const {
  const auto found = models_by_name_.find(name);
  return found == models_by_name_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<ModelIndex> Snapshot::find_model(const Uid& uid) const {
  const auto place = models_by_uid_.find(models_, uid);
  return place ? std::optional(ModelIndex{*place}) : std::nullopt;
}

std::optional<EndpointIndex> Snapshot::find_endpoint(const Uid& uid) const {
  const auto place = endpoints_by_uid_.find(endpoints_, uid);
  return place ? std::optional(EndpointIndex{*place}) : std::nullopt;
}

std::optional<KeyIndex> Snapshot::find_key(const Uid& uid) const {
  const auto place = keys_by_uid_.find(keys_, uid);
  return place ? std::optional(KeyIndex{*place}) : std::nullopt;
}

Result<KeyIndex> Snapshot::authenticate(std::string_view presented, WallTime now) const {
  const auto id = parse_api_key(presented);
  if (!id) {
    return fail(
        Code::kInvalidApiKey,
        "The API key is incomplete or mistyped; copy it whole: sk-tdn-… with 68 characters.");
  }
  const auto found = secrets_.find(*id);
  if (found == secrets_.end() || !verify_api_key(presented, found->second.sha256)) {
    return fail(Code::kInvalidApiKey,
                "The API key is not known here; ask whoever gave it to you for a current one.");
  }
  const Key& key = (*this)[found->second.key];
  if (key.expires && now >= *key.expires) {
    return fail(Code::kInvalidApiKey, fmt::format("The API key expired at {}; ask for a new one.",
                                                  to_rfc3339(*key.expires)));
  }
  return found->second.key;
}

const Gate& Snapshot::gate(const Key& key, Country client) const {
  const std::size_t country_class = policies_->profiles[key.profile].class_of(client);
  return policies_->gates[policies_->gates_by_class[key.gates][country_class]];
}

const Outcome& Snapshot::outcome(const Key& key, ModelIndex model, Country client) const {
  const detail::Policies::Profile& profile = policies_->profiles[key.profile];
  const std::size_t row = profile.class_of(client) * policies_->models;
  return policies_->outcomes[profile.outcomes[row + model.value]];
}

Result<std::shared_ptr<const Snapshot>> open_snapshot(const std::string& path,
                                                      const std::string& state, WallTime now,
                                                      Random& random) {
  TDN_TRY(const Manifests manifests, load_manifests(path));
  const std::string file = state + "/uids.json";
  TDN_TRY(Identities identities, read_identities(file));
  if (update(identities, manifests, now, random)) {
    TDN_TRY_VOID(write_identities(file, identities));
  }
  return Snapshot::compile(manifests, identities);
}

}  // namespace tdn::domain
