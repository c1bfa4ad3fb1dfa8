// `tdn journal` and `tdn requests`: commands that read books and logs.
#include <iostream>

#include "app/roles.h"
#include "cli/journal.h"
#include "cli/requests.h"

namespace tdn::app {

int run(const RequestsCommand& command) {
  return cli::requests(command.options, io::system_disk(), std::cout, std::cerr);
}

int run(const JournalCommand& command) {
  const auto run = command.check ? cli::journal_check : cli::journal_dump;
  return run(command.folder, io::system_disk(), std::cout, std::cerr);
}

}  // namespace tdn::app
