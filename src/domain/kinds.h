// Going through the lists of `Manifests` by type instead of by name, so that what holds for every
// kind is written once.
#pragma once

#include <algorithm>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "domain/manifest.h"

namespace tdn::domain {

// What an object is called, wherever it is.
struct ObjectName {
  Kind kind = Kind::kZone;
  std::string name;
  auto operator<=>(const ObjectName&) const = default;
};

// Calls `visit(kind, list)` for the list of each kind, in the order of the reference page.
template <class All, class Visit>
  requires std::is_same_v<std::remove_const_t<All>, Manifests>
void for_each_list(All& manifests, Visit&& visit) {
  visit(Kind::kZone, manifests.zones);
  visit(Kind::kSite, manifests.sites);
  visit(Kind::kModel, manifests.models);
  visit(Kind::kEndpoint, manifests.endpoints);
  visit(Kind::kTenant, manifests.tenants);
  visit(Kind::kProject, manifests.projects);
  visit(Kind::kKey, manifests.keys);
  visit(Kind::kPolicy, manifests.policies);
}

// The list that holds objects of this spec.
template <class Spec, class All>
  requires std::is_same_v<std::remove_const_t<All>, Manifests>
auto& objects_of(All& manifests) {
  if constexpr (std::is_same_v<Spec, ZoneSpec>) {
    return manifests.zones;
  } else if constexpr (std::is_same_v<Spec, SiteSpec>) {
    return manifests.sites;
  } else if constexpr (std::is_same_v<Spec, ModelSpec>) {
    return manifests.models;
  } else if constexpr (std::is_same_v<Spec, EndpointSpec>) {
    return manifests.endpoints;
  } else if constexpr (std::is_same_v<Spec, TenantSpec>) {
    return manifests.tenants;
  } else if constexpr (std::is_same_v<Spec, ProjectSpec>) {
    return manifests.projects;
  } else if constexpr (std::is_same_v<Spec, KeySpec>) {
    return manifests.keys;
  } else {
    static_assert(std::is_same_v<Spec, PolicySpec>);
    return manifests.policies;
  }
}

// Where the object of that name is in a sorted list, or would be.
template <class List>
auto place_of(List& sorted, std::string_view name) {
  return std::lower_bound(
      sorted.begin(), sorted.end(), name,
      [](const auto& object, std::string_view text) { return object.metadata.name < text; });
}

// Null if there is none.
template <class List>
auto* find_object(List& sorted, std::string_view name) {
  const auto found = place_of(sorted, name);
  return found != sorted.end() && found->metadata.name == name ? &*found : nullptr;
}

}  // namespace tdn::domain
