// A terminal taken over for a live picture: the alternate screen, no cursor, keys as they are
// pressed. Given back as it was by `leave` and by the destructor.
//
// Belongs to one thread.
#pragma once

#include <functional>
#include <memory>

#include "cli/top.h"
#include "io/epoll.h"

namespace tdn::cli {

class Terminal final : public Display, private io::EpollSource {
 public:
  // `input` and `output` are descriptors of terminals, kept open by the caller; `on_key` hears of
  // each byte that is typed. kUnavailable if one of them is no terminal.
  [[nodiscard]] static Result<std::unique_ptr<Terminal>> open(io::EpollPoller& poller, int input,
                                                              int output,
                                                              std::function<void(char)> on_key);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // For the time that the process is stopped.
  void leave();
  void enter();

  [[nodiscard]] WindowSize size() const override;
  void draw(const std::string& picture) override;

 private:
  struct Modes;
  Terminal(io::EpollPoller& poller, int input, int output, std::function<void(char)> on_key);
  void on_ready(io::Readiness ready) override;
  void write(std::string_view text) const;

  io::EpollPoller& poller_;
  int input_;
  int output_;
  std::function<void(char)> on_key_;
  std::unique_ptr<Modes> former_;
  bool entered_ = false;
};

}  // namespace tdn::cli
