// The program: reads the command line, runs one role, and tells a failure in one line.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <variant>
#include <vector>

#include "app/command_line.h"
#include "app/roles.h"
#include "io/signals.h"
#include "local/state_folder.h"

namespace {

using namespace tdn;

// Help goes to standard output, complaints to standard error.
int tell(const app::ToldCommand& told) {
  std::fputs(told.text.c_str(), told.status == 0 ? stdout : stderr);
  return told.status;
}

int tell(int status) { return status; }

// A failure in one line, and the exit status.
int tell(const Result<void>& result) {
  if (!result) {
    std::fprintf(stderr, "tdn: %s\n", result.error().detail().c_str());
  }
  return result ? EXIT_SUCCESS : EXIT_FAILURE;
}

struct Execute {
  int operator()(const app::ToldCommand& command) const { return tell(command); }
  int operator()(const auto& command) const { return tell(app::run(command)); }
};

}  // namespace

// No memory for the command line ends the process, as no memory does everywhere.
int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape)
  // Before any thread exists, so that these arrive where they are awaited and nowhere else.
  io::block_signals({SIGINT, SIGTERM, SIGHUP});
  ::prctl(PR_SET_NAME, "tdn");  // a child that was started as /proc/self/exe would be called exe
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  const app::Environment environment{
      .where = {
          .state = local::default_state_folder(std::getenv("XDG_STATE_HOME"), home),  // NOLINT
          .contexts_file =
              cli::default_contexts_file(std::getenv("XDG_CONFIG_HOME"), home)}};  // NOLINT
  const app::Command command =
      app::parse_command_line(std::vector<std::string>(argv + 1, argv + argc), environment);
  const int status = std::visit(Execute(), command);
  std::cout.flush();
  if (!std::cout || std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    if (!io::reader_is_gone(STDOUT_FILENO)) {  // `| head` has seen enough: no fault to tell
      std::fputs("tdn: the output could not be written; is the disk full?\n", stderr);
    }
    return status == EXIT_SUCCESS ? EXIT_FAILURE : status;
  }
  return status;
}
