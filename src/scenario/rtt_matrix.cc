#include "scenario/rtt_matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>

#include "base/assert.h"

namespace tdn::scenario {
namespace {

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  while (true) {
    const std::size_t comma = line.find(',');
    cells.push_back(line.substr(0, comma));
    if (comma == line.npos) {
      return cells;
    }
    line.remove_prefix(comma + 1);
  }
}

std::optional<Duration> read_ms(std::string_view text) {
  double ms = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, ms);
  if (read.ec != std::errc() || read.ptr != end || !(ms >= 0) || ms > RttMatrix::kMostMs) {
    return std::nullopt;
  }
  return std::chrono::round<Duration>(std::chrono::duration<double, std::milli>(ms));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

Result<RttMatrix> RttMatrix::parse(std::string_view csv, const std::string& file) {
  const std::vector<std::string_view> lines = lines_of(csv);
  const auto wrong = [&](std::size_t line, std::string_view what) {
    return fail(Code::kInvalid, fmt::format("{}:{}: {}", file, line + 1, what));
  };
  if (lines.empty()) {
    return wrong(0, "empty; the first row names the places");
  }
  RttMatrix matrix;
  std::vector<std::string_view> head = cells_of(lines[0]);
  for (const std::string_view name : std::span(head).subspan(1)) {
    if (name.empty() || matrix.has(name) || matrix.places_.size() == kMost) {
      return wrong(0, fmt::format("each of at most {} places needs a name of its own", kMost));
    }
    matrix.places_.emplace_back(name);
  }
  if (matrix.places_.empty() || lines.size() != matrix.places_.size() + 1) {
    return wrong(0, fmt::format("{} columns and {} rows; give one row for each column",
                                matrix.places_.size(), lines.size() - 1));
  }
  for (std::size_t row = 1; row < lines.size(); ++row) {
    const std::vector<std::string_view> cells = cells_of(lines[row]);
    if (cells[0] != matrix.places_[row - 1] || cells.size() != head.size()) {
      return wrong(row,
                   fmt::format("rows stand in the order of the columns: give {} and {} numbers",
                               matrix.places_[row - 1], matrix.places_.size()));
    }
    for (const std::string_view cell : std::span(cells).subspan(1)) {
      const std::optional<Duration> rtt = read_ms(cell);
      if (!rtt) {
        return wrong(row, fmt::format("'{}' is not a number of milliseconds from 0 to {}",
                                      cell.substr(0, 40), kMostMs));
      }
      matrix.rtt_.push_back(*rtt);
    }
  }
  return matrix;
}

std::size_t RttMatrix::index_of(std::string_view place) const {
  return static_cast<std::size_t>(std::ranges::find(places_, place) - places_.begin());
}

bool RttMatrix::has(std::string_view place) const { return index_of(place) < places_.size(); }

Duration RttMatrix::between(std::string_view from, std::string_view to) const {
  TDN_ASSERT(has(from) && has(to));
  return rtt_[index_of(from) * places_.size() + index_of(to)];
}

}  // namespace tdn::scenario
