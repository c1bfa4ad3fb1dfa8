#include "app/scenario_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "local/files.h"
#include "scenario/builtin.h"

namespace tdn::app {
namespace {

// Built-in matrices by name, others as files beside the scenario.
class Matrices final : public scenario::MatrixSource {
 public:
  explicit Matrices(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Result<std::string> read(const std::string& name) const override {
    if (!scenario::find_builtin(scenario::builtin_matrices(), name).empty()) {
      return builtin_.read(name);
    }
    return local::read_text((folder_ / name).string());
  }

 private:
  std::filesystem::path folder_;
  scenario::BuiltinMatrices builtin_;
};

}  // namespace

Result<scenario::Scenario> read_scenario(const std::string& name) {
  const std::string_view builtin = scenario::find_builtin(scenario::builtin_scenarios(), name);
  if (!builtin.empty()) {
    return scenario::parse_scenario(builtin, name, scenario::BuiltinMatrices());
  }
  const Result<std::string> text = local::read_text(name);
  if (!text && text.error().code() == Code::kMissing) {
    std::string names;
    for (const scenario::BuiltinFile& file : scenario::builtin_scenarios()) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", file.name);
    }
    return fail(Code::kMissing,
                fmt::format("--scenario {}: there is no such file, and no scenario of that name; "
                            "there are {}",
                            name, names));
  }
  if (!text) {
    return fail(text.error());
  }
  return scenario::parse_scenario(*text, name, Matrices(std::filesystem::path(name).parent_path()));
}

}  // namespace tdn::app
