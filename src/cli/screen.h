// Where a command speaks to: what was asked for goes to `out`, everything else to `err`.
#pragma once

#include <iosfwd>

#include "base/error.h"
#include "base/time.h"
#include "client/change.h"

namespace tdn::cli {

struct Screen {
  std::ostream& out;
  std::ostream& err;
  bool colours = false;   // `out` is a terminal that shows them
  std::size_t width = 0;  // of the terminal; 0: unlimited
};

enum class Format : std::uint8_t { kTable, kWide, kYaml, kJson };

// Tells a failure ("tdn get: …", lines of manifests as they are) and gives exit status 1.
int tell_failure(const Screen& screen, std::string_view command, const Error& error);

// Who serves by a change, and who does not yet.
void tell_acknowledgements(std::ostream& out, const client::Change& change, bool colours);

}  // namespace tdn::cli
