// How long ago control confirmed the snapshot in force, and whether it may still be served from.
// Only boottime counts; a wrong wall clock makes nothing old or young.
#pragma once

#include "base/time.h"

namespace tdn::agent {

class Freshness {
 public:
  // `age` of the last contact at `now`; Duration::max(): never heard.
  void start(Instant now, Duration age) {
    known_ = age != Duration::max();
    heard_ = now - (known_ ? age : Duration::zero());
  }
  void heard(Instant now) {
    heard_ = now;
    known_ = true;
  }
  void set_valid_for(Duration valid_for) { valid_for_ = valid_for; }

  [[nodiscard]] Duration age(Instant now) const { return known_ ? now - heard_ : Duration::max(); }
  // Whether it was ever heard.
  [[nodiscard]] bool known() const { return known_; }
  [[nodiscard]] bool fresh(Instant now) const { return age(now) <= valid_for_; }

 private:
  Instant heard_{};
  bool known_ = false;
  Duration valid_for_ = std::chrono::hours(24);
};

}  // namespace tdn::agent
