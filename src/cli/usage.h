// `tdn usage --by … [-o table|json]`: what was used and what it costs, straight from the journals
// of edges, also while they write them, or from control, where it arrives from every site.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/screen.h"
#include "client/control.h"
#include "io/disk.h"

namespace tdn::cli {

struct UsageOptions {
  std::string by = "model";  // "tenant,model"
  bool json = false;
  // Of a network: seconds to wait until everything settled before this call has arrived.
  int wait_seconds = 0;
};

// By hand from the journals at or below `state`. The exit status: 0, or 1 with one line on `err`.
int usage(const UsageOptions& options, const std::string& state, io::Disk& disk, Screen screen);

// From control.
[[nodiscard]] io::Task<int> usage(client::ControlClient& control, UsageOptions options,
                                  Screen screen);

}  // namespace tdn::cli
