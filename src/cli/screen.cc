#include "cli/screen.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ostream>

#include "cli/table.h"

namespace tdn::cli {

namespace {

// What stood in a manifest may be told, and must not speak to the terminal.
std::string printable(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7f) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

}  // namespace

int tell_failure(const Screen& screen, std::string_view command, const Error& error) {
  const std::string detail = printable(error.detail());
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
