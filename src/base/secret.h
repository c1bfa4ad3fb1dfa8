// A text that must not be seen: API keys, credentials. Printing it, by fmt, by a log line or by a
// test's failure message, gives `***`; the memory is wiped when it goes. What needs the text itself
// says so: `secret.reveal()`.
#pragma once

#include <fmt/format.h>

#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tdn {

// Overwrites with zeros, in a way that the compiler may not leave out.
void wipe(std::span<char> bytes);

class Secret {
 public:
  static constexpr std::string_view kShown = "***";

  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  [[nodiscard]] const std::string& reveal() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

 private:
  void wipe();
  std::string text_;
};

std::ostream& operator<<(std::ostream& out, const Secret& secret);

}  // namespace tdn

template <>
struct fmt::formatter<tdn::Secret> : fmt::formatter<std::string_view> {
  template <class FormatContext>
  auto format(const tdn::Secret&, FormatContext& context) const {
    return fmt::formatter<std::string_view>::format(tdn::Secret::kShown, context);
  }
};
