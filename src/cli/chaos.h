// `tdn chaos`: has the running `tdn up` break parts of its network, heal them, or list what is
// broken.
#pragma once

#include <string>

#include "base/time.h"
#include "cli/screen.h"
#include "io/network.h"
#include "local/chaos.h"

namespace tdn::cli {

struct ChaosOptions {
  bool list = false;                 // else what `request` says
  local::ChaosRequest request = {};  // nothing to break: heal
  std::string state = {};            // state folder of `tdn up`
  bool json = false;
};

// The exit status.
[[nodiscard]] io::Task<int> chaos(io::Network& network, ChaosOptions options, WallTime now,
                                  Screen screen);

}  // namespace tdn::cli
