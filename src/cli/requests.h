// `tdn requests`: what an edge's request log says of the last requests. `tdn explain REQUEST_ID`:
// one of them, decided again from what was recorded. Both read only, also while the edge writes.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <optional>
#include <string>

#include "base/uid.h"
#include "cli/screen.h"
#include "io/disk.h"
#include "io/task.h"

namespace tdn::cli {

struct RequestsOptions {
  std::string state;  // of an edge, or of `tdn up` with several
  std::string site;   // only what this site's edge logged; empty: all
  std::size_t last = 20;
  Format format = Format::kTable;
};

// The exit status: 0, or 1 with one line on `err`.
int requests(const RequestsOptions& options, io::Disk& disk, std::ostream& out, std::ostream& err);

struct RecordedOptions {
  std::string state;
  RequestId request;
  std::optional<std::uint32_t> attempt;  // the last if not given
  // Whose decision; empty: that of the site which the client asked. One that served it for another
  // has decided, too.
  std::string site = {};
  Format format = Format::kTable;
};

// Also 1 if deciding again gives another choice than was recorded.
[[nodiscard]] io::Task<int> explain_recorded(RecordedOptions options, io::Disk& disk,
                                             std::ostream& out, std::ostream& err);

}  // namespace tdn::cli
