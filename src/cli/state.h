// Finding an edge's books and the names of things below a state folder: the edge's own, or one that
// holds several edges (`tdn up`).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/uid.h"
#include "io/disk.h"

namespace tdn::cli {

// The folders with journals at `dir`, or at most three levels below. kMissing, saying what was
// looked for, if there is none.
[[nodiscard]] Result<std::vector<std::string>> find_journals(io::Disk& disk,
                                                             const std::string& dir);

// uid → name for each kind, of what is and of what was, from the uids.json beside each journal and
// from the one in `dir`. Objects that are gone keep their names there: their usage does not go
// away. An edge in a network has names in the snapshot that it keeps instead, of what is.
using Names = std::map<std::string, std::map<Uid, std::string>>;
[[nodiscard]] Result<Names> read_names(io::Disk& disk, const std::string& dir,
                                       const std::vector<std::string>& journals);

}  // namespace tdn::cli
