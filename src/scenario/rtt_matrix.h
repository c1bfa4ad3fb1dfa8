// Round trips between places, from a CSV: the first row names the columns, each further one begins
// with its own name, all in milliseconds. Row = from, column = to; the diagonal is a round trip
// within one place.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace tdn::scenario {

class RttMatrix {
 public:
  static constexpr std::size_t kMost = 256;  // places
  static constexpr double kMostMs = 10'000;

  // kInvalid, "file:line: what is wrong; what to do".
  [[nodiscard]] static Result<RttMatrix> parse(std::string_view csv, const std::string& file);

  [[nodiscard]] bool has(std::string_view place) const;
  // Both are places.
  [[nodiscard]] Duration between(std::string_view from, std::string_view to) const;
  [[nodiscard]] const std::vector<std::string>& places() const { return places_; }

 private:
  [[nodiscard]] std::size_t index_of(std::string_view place) const;
  std::vector<std::string> places_;
  std::vector<Duration> rtt_;  // row by row
};

}  // namespace tdn::scenario
