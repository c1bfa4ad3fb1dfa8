// Commands whose flags are declared in files of their own (command_line.cc puts them together).
#pragma once

#include <functional>

#include "app/command_line.h"

namespace CLI {
class App;
}

namespace tdn::app {

// One subcommand's flags, and how they become its command once all are read.
struct Declared {
  CLI::App* app = nullptr;
  std::function<Result<Command>()> finish;
};

[[nodiscard]] Declared declare_requests(CLI::App& root, const Environment& environment);
[[nodiscard]] Declared declare_explain(CLI::App& root, const Environment& environment);

}  // namespace tdn::app
