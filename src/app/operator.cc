// The commands that speak to control, each on a loop of its own until it has its answer.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <optional>

#include "app/main_loop.h"
#include "app/roles.h"
#include "cli/terminal.h"
#include "io/signals.h"

namespace tdn::app {
namespace {

cli::Screen terminal() {
  const char* kind = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe)
  const bool shows_colours = kind != nullptr && std::string_view(kind) != "dumb" &&
                             std::getenv("NO_COLOR") == nullptr;  // NOLINT(concurrency-mt-unsafe)
  return {std::cout, std::cerr, ::isatty(STDOUT_FILENO) != 0 && shows_colours};
}

// One command, with what it needs of the loop.
struct Start {
  client::ControlClient& control;
  cli::Screen screen;
  WallTime now;

  io::Task<int> operator()(const cli::ApplyOptions& options) const {
    return cli::apply(control, options, std::cin, screen);
  }
  io::Task<int> operator()(const cli::DeleteOptions& options) const {
    return cli::remove(control, options, std::cin, screen);
  }
  io::Task<int> operator()(const cli::GetOptions& options) const {
    return cli::get(control, options, now, screen);
  }
  io::Task<int> operator()(const cli::DescribeOptions& options) const {
    return cli::describe(control, options, now, screen);
  }
  io::Task<int> operator()(const cli::KeyIssueOptions& options) const {
    return cli::key_issue(control, options, screen);
  }
  io::Task<int> operator()(const cli::KeyRevokeOptions& options) const {
    return cli::key_revoke(control, options, screen);
  }
  io::Task<int> operator()(const cli::SiteStateOptions& options) const {
    return cli::set_site_state(control, options, screen);
  }
  io::Task<int> operator()(const cli::UsageOptions& options) const {
    return cli::usage(control, options, screen);
  }
  io::Task<int> operator()(const cli::TopOptions& options) const {
    return cli::top_once(control, options, now, screen);
  }
};

// A state folder that holds an edge's books and no network is read by hand.
std::optional<std::string> edge_alone(const OperatorCommand& command) {
  if (!std::holds_alternative<cli::UsageOptions>(command.what)) {
    return std::nullopt;
  }
  const auto state = cli::find_state(command.where, command.defaults);
  return state && *state && !cli::is_network(**state) ? *state : std::nullopt;
}

// A live picture, whose terminal is given back however it ends.
class LiveRole {
 public:
  LiveRole(const client::Control& control, const cli::TopOptions& options, bool colours)
      : control_(main_.network, control), options_(options), colours_(colours) {}

  Result<void> run() {
    TDN_TRY(terminal_,
            cli::Terminal::open(main_.poller, STDIN_FILENO, STDOUT_FILENO, [this](char key) {
              if (key == 'q' || key == 'Q') {
                top_->quit();
              }
            }));
    top_.emplace(control_, *terminal_, system_clock(), options_, colours_);
    Result<void> done = main_.run(serve(), {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH},
                                  [this](int signal) { on_signal(signal); });
    terminal_.reset();
    return done;
  }

 private:
  io::Task<Result<void>> serve() {
    co_await top_->run();
    co_return Result<void>();
  }

  void on_signal(int signal) {
    if (signal == SIGWINCH) {
      top_->draw();
    } else if (signal == SIGTSTP) {
      terminal_->leave();
      ::raise(SIGSTOP);
      terminal_->enter();  // back in the foreground
      top_->draw();
    } else {
      top_->quit();
    }
  }

  MainLoop main_;
  client::ControlClient control_;
  cli::TopOptions options_;
  bool colours_;
  std::unique_ptr<cli::Terminal> terminal_;
  std::optional<cli::LiveTop> top_;
};

int run_live(const client::Control& control, const cli::TopOptions& options,
             const cli::Screen& screen) {
  // Before any thread exists, like those that main has blocked.
  io::block_signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH});
  LiveRole role(control, options, screen.colours);
  const Result<void> done = role.run();
  return done ? 0 : cli::tell_failure(screen, "top", done.error());
}

}  // namespace

int run(const OperatorCommand& command) {
  io::unblock_all_signals();  // one answer, no cleaning up: a signal may simply end it
  const cli::Screen screen = terminal();
  if (const std::optional<std::string> state = edge_alone(command)) {
    return cli::usage(std::get<cli::UsageOptions>(command.what), *state, io::system_disk(), screen);
  }
  const Result<client::Control> found = cli::find_control(command.where, command.defaults);
  if (!found) {
    screen.err << "tdn: " << found.error().detail() << "\n";
    return 1;
  }
  const auto* top = std::get_if<cli::TopOptions>(&command.what);
  if (top != nullptr && !top->once) {
    return run_live(*found, *top, screen);
  }
  MainLoop main;
  client::ControlClient control(main.network, *found);
  const Start start{control, screen, system_clock().wall()};
  return main.run_command(std::visit(start, command.what));
}

}  // namespace tdn::app
