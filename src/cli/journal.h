// `tdn journal dump|check DIR`: an edge's journal for people. Both only read, also while an edge
// writes.
#pragma once

#include <iosfwd>
#include <string>

#include "io/disk.h"

namespace tdn::cli {

// Each frame as one line of JSON. The exit status: 0, or 1 with one line on `err`.
int journal_dump(const std::string& dir, io::Disk& disk, std::ostream& out, std::ostream& err);

// One line per segment: what it holds, verified: checksums, dense lsns and seqs, the hash chain,
// every record. 1, with file and offset on `err`, if anything does not add up.
int journal_check(const std::string& dir, io::Disk& disk, std::ostream& out, std::ostream& err);

}  // namespace tdn::cli
