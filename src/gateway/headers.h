// The fields of an answer's head, rendered on the stack of whoever begins the answer.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/fixed_vector.h"
#include "base/time.h"
#include "codec/http1.h"

namespace tdn::gateway {

// Fields of one answer and the text of their values. Full: later fields are left out.
class HeaderList {
 public:
  // `name` is a literal; `value` must outlive the list unless `add_copy`.
  void add(std::string_view name, std::string_view value);
  void add_copy(std::string_view name, std::string_view value);
  void add(std::string_view name, std::uint64_t value);
  [[nodiscard]] std::span<const codec::Field> fields() const {
    return {fields_.begin(), fields_.size()};
  }
  void clear();

 private:
  FixedVector<codec::Field, 48> fields_;
  std::array<char, 2048> text_;
  std::size_t used_ = 0;
};

// As OpenAI writes durations until a limit is whole again: "0s", "12ms", "1s", "6m0s", "1h2m3s".
// Below a second in whole milliseconds, above in whole seconds, both rounded up.
[[nodiscard]] std::string limit_duration(Duration duration);
// Whole seconds for Retry-After, rounded up, at least 1.
[[nodiscard]] std::uint64_t retry_after_seconds(Duration duration);
// "edge;dur=0.4, engine;dur=20.1": milliseconds until the request left for the engine, and from
// then to the engine's first byte.
[[nodiscard]] std::string server_timing(Duration edge, Duration engine);

}  // namespace tdn::gateway
