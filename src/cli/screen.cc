#include "cli/screen.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ostream>

#include "cli/table.h"

namespace tdn::cli {

int tell_failure(const Screen& screen, std::string_view command, const Error& error) {
  const std::string& detail = error.detail();
  if (detail.find('\n') == detail.npos) {
    screen.err << fmt::format("tdn {}: {}\n", command, detail);
  } else {
    screen.err << detail << "\n";
  }
  return 1;
}

void tell_acknowledgements(std::ostream& out, const client::Change& change, bool colours) {
  if (change.snapshot.empty()) {
    return;
  }
  const std::string snapshot = "snapshot " + change.snapshot;
  if (change.acknowledged.empty() && change.missing.empty()) {
    out << paint(snapshot + ": no edge is connected; each takes it when it is", Colour::kWarning,
                 colours)
        << "\n";
    return;
  }
  if (!change.acknowledged.empty()) {
    out << fmt::format("{}: acknowledged by {}\n", snapshot, fmt::join(change.acknowledged, ", "));
  }
  if (!change.missing.empty()) {
    out << paint(fmt::format("{}: not acknowledged in time by {}; it takes it as soon as it can",
                             snapshot, fmt::join(change.missing, ", ")),
                 Colour::kWarning, colours)
        << "\n";
  }
}

}  // namespace tdn::cli
