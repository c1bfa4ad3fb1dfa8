// The real poller: edge-triggered epoll, every descriptor registered once for its life. Events
// still pending in the current batch for a source that was closed meanwhile are dropped.
//
// Belongs to one thread, except `interrupt`.
#pragma once

#include <cstdint>
#include <memory>

#include "io/loop.h"

namespace tdn::io {

// What a registered descriptor tells its owner.
struct Readiness {
  bool readable = false;
  bool writable = false;
  bool finished = false;  // the peer sent its end
  bool gone = false;      // reset or error
};

class EpollSource {
 public:
  virtual void on_ready(Readiness ready) = 0;

 protected:
  ~EpollSource() = default;
};

class EpollPoller final : public Poller {
 public:
  explicit EpollPoller(const Clock& clock);
  ~EpollPoller() override;

  void poll(Instant until) override;
  void interrupt() override;

  // `fd` stays registered until it is closed; `remove` must come before that.
  void add(int fd, EpollSource& source);
  void remove(int fd, EpollSource& source);

 private:
  struct Batch;
  const Clock& clock_;
  int epoll_ = -1;
  int wake_ = -1;  // eventfd
  std::unique_ptr<Batch> batch_;
};

}  // namespace tdn::io
