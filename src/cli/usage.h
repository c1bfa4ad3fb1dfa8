// `tdn usage --by … [-o table|json] --state DIR`: what was used and what it costs, straight from
// the journals, also while an edge writes them.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "io/disk.h"
#include "meter/summary.h"

namespace tdn::cli {

enum class Output : std::uint8_t { kTable, kJson };

struct UsageOptions {
  std::string state;
  std::vector<meter::Dimension> by;
  Output output = Output::kTable;
};

// The exit status: 0, or 1 with one line on `err`.
int usage(const UsageOptions& options, io::Disk& disk, std::ostream& out, std::ostream& err);

}  // namespace tdn::cli
