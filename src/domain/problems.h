// All that is wrong with a set of manifests, collected so that an operator mends everything in one
// go instead of one fault per attempt.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tdn::domain {

// Where something stands in the operator's files.
struct Place {
  std::string file;
  int line = 0;  // from 1; 0: the file as a whole
};

class Problems {
 public:
  static constexpr std::size_t kShown = 20;

  // "<file>:<line>: <path>: <what>"; `what` says what is wrong and, after a semicolon, what to do.
  void add(const Place& place, std::string_view path, std::string_view what);
  void add(std::string line);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t count() const { return count_; }
  // The lines, one below the other, and how many more there are. Requires at least one problem.
  [[nodiscard]] Error error() const;

 private:
  std::vector<std::string> lines_;
  std::size_t count_ = 0;
};

// The one of `names` that `text` is most likely a misspelling of; empty if none is near.
[[nodiscard]] std::string_view nearest_name(std::string_view text,
                                            const std::vector<std::string_view>& names);

// "; did you mean `x`?" or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view text,
                                       const std::vector<std::string_view>& names);

}  // namespace tdn::domain
