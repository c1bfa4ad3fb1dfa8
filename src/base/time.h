// The three clocks of FORMATS §9, two of which exist here: boottime (`Instant`: validity, timeouts,
// deadlines) and wall time (`WallTime`: data only; nothing is ever decided by it). Code reads them
// through `Clock`, so that tests and the simulator set the time.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tdn {

using Duration = std::chrono::nanoseconds;

// Time since boot, suspend included (CLOCK_BOOTTIME). `kNever` is later than any.
using Instant = std::chrono::nanoseconds;
inline constexpr Instant kNever = Instant::max();

// Microseconds since 1970-01-01 UTC.
struct WallTime {
  std::int64_t us = 0;
  auto operator<=>(const WallTime&) const = default;
};

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
};

// The machine's clocks.
[[nodiscard]] const Clock& system_clock();

// Set by hand, for tests. Not thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Instant now = std::chrono::hours(1),
                       WallTime wall = {1'767'225'600'000'000})  // 2026-01-01
      : now_(now), wall_(wall) {}
  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] WallTime wall() const override { return wall_; }
  void advance(Duration by) {
    now_ += by;
    wall_.us += std::chrono::duration_cast<std::chrono::microseconds>(by).count();
  }
  void set_wall(WallTime wall) { wall_ = wall; }

 private:
  Instant now_;
  WallTime wall_;
};

// "2026-11-23T20:16:25.123456Z"; years outside 0–9999 print as the nearest of them.
[[nodiscard]] std::string to_rfc3339(WallTime time);

// The same form, the fraction optional and of up to six digits; UTC ("Z") only.
[[nodiscard]] std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace tdn
