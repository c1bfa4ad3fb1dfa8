// Whether manifests that did not come from an operator's files (a snapshot's sections) belong
// together, so that Snapshot::compile may trust them: names of the right form, each once; every
// name that a field refers to is there; every object has its identity.
#pragma once

#include "base/result.h"
#include "domain/identity.h"
#include "domain/manifest.h"

namespace tdn::domain {

// Requires each list to be sorted by name. Code::kInvalid names the first object that is wrong.
[[nodiscard]] Result<void> check_resolved(const Manifests& manifests, const Identities& identities);

}  // namespace tdn::domain
