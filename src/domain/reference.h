// The manual page of manifests (docs/reference/manifests.md), written from the declarations that
// reading goes by, so that it cannot be wrong.
#pragma once

#include <string>

namespace tdn::domain {

// Markdown.
[[nodiscard]] std::string manifest_reference();

}  // namespace tdn::domain
