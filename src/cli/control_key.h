// `tdn key issue` and `tdn key revoke`: secrets of a Key on a running control.
#pragma once

#include <string>

#include "cli/screen.h"
#include "client/control.h"

namespace tdn::cli {

struct KeyIssueOptions {
  std::string name;  // tenant/project/key
  bool json = false;
};

struct KeyRevokeOptions {
  std::string name;
  std::string id;  // of one secret; empty: all
  bool json = false;
};

// The exit status. The key is the first line on `out`, so that `head -1` takes it, and is shown
// this once; then who acknowledged it.
[[nodiscard]] io::Task<int> key_issue(client::ControlClient& control, KeyIssueOptions options,
                                      Screen screen);
[[nodiscard]] io::Task<int> key_revoke(client::ControlClient& control, KeyRevokeOptions options,
                                       Screen screen);

}  // namespace tdn::cli
