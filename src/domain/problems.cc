#include "domain/problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/assert.h"

namespace tdn::domain {
namespace {

// Levenshtein's, by one row of the table.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0UL);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

void Problems::add(const Place& place, std::string_view path, std::string_view what) {
  std::string line = place.file;
  if (place.line > 0) {
    line += fmt::format(":{}", place.line);
  }
  add(path.empty() ? fmt::format("{}: {}", line, what)
                   : fmt::format("{}: {}: {}", line, path, what));
}

void Problems::add(std::string line) {
  ++count_;
  if (lines_.size() < kShown) {
    lines_.push_back(std::move(line));
  }
}

Error Problems::error() const {
  TDN_ASSERT(!empty());
  std::string text = fmt::format("{}", fmt::join(lines_, "\n"));
  if (count_ > lines_.size()) {
    text += fmt::format("\n… and {} more", count_ - lines_.size());
  }
  return {Code::kInvalid, std::move(text)};
}

std::string_view nearest_name(std::string_view text, const std::vector<std::string_view>& names) {
  constexpr std::size_t kLongest = 64;  // bounds the work on hostile input
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(text.size() / 3, 1) + 1;
  if (text.size() > kLongest) {
    return best;
  }
  for (const std::string_view name : names) {
    const std::size_t distance = name.size() > kLongest ? kLongest : edit_distance(text, name);
    if (distance < best_distance) {
      best = name;
      best_distance = distance;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view text, const std::vector<std::string_view>& names) {
  const std::string_view name = nearest_name(text, names);
  return name.empty() ? "" : fmt::format("; did you mean `{}`?", name);
}

}  // namespace tdn::domain
