// TCP on this machine, over one EpollPoller: the real `Network`. TCP_NODELAY everywhere, CLOEXEC
// and non-blocking always.
//
// Belongs to the poller's thread.
#pragma once

#include "io/blocking_pool.h"
#include "io/epoll.h"
#include "io/network.h"

namespace tdn::io {

class TcpNetwork final : public Network {
 public:
  // All borrowed.
  TcpNetwork(Loop& loop, EpollPoller& poller, BlockingPool& pool)
      : loop_(loop), poller_(poller), pool_(pool) {}

  Task<Result<std::unique_ptr<Stream>>> connect(Address to) override;
  Result<std::unique_ptr<Listener>> listen(Address at, bool shared) override;
  Task<Result<Address>> resolve(std::string host, std::uint16_t port) override;

 private:
  Loop& loop_;
  EpollPoller& poller_;
  BlockingPool& pool_;
};

}  // namespace tdn::io
