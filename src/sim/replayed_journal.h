// A journal as it lies on a disk after the process is gone, read through the product's own replay
// functions: what the checkers compare with what clients and engines saw.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "meter/usage_record.h"

namespace tdn::sim {

struct ReplayedRecord {
  meter::UsageRecord record;
  meter::Digest hash{};  // of its bytes
};

struct ReplayedAdmission {
  RequestId request;
  std::uint64_t output = 0;  // tokens, by the last checkpoint of any leg
};

struct ReplayedJournal {
  std::vector<ReplayedRecord> records;                    // in the journal's order
  std::map<std::uint64_t, ReplayedAdmission> admissions;  // by lsn
};

// The error is the replay's.
[[nodiscard]] Result<ReplayedJournal> read_journal(io::Disk& disk, const std::string& state_dir);

}  // namespace tdn::sim
