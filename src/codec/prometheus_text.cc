#include "codec/prometheus_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tdn::codec {
namespace {

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == ':';
}

std::size_t name_length(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::find_if_not(text, is_name) - text.begin());
}

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == text.npos ? std::string_view{} : text.substr(first);
}

// Where a quoted value ends that begins behind `at`; npos if it does not.
std::size_t quote_end(std::string_view text, std::size_t at) {
  for (; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at;
    }
  }
  return std::string_view::npos;
}

// Where the labels end that begin behind `at`: the brace outside quotes.
std::size_t labels_end(std::string_view line, std::size_t at) {
  while (at < line.size() && line[at] != '}') {
    if (line[at] == '"') {
      at = quote_end(line, at + 1);
      if (at == line.npos) {
        return at;
      }
    }
    ++at;
  }
  return at < line.size() ? at : line.npos;
}

std::optional<PrometheusSample> read_line(std::string_view line) {
  PrometheusSample sample;
  const std::size_t length = name_length(line);
  if (length == 0) {
    return std::nullopt;  // empty, or a comment
  }
  sample.name = line.substr(0, length);
  std::string_view rest = without_blanks(line.substr(length));
  if (rest.starts_with('{')) {
    const std::size_t end = labels_end(rest, 1);
    if (end == rest.npos) {
      return std::nullopt;
    }
    sample.labels = rest.substr(1, end - 1);
    rest = without_blanks(rest.substr(end + 1));
  }
  if (rest.starts_with('+')) {
    rest.remove_prefix(1);
  }
  const auto [last, fault] = std::from_chars(rest.data(), rest.data() + rest.size(), sample.value);
  const bool ends = last == rest.data() + rest.size() || *last == ' ' || *last == '\t';
  if (fault != std::errc{} || !ends || !std::isfinite(sample.value)) {
    return std::nullopt;
  }
  return sample;
}

}  // namespace

std::optional<std::string_view> PrometheusSample::label(std::string_view wanted) const {
  std::string_view rest = labels;
  while (!rest.empty()) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t,"), rest.size()));
    const std::size_t length = name_length(rest);
    const std::string_view found = rest.substr(0, length);
    rest = without_blanks(rest.substr(length));
    if (!rest.starts_with('=')) {
      return std::nullopt;
    }
    rest = without_blanks(rest.substr(1));
    const std::size_t end = rest.starts_with('"') ? quote_end(rest, 1) : rest.npos;
    if (end == rest.npos) {
      return std::nullopt;
    }
    if (found == wanted) {
      return rest.substr(1, end - 1);
    }
    rest.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::optional<PrometheusSample> PrometheusText::next() {
  while (!rest_.empty()) {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (const auto sample = read_line(line)) {
      return sample;
    }
  }
  return std::nullopt;
}

}  // namespace tdn::codec
