// `tdn get` and `tdn describe`: what control holds.
#pragma once

#include "cli/kinds.h"
#include "cli/screen.h"
#include "client/control.h"

namespace tdn::cli {

struct GetOptions {
  Reference object;  // all of the kind without a name
  Format format = Format::kTable;
};

struct DescribeOptions {
  Reference object;  // with a name
};

// The exit status. YAML and JSON of one object are what `tdn apply` takes; of several, YAML is one
// document each and JSON an object with `items`.
[[nodiscard]] io::Task<int> get(client::ControlClient& control, GetOptions options, WallTime now,
                                Screen screen);

// One object for a person: its spec and status, and what belongs to it.
[[nodiscard]] io::Task<int> describe(client::ControlClient& control, DescribeOptions options,
                                     WallTime now, Screen screen);

}  // namespace tdn::cli
