#include "base/time.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

namespace tdn {
namespace {

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }
  [[nodiscard]] WallTime wall() const override {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    return {static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_nsec / 1'000};
  }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

std::string to_rfc3339(WallTime time) {
  constexpr std::int64_t kFirst = -62'167'219'200'000'000;  // 0000-01-01
  constexpr std::int64_t kLast = 253'402'300'799'999'999;   // 9999-12-31
  const std::chrono::sys_time<std::chrono::microseconds> point{
      std::chrono::microseconds(std::clamp(time.us, kFirst, kLast))};
  const auto day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date(day);
  const std::int64_t us = (point - day).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     us / 3'600'000'000, us / 60'000'000 % 60, us / 1'000'000 % 60, us % 1'000'000);
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00";  // 0 stands for a digit
  if (text.size() <= kForm.size() || !text.ends_with('Z')) {
    return std::nullopt;
  }
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '0' ? !is_digit(text[i]) : text[i] != kForm[i]) {
      return std::nullopt;
    }
  }
  const auto number = [&](std::size_t from, std::size_t digits) {
    int value = 0;
    for (const char c : text.substr(from, digits)) {
      value = value * 10 + (c - '0');
    }
    return value;
  };
  std::string_view fraction = text.substr(kForm.size(), text.size() - kForm.size() - 1);
  std::int64_t us = 0;
  if (!fraction.empty()) {
    const std::string_view digits = fraction.substr(1);
    if (fraction.front() != '.' || digits.empty() || digits.size() > 6 ||
        !std::all_of(digits.begin(), digits.end(), is_digit)) {
      return std::nullopt;
    }
    us = number(kForm.size() + 1, digits.size());
    for (std::size_t i = digits.size(); i < 6; ++i) {
      us *= 10;
    }
  }
  const std::chrono::year_month_day date{std::chrono::year(number(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  const int hour = number(11, 2);
  const int minute = number(14, 2);
  const int second = number(17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  const std::chrono::sys_days day(date);
  const std::int64_t seconds =
      day.time_since_epoch().count() * 86'400LL + hour * 3'600LL + minute * 60LL + second;
  return WallTime{seconds * 1'000'000 + us};
}

}  // namespace tdn
