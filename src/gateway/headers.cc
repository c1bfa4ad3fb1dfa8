#include "gateway/headers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace tdn::gateway {

using namespace std::chrono_literals;

void HeaderList::add(std::string_view name, std::string_view value) {
  if (!fields_.full()) {
    fields_.push_back({name, value});
  }
}

void HeaderList::add_copy(std::string_view name, std::string_view value) {
  if (value.size() > text_.size() - used_) {
    return;
  }
  char* const at = text_.data() + used_;
  std::memcpy(at, value.data(), value.size());
  used_ += value.size();
  add(name, std::string_view(at, value.size()));
}

void HeaderList::add(std::string_view name, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), value).ptr;
  add_copy(name, {digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void HeaderList::clear() {
  fields_.clear();
  used_ = 0;
}

std::string limit_duration(Duration duration) {
  if (duration <= Duration::zero()) {
    return "0s";
  }
  if (duration < 1s) {
    return fmt::format("{}ms", std::chrono::ceil<std::chrono::milliseconds>(duration).count());
  }
  const std::int64_t seconds = std::chrono::ceil<std::chrono::seconds>(duration).count();
  if (seconds < 60) {
    return fmt::format("{}s", seconds);
  }
  if (seconds < 3600) {
    return fmt::format("{}m{}s", seconds / 60, seconds % 60);
  }
  return fmt::format("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::uint64_t retry_after_seconds(Duration duration) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(duration).count()));
}

std::string server_timing(Duration edge, Duration engine) {
  const auto append = [](std::string& text, Duration duration) {
    const Duration rounded = std::max(duration, Duration::zero()) + 50us;  // to a tenth of a ms
    text.append(std::to_string(rounded / 1ms)).append(1, '.');
    text.append(std::to_string(rounded % 1ms / 100us));
  };
  std::string text = "edge;dur=";
  append(text, edge);
  append(text.append(", engine;dur="), engine);
  return text;
}

}  // namespace tdn::gateway
