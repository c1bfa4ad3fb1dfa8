// `tdn journal`: reads books.
#include <iostream>

#include "app/roles.h"
#include "cli/journal.h"

namespace tdn::app {

int run(const JournalCommand& command) {
  const auto run = command.check ? cli::journal_check : cli::journal_dump;
  return run(command.folder, io::system_disk(), std::cout, std::cerr);
}

}  // namespace tdn::app
