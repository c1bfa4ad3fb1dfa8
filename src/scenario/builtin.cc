#include "scenario/builtin.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace tdn::scenario {

std::string_view find_builtin(std::span<const BuiltinFile> files, std::string_view name) {
  const auto found = std::ranges::find(files, name, &BuiltinFile::name);
  return found == files.end() ? std::string_view() : found->text;
}

Result<std::string> BuiltinMatrices::read(const std::string& name) const {
  const std::string_view text = find_builtin(builtin_matrices(), name);
  if (text.empty()) {
    return fail(Code::kMissing, fmt::format("there is no matrix {}; give aws21", name));
  }
  return std::string(text);
}

Scenario builtin_scenario(std::string_view name) {
  Result<Scenario> scenario =
      parse_scenario(find_builtin(builtin_scenarios(), name), std::string(name), BuiltinMatrices());
  TDN_ASSERT(scenario.has_value());
  return *std::move(scenario);
}

}  // namespace tdn::scenario
