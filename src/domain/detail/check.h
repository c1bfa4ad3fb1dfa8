// What no single field shows: rules within one object, and names across all of them.
#pragma once

#include <map>
#include <string>

#include "domain/detail/reader.h"
#include "domain/load.h"
#include "domain/manifest.h"

namespace tdn::domain::detail {

// What must be given once in all manifests: "Tenant demo", "model smollm2", "secret 4k7m2q9xwd",
// and the field that gives it.
struct Claim {
  Place place;
  std::string path;
};
using Claims = std::map<std::string, Claim>;

// Tells a fault if `what` is claimed already.
void claim(ReadContext& context, Claims& claims, const std::string& path, const std::string& what);

// Rules within the object just read; the context still knows its lines.
void check_object(ReadContext& context, Claims& claims, const Object<ZoneSpec>& zone);
void check_object(ReadContext& context, Claims& claims, const Object<SiteSpec>& site);
void check_object(ReadContext& context, Claims& claims, const Object<ModelSpec>& model);
void check_object(ReadContext& context, Claims& claims, const Object<EndpointSpec>& endpoint);
void check_object(ReadContext& context, Claims& claims, const Object<TenantSpec>& tenant);
void check_object(ReadContext& context, Claims& claims, const Object<ProjectSpec>& project);
void check_object(ReadContext& context, Claims& claims, const Object<KeySpec>& key);
void check_object(ReadContext& context, Claims& claims, const Object<PolicySpec>& policy);

// Every reference names an object that exists, in the manifests or besides them.
void check_references(ReadContext& context, const Manifests& manifests, const Existing* existing);

// What must be unique is not held by an object that exists and is not being replaced.
void check_claims(ReadContext& context, const Claims& claims, const Manifests& manifests,
                  const Existing& existing);

}  // namespace tdn::domain::detail
