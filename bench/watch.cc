#include "watch.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace tdn::bench {
namespace {

std::uint64_t tasks_cpu_ns(const std::string& process) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(process + "/task", error)) {
    std::uint64_t on_cpu = 0;
    std::ifstream(task.path() / "schedstat") >> on_cpu;
    sum += on_cpu;
  }
  return sum;
}

void add_ticks(const std::string& process, Cost& cost) {
  std::ifstream stat(process + "/stat");
  stat.ignore(std::numeric_limits<std::streamsize>::max(), ')');  // the name may hold spaces
  std::string skipped;
  for (int field = 3; field < 14; ++field) {
    stat >> skipped;
  }
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  stat >> user >> system;
  const auto tick_ns = 1'000'000'000u / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  cost.user_ns += user * tick_ns;
  cost.system_ns += system * tick_ns;
}

std::uint64_t resident_kib(const std::string& process) {
  std::ifstream status(process + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) {
      return std::stoull(line.substr(6));
    }
  }
  return 0;
}

}  // namespace

Cost cost_of(const std::vector<pid_t>& processes) {
  Cost cost;
  for (const pid_t pid : processes) {
    const std::string process = "/proc/" + std::to_string(pid);
    cost.cpu_ns += tasks_cpu_ns(process);
    add_ticks(process, cost);
    cost.resident_kib += resident_kib(process);
  }
  return cost;
}

}  // namespace tdn::bench
