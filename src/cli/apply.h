// `tdn apply -f …` and `tdn delete …`: changes of what a network serves by.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "cli/kinds.h"
#include "cli/screen.h"
#include "client/control.h"

namespace tdn::cli {

struct ApplyOptions {
  std::vector<std::string> files;  // each a file, a folder or "-" (standard input)
  bool dry_run = false;
  bool json = false;
};

struct DeleteOptions {
  Reference object;                // with a name, or
  std::vector<std::string> files;  // what is named in manifests; as for apply
};

// The exit status: 0 done, 1 told on `err`. An edge that did not acknowledge in time is told and no
// failure: it serves by the former snapshot until it takes the new one. `input` is what "-" reads.
[[nodiscard]] io::Task<int> apply(client::ControlClient& control, ApplyOptions options,
                                  std::istream& input, Screen screen);

// Dependants go before what they depend on. Goes on after an object that cannot be deleted.
[[nodiscard]] io::Task<int> remove(client::ControlClient& control, DeleteOptions options,
                                   std::istream& input, Screen screen);

}  // namespace tdn::cli
