// `tdn top`: how a network is at this moment, once or live.
#pragma once

#include <string>

#include "base/time.h"
#include "cli/screen.h"
#include "client/control.h"
#include "client/network.h"
#include "io/event.h"

namespace tdn::cli {

struct TopOptions {
  bool once = false;
  bool json = false;  // what control said; implies once
  int interval_seconds = 1;
};

struct WindowSize {
  std::size_t width = 80;   // 0: lines are never cut
  std::size_t height = 24;  // 0: rows are never left out
};

// A line of sums, then a line per endpoint; each line ends with a line feed and none is wider than
// the window. What does not fit its height is counted in the last line.
[[nodiscard]] std::string render_top(const client::NetworkView& network, WallTime now,
                                     WindowSize size, bool colours);

// Prints it once. The exit status.
[[nodiscard]] io::Task<int> top_once(client::ControlClient& control, TopOptions options,
                                     WallTime now, Screen screen);

// Where a live picture goes.
class Display {
 public:
  [[nodiscard]] virtual WindowSize size() const = 0;
  // Shows this picture instead of the former.
  virtual void draw(const std::string& picture) = 0;

 protected:
  ~Display() = default;
};

// Asks control again and again, and draws. A control that is away is told in the picture and asked
// again: it may come back. Belongs to its loop's thread.
class LiveTop {
 public:
  // All borrowed.
  LiveTop(client::ControlClient& control, Display& display, const Clock& clock, TopOptions options,
          bool colours)
      : control_(control), display_(display), clock_(clock), options_(options), colours_(colours) {}

  // Until `quit`.
  [[nodiscard]] io::Task<> run();
  void quit();
  // The window has another size, or was hidden.
  void draw();

 private:
  [[nodiscard]] io::Task<> look();

  client::ControlClient& control_;
  Display& display_;
  const Clock& clock_;
  TopOptions options_;
  bool colours_;
  Result<client::NetworkView> seen_ = client::NetworkView{};
  bool looked_ = false;
  bool quitting_ = false;
  io::Event quit_;
};

}  // namespace tdn::cli
