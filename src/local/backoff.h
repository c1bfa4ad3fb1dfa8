// When a child that ended is started again: after half a second, then after twice as long each time
// up to half a minute; a run of half a minute is a good one, and the next end starts afresh.
#pragma once

#include <chrono>

#include "base/time.h"

namespace tdn::local {

class Backoff {
 public:
  static constexpr Duration kFirst = std::chrono::milliseconds(500);
  static constexpr Duration kLongest = std::chrono::seconds(30);
  static constexpr Duration kGoodRun = std::chrono::seconds(30);

  void started(Instant now) { started_ = now; }
  // How long to wait before the next start. `started` came before.
  [[nodiscard]] Duration ended(Instant now);

 private:
  Instant started_{};
  Duration next_ = kFirst;
};

}  // namespace tdn::local
