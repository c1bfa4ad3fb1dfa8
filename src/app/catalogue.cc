#include "app/catalogue.h"

#include <fmt/format.h>

#include "domain/identity.h"
#include "domain/load.h"

namespace tdn::app {
namespace {

Result<domain::SiteIndex> choose_site(const domain::Snapshot& snapshot, const std::string& name) {
  std::string known;
  for (const domain::Site& site : snapshot.sites()) {
    known += known.empty() ? site.name : ", " + site.name;
  }
  if (name.empty() && snapshot.sites().size() == 1) {
    return *snapshot.find_site(known);
  }
  if (snapshot.sites().empty()) {
    return fail(Code::kInvalid, "the manifests hold no Site: describe the one that this edge is");
  }
  if (name.empty()) {
    return fail(
        Code::kInvalid,
        fmt::format("the manifests hold several sites ({}): say which this is by --site", known));
  }
  if (const auto site = snapshot.find_site(name)) {
    return *site;
  }
  return fail(Code::kInvalid, fmt::format("the manifests hold no site {}, but {}", name, known));
}

}  // namespace

route::Reach reach_of(const EdgeCommand& command) {
  return command.peers ? route::Reach::kPeers : route::Reach::kDirect;
}

CatalogueSource source_of(const EdgeCommand& command) {
  return {.manifests = command.manifests,
          .site = command.site,
          .identities = command.state + "/uids.json",
          .reach = reach_of(command),
          .upstream_ca = command.upstream_ca};
}

Result<std::shared_ptr<const gateway::Catalogue>> load_catalogue(
    const CatalogueSource& source, const gateway::Catalogue* previous) {
  TDN_TRY(const domain::Manifests manifests, domain::load_manifests(source.manifests));
  TDN_TRY(domain::Identities identities, domain::read_identities(source.identities));
  if (domain::update(identities, manifests, system_clock().wall(), system_random())) {
    TDN_TRY_VOID(domain::write_identities(source.identities, identities));
  }
  const auto snapshot = domain::Snapshot::compile(manifests, identities);
  TDN_TRY(const domain::SiteIndex here, choose_site(*snapshot, source.site));
  return gateway::Catalogue::create(snapshot, here, previous, source.reach, source.upstream_ca);
}

}  // namespace tdn::app
