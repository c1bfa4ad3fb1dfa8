#include "io/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "base/assert.h"

namespace tdn::io {
namespace {

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) {
    sigaddset(&set, signal);
  }
  return set;
}

}  // namespace

void block_signals(std::initializer_list<int> signals) {
  ::signal(SIGPIPE, SIG_IGN);
  const sigset_t set = set_of(signals);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

bool reader_is_gone(int fd) {
  pollfd out{.fd = fd, .events = 0, .revents = 0};
  return ::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

void unblock_all_signals() {
  sigset_t set;
  sigemptyset(&set);
  pthread_sigmask(SIG_SETMASK, &set, nullptr);
}

SignalWatcher::SignalWatcher(EpollPoller& poller, std::initializer_list<int> signals,
                             std::function<void(int)> on_signal)
    : poller_(poller), fd_(-1), on_signal_(std::move(on_signal)) {
  const sigset_t set = set_of(signals);
  fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  TDN_ASSERT(fd_ >= 0);
  poller_.add(fd_, *this);
}

SignalWatcher::~SignalWatcher() {
  poller_.remove(fd_, *this);
  ::close(fd_);
}

void SignalWatcher::on_ready(Readiness) {
  signalfd_siginfo info{};
  while (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    on_signal_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace tdn::io
