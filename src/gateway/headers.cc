#include "gateway/headers.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "codec/http1.h"

namespace tdn::gateway {

using namespace std::chrono_literals;

namespace {

constexpr std::array<std::string_view, 18> kDropped{"connection",
                                                    "keep-alive",
                                                    "proxy-authenticate",
                                                    "proxy-connection",
                                                    "te",
                                                    "trailer",
                                                    "transfer-encoding",
                                                    "upgrade",
                                                    "content-length",
                                                    "server",
                                                    "x-request-id",
                                                    "x-client-request-id",
                                                    "server-timing",
                                                    "set-cookie",
                                                    "retry-after",
                                                    "alt-svc",
                                                    "location",
                                                    "content-location"};
constexpr std::array<std::string_view, 3> kDroppedPrefixes{"x-ratelimit", "access-control-",
                                                           "tdn-"};

// Appends to a ShortText; what does not fit cannot be: the longest duration has 20 digits.
class Appender {
 public:
  explicit Appender(ShortText& text)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}
  Appender& operator<<(std::string_view text) {
    const std::size_t size = std::min(text.size(), static_cast<std::size_t>(end_ - at_));
    std::memcpy(at_, text.data(), size);
    at_ += size;
    return *this;
  }
  Appender& operator<<(std::int64_t number) {
    at_ = std::to_chars(at_, end_, number).ptr;
    return *this;
  }
  [[nodiscard]] std::string_view text() const {
    return {begin_, static_cast<std::size_t>(at_ - begin_)};
  }

 private:
  char* begin_;
  char* at_;
  char* end_;
};

}  // namespace

std::string_view limit_duration(ShortText& text, Duration duration) {
  Appender out(text);
  if (duration <= Duration::zero()) {
    return (out << "0s").text();
  }
  if (duration < 1s) {
    return (out << std::chrono::ceil<std::chrono::milliseconds>(duration).count() << "ms").text();
  }
  const std::int64_t seconds = std::chrono::ceil<std::chrono::seconds>(duration).count();
  if (seconds >= 3600) {
    out << seconds / 3600 << "h";
  }
  if (seconds >= 60) {
    out << seconds / 60 % 60 << "m";
  }
  return (out << seconds % 60 << "s").text();
}

std::string_view server_timing(ShortText& text, Duration edge, Duration engine) {
  Appender out(text);
  const auto append = [&out](Duration duration) {
    const Duration rounded = std::max(duration, Duration::zero()) + 50us;  // to a tenth of a ms
    out << rounded / 1ms << "." << rounded % 1ms / 100us;
  };
  out << "edge;dur=";
  append(edge);
  out << ", engine;dur=";
  append(engine);
  return out.text();
}

std::uint64_t retry_after_seconds(Duration duration) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(duration).count()));
}

bool is_passed_on(std::string_view field_name) {
  const auto begins = [&](std::string_view prefix) {
    return field_name.size() >= prefix.size() &&
           codec::equals_ignoring_case(field_name.substr(0, prefix.size()), prefix);
  };
  const auto is = [&](std::string_view name) {
    return codec::equals_ignoring_case(field_name, name);
  };
  return std::ranges::none_of(kDropped, is) && std::ranges::none_of(kDroppedPrefixes, begins);
}

}  // namespace tdn::gateway
