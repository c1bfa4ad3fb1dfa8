#include "cli/terminal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "io/epoll.h"

namespace tdn::cli {
namespace {

using testing::HasSubstr;

// A terminal whose other end is the test.
struct TerminalTest : testing::Test {
  TerminalTest() {
    EXPECT_EQ(::grantpt(person), 0);
    EXPECT_EQ(::unlockpt(person), 0);
    std::array<char, 64> name{};
    EXPECT_EQ(::ptsname_r(person, name.data(), name.size()), 0);
    device = ::open(name.data(), O_RDWR | O_NOCTTY);
    EXPECT_GE(device, 0);
  }
  ~TerminalTest() override {
    ::close(device);
    ::close(person);
  }

  [[nodiscard]] tcflag_t modes() const {
    termios now{};
    EXPECT_EQ(::tcgetattr(device, &now), 0);
    return now.c_lflag;
  }
  // What the person sees by now.
  [[nodiscard]] std::string seen() const {
    std::string text;
    pollfd ready{.fd = person, .events = POLLIN, .revents = 0};
    while (::poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) != 0) {
      std::array<char, 4096> part{};
      const ssize_t count = ::read(person, part.data(), part.size());
      text.append(part.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    return text;
  }
  std::unique_ptr<Terminal> open() {
    auto terminal = Terminal::open(poller, device, device, [this](char key) { typed += key; });
    EXPECT_TRUE(terminal.has_value());
    return terminal ? *std::move(terminal) : nullptr;
  }

  int person = ::posix_openpt(O_RDWR | O_NOCTTY);
  int device = -1;
  std::string typed;
  ManualClock clock;
  io::EpollPoller poller{clock};
};

TEST_F(TerminalTest, IsTakenOverAndGivenBackAsItWas) {
  const tcflag_t before = modes();
  {
    const auto terminal = open();
    EXPECT_EQ(modes() & (ICANON | ECHO), 0U);
    EXPECT_EQ(seen(), "\x1b[?1049h\x1b[?25l");
  }
  EXPECT_EQ(modes(), before);
  EXPECT_EQ(seen(), "\x1b[?25h\x1b[?1049l");
}

TEST_F(TerminalTest, IsGivenBackWhileTheProcessIsStopped) {
  const tcflag_t before = modes();
  const auto terminal = open();
  terminal->leave();
  EXPECT_EQ(modes(), before);
  terminal->enter();
  EXPECT_NE(modes(), before);
}

TEST_F(TerminalTest, APictureReplacesTheFormerOne) {
  const auto terminal = open();
  EXPECT_NE(seen(), "");
  terminal->draw("ab\nc\n");
  EXPECT_EQ(seen(), "\x1b[Hab\x1b[K\r\nc\x1b[K\r\n\x1b[J");
}

TEST_F(TerminalTest, HasTheSizeOfItsWindow) {
  const auto terminal = open();
  EXPECT_EQ(terminal->size().width, 80U);  // not known
  const winsize window{.ws_row = 30, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::ioctl(person, TIOCSWINSZ, &window), 0);
  EXPECT_EQ(terminal->size().width, 100U);
  EXPECT_EQ(terminal->size().height, 30U);
}

TEST_F(TerminalTest, KeysAreHeardAsTheyAreTyped) {
  const auto terminal = open();
  ASSERT_EQ(::write(person, "xq", 2), 2);
  while (typed.size() < 2) {
    poller.poll(clock.now() + std::chrono::milliseconds(10));
  }
  EXPECT_EQ(typed, "xq");
}

TEST_F(TerminalTest, WhatIsNoTerminalIsRefusedWithTheRemedy) {
  const int file = ::open("/dev/null", O_RDWR);
  const auto terminal = Terminal::open(poller, file, file, [](char) {});
  ASSERT_FALSE(terminal.has_value());
  EXPECT_THAT(terminal.error().detail(), HasSubstr("give --once"));
  ::close(file);
}

}  // namespace
}  // namespace tdn::cli
