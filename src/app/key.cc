// `tdn key new`.
#include "cli/key.h"

#include <cstdio>

#include "app/roles.h"
#include "base/random.h"

namespace tdn::app {

Result<void> run(const KeyNewCommand& command) {
  TDN_TRY(const std::string text, cli::key_new(command.options, system_random()));
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

}  // namespace tdn::app
