// Puts the manifests of a local network into its control. What was put there stands in `manifests/`
// of the state folder; at the next start only files that would differ are put again, so that what
// an operator changed meanwhile stays.
#pragma once

#include "client/control.h"
#include "local/manifests.h"
#include "local/state_folder.h"

namespace tdn::local {

// Errors are control's; kUnavailable if it could not be reached, when another try may do. Sites
// that are no longer described are taken out of control with their endpoints.
[[nodiscard]] io::Task<Result<void>> put_catalogue(client::ControlClient& control,
                                                   const StateFolder& state,
                                                   const NetworkDescription& network);

}  // namespace tdn::local
