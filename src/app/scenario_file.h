// A scenario as commands name it.
#pragma once

#include <string>

#include "base/result.h"
#include "scenario/scenario.h"

namespace tdn::app {

// `--scenario NAME`: one of those that are built in, else a file, its matrix a built-in one or a
// file beside it. kMissing names those that there are; kInvalid says what is wrong and where.
[[nodiscard]] Result<scenario::Scenario> read_scenario(const std::string& name);

}  // namespace tdn::app
