// CPU time and memory of a process, as the kernel accounts them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace tdn::bench {

struct Cost {
  std::uint64_t cpu_ns = 0;   // Σ /proc/PID/task/*/schedstat: all threads, exact
  std::uint64_t user_ns = 0;  // from /proc/PID/stat: sampled in ticks, for the split alone
  std::uint64_t system_ns = 0;
  std::uint64_t resident_kib = 0;  // VmRSS
};

// Summed over `processes`; one that is gone counts as nothing.
[[nodiscard]] Cost cost_of(const std::vector<pid_t>& processes);

}  // namespace tdn::bench
