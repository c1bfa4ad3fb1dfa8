// What edges prove themselves to control with: a secret per site, made once, and control's list of
// their hashes.
#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "local/state_folder.h"

namespace tdn::local {

// "DIR/sites/NAME/node-secret".
[[nodiscard]] std::string node_secret_file(const StateFolder& state, std::string_view site);

// Makes the secrets that are missing, mode 0600, and writes control/nodes.json for these sites.
[[nodiscard]] Result<void> put_node_secrets(const StateFolder& state,
                                            const std::vector<std::string>& sites, Random& random);

}  // namespace tdn::local
