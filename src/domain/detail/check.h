// What no single field shows: rules within one object, and names across all of them.
#pragma once

#include <map>
#include <string>

#include "domain/detail/reader.h"
#include "domain/manifest.h"

namespace tdn::domain::detail {

// What must be given once in all manifests: "Tenant demo", "model smollm2", "secret 4k7m2q9xwd".
using Claims = std::map<std::string, Place>;

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

// Every reference names an object that exists.
void check_references(ReadContext& context, const Manifests& manifests);

}  // namespace tdn::domain::detail
