#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace tdn::cli {
namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";  // alternate screen, no cursor
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kRestOfLine = "\x1b[K";
constexpr std::string_view kRestOfScreen = "\x1b[J";

}  // namespace

struct Terminal::Modes {
  termios modes{};
};

Terminal::Terminal(io::EpollPoller& poller, int input, int output, std::function<void(char)> on_key)
    : poller_(poller),
      input_(input),
      output_(output),
      on_key_(std::move(on_key)),
      former_(std::make_unique<Modes>()) {}

Result<std::unique_ptr<Terminal>> Terminal::open(io::EpollPoller& poller, int input, int output,
                                                 std::function<void(char)> on_key) {
  std::unique_ptr<Terminal> terminal(new Terminal(poller, input, output, std::move(on_key)));
  if (::isatty(output) == 0 || ::tcgetattr(input, &terminal->former_->modes) != 0) {
    return fail(Code::kUnavailable,
                "a live picture needs a terminal; give --once, or -o json for programs");
  }
  terminal->enter();
  poller.add(input, *terminal);
  return terminal;
}

Terminal::~Terminal() {
  if (entered_) {
    leave();
    poller_.remove(input_, *this);
  }
}

void Terminal::enter() {
  termios modes = former_->modes;
  modes.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  modes.c_cc[VMIN] = 0;  // reading never waits
  modes.c_cc[VTIME] = 0;
  ::tcsetattr(input_, TCSANOW, &modes);
  write(kEnter);
  entered_ = true;
}

void Terminal::leave() {
  write(kLeave);
  ::tcsetattr(input_, TCSANOW, &former_->modes);
}

WindowSize Terminal::size() const {
  winsize window{};
  if (::ioctl(output_, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) {
    return {};
  }
  return {.width = window.ws_col, .height = window.ws_row};
}

void Terminal::draw(const std::string& picture) {
  std::string text(kHome);
  for (const char c : picture) {
    if (c == '\n') {
      text += kRestOfLine;
    }
    text += c;
  }
  text += kRestOfScreen;
  write(text);
}

void Terminal::on_ready(io::Readiness) {
  std::array<char, 64> keys{};
  while (true) {
    const ssize_t count = ::read(input_, keys.data(), keys.size());
    if (count <= 0) {
      return;
    }
    for (ssize_t i = 0; i < count; ++i) {
      on_key_(keys[static_cast<std::size_t>(i)]);
    }
  }
}

// A terminal that takes nothing more is gone, and with it whoever could be told.
void Terminal::write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t count = ::write(output_, text.data(), text.size());
    if (count < 0 && errno != EINTR) {
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
}

}  // namespace tdn::cli
