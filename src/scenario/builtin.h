// The scenarios and the matrix of `scenarios/` in the source tree. They are part of the program, so
// that `tdn up --scenario europe-six` works from anywhere.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "scenario/scenario.h"

namespace tdn::scenario {

struct BuiltinFile {
  std::string_view name;  // "europe-six"; of a matrix: "aws21"
  std::string_view text;
};

[[nodiscard]] std::span<const BuiltinFile> builtin_scenarios();
[[nodiscard]] std::span<const BuiltinFile> builtin_matrices();
// Empty if there is none of that name.
[[nodiscard]] std::string_view find_builtin(std::span<const BuiltinFile> files,
                                            std::string_view name);

// Those matrices and no files.
class BuiltinMatrices final : public MatrixSource {
 public:
  [[nodiscard]] Result<std::string> read(const std::string& name) const override;
};
// One of those scenarios; asserts that there is one of that name.
[[nodiscard]] Scenario builtin_scenario(std::string_view name);

// What of the command line's manifests a scenario may name though it does not define it.
inline constexpr std::string_view kDefaultModel = "smollm2";

}  // namespace tdn::scenario
