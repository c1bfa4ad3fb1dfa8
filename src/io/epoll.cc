#include "io/epoll.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/assert.h"

namespace tdn::io {

struct EpollPoller::Batch {
  std::array<epoll_event, 256> events;
  int count = 0;
};

EpollPoller::EpollPoller(const Clock& clock)
    : clock_(clock),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      batch_(std::make_unique<Batch>()) {
  TDN_ASSERT(epoll_ >= 0 && wake_ >= 0);
  epoll_event event{};
  // Edge-triggered: each write to it is one event, and nobody needs to read it.
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;
  TDN_ASSERT(epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0);
}

EpollPoller::~EpollPoller() {
  ::close(wake_);
  ::close(epoll_);
}

void EpollPoller::poll(Instant until) {
  int timeout_ms = -1;
  if (until != kNever) {
    const Duration left = until - clock_.now();
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::max(left, Duration::zero()));
    timeout_ms = static_cast<int>(std::min<std::int64_t>(ms.count(), 3'600'000));
  }
  batch_->count = epoll_wait(epoll_, batch_->events.data(), static_cast<int>(batch_->events.size()),
                             timeout_ms);
  for (int i = 0; i < batch_->count; ++i) {
    const epoll_event& event = batch_->events[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr) {
      continue;  // the wake-up, or a source that was removed
    }
    Readiness ready;
    ready.gone = (event.events & (EPOLLHUP | EPOLLERR)) != 0;
    ready.finished = (event.events & EPOLLRDHUP) != 0;
    ready.readable = ready.finished || ready.gone || (event.events & EPOLLIN) != 0;
    ready.writable = (event.events & EPOLLOUT) != 0;
    static_cast<EpollSource*>(event.data.ptr)->on_ready(ready);
  }
  batch_->count = 0;
}

void EpollPoller::interrupt() {
  // The counter is never read: at one wake-up per nanosecond it is full after 500 years.
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(wake_, &one, sizeof one);
}

void EpollPoller::add(int fd, EpollSource& source) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &source;
  TDN_ASSERT(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
}

void EpollPoller::remove(int fd, EpollSource& source) {
  // No epoll_ctl: closing the descriptor, which follows, takes it out. A descriptor that was
  // inherited by a child would stay, hence CLOEXEC everywhere.
  static_cast<void>(fd);
  for (int i = 0; i < batch_->count; ++i) {
    epoll_event& event = batch_->events[static_cast<std::size_t>(i)];
    if (event.data.ptr == &source) {
      event.events = 0;
      event.data.ptr = nullptr;
    }
  }
}

}  // namespace tdn::io
