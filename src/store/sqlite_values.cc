#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "store/detail/parts.h"

namespace tdn::store::detail {
namespace {

// What stands before the first `end`, which goes with it.
std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::string parts_to_text(const std::map<std::string, domain::Revision>& parts) {
  std::string text;
  for (const auto& [name, revision] : parts) {
    text += fmt::format("{} {} {}\n", name, revision.version, revision.digest);
  }
  return text;
}

std::map<std::string, domain::Revision> parts_of_text(std::string_view text) {
  std::map<std::string, domain::Revision> parts;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    const std::string_view name = take_until(line, ' ');
    const std::uint64_t version = number_of(take_until(line, ' '));
    parts.emplace(name, domain::Revision{version, std::string(line)});
  }
  return parts;
}

std::string tags_to_text(const std::vector<std::string>& tags) {
  std::string text;
  for (const std::string& tag : tags) {
    text += fmt::format("{}:{}", tag.size(), tag);
  }
  return text;
}

std::vector<std::string> tags_of_text(std::string_view text) {
  std::vector<std::string> tags;
  while (!text.empty()) {
    const std::size_t size = std::min<std::uint64_t>(number_of(take_until(text, ':')), text.size());
    tags.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return tags;
}

}  // namespace tdn::store::detail
