// `tdn site drain|cordon|uncordon NAME`: takes a site out of service and back, by `spec.state` of
// its Site.
#pragma once

#include <string>

#include "cli/screen.h"
#include "client/control.h"

namespace tdn::cli {

struct SiteStateOptions {
  std::string name;
  std::string command;  // "drain", "cordon", "uncordon"
  bool json = false;
};

// The exit status. Reads the Site and applies it with the other state; whoever changes it in
// between makes this a conflict, told as such. Then who acknowledged.
[[nodiscard]] io::Task<int> set_site_state(client::ControlClient& control, SiteStateOptions options,
                                           Screen screen);

}  // namespace tdn::cli
