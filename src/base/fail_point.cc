#include "base/fail_point.h"

#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace tdn::detail {
namespace {

struct Armed {
  std::string name;
  std::atomic<std::int64_t> hits_left = 1;
};

Armed& armed() {
  static Armed instance;
  return instance;
}

bool arm_from_environment() {
  const char* setting = std::getenv("TDN_FAILPOINT");  // NOLINT: before main
  if (setting == nullptr || *setting == '\0') {
    return false;
  }
  const std::string_view text(setting);
  const std::size_t colon = text.rfind(':');
  armed().name = text.substr(0, colon);
  std::int64_t hits = 1;
  if (colon != std::string_view::npos) {
    std::from_chars(text.data() + colon + 1, text.data() + text.size(), hits);
  }
  armed().hits_left = hits;
  return true;
}

}  // namespace

std::atomic<bool> fail_point_armed = arm_from_environment();

void hit_fail_point(std::string_view name) {
  if (name == armed().name && armed().hits_left.fetch_sub(1) == 1) {
    kill(getpid(), SIGKILL);
  }
}

}  // namespace tdn::detail
