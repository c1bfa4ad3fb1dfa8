// From the operator's files to what the gateway looks things up in.
#pragma once

#include <memory>
#include <string>

#include "app/command_line.h"
#include "gateway/catalogue.h"

namespace tdn::app {

struct CatalogueSource {
  std::string manifests;                       // file or folder
  std::string site;                            // empty: the only one
  std::string identities;                      // the file that keeps uids and versions
  route::Reach reach = route::Reach::kDirect;  // of endpoints of other sites
  std::string upstream_ca;                     // a file, or empty
};

[[nodiscard]] route::Reach reach_of(const EdgeCommand& command);
// Of an edge alone.
[[nodiscard]] CatalogueSource source_of(const EdgeCommand& command);

// Reads, checks and compiles; keeps new identities. `previous` (may be null) hands on what lives
// over reloads. Blocks. Errors are all faults of the manifests, one per line, or which site is
// meant.
[[nodiscard]] Result<std::shared_ptr<const gateway::Catalogue>> load_catalogue(
    const CatalogueSource& source, const gateway::Catalogue* previous);

}  // namespace tdn::app
