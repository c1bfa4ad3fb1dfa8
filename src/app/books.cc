// `tdn usage` and `tdn journal`: commands that read books.
#include <iostream>

#include "app/roles.h"
#include "cli/journal.h"
#include "cli/usage.h"

namespace tdn::app {

int run(const UsageCommand& command) {
  return cli::usage(command.options, io::system_disk(), std::cout, std::cerr);
}

int run(const JournalCommand& command) {
  const auto run = command.check ? cli::journal_check : cli::journal_dump;
  return run(command.folder, io::system_disk(), std::cout, std::cerr);
}

}  // namespace tdn::app
