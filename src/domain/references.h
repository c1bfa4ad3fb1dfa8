// Which object names which, by the declarations of describe.cc and by nested names.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "domain/kinds.h"

namespace tdn::domain {

// The objects that refer to this one, sorted as the manifests are, at most `most`: while there are
// any it cannot be deleted.
[[nodiscard]] std::vector<ObjectName> users_of(const Manifests& manifests, const ObjectName& object,
                                               std::size_t most);

}  // namespace tdn::domain
