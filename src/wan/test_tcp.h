// For tests: real sockets on loopback, on one thread.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "base/random.h"
#include "io/tcp.h"
#include "io/test_loop.h"

namespace tdn::wan {

class TcpTest : public ::testing::Test {
 protected:
  ~TcpTest() override {
    group.cancel();
    run_until([this] { return group.size() == 0; });
  }
  template <class T>
  T run(io::Task<T> task) {
    std::optional<T> value;
    group.spawn(io::TestLoop::keep(std::move(task), value));
    run_until([&] { return value.has_value(); });
    return std::move(*value);
  }
  template <class Condition>
  void run_until(Condition done) {
    while (!done()) {
      loop.run_once(kNever);
    }
  }
  void finish(io::Task<> task) {
    bool ended = false;
    group.spawn(mark(std::move(task), ended));
    run_until([&] { return ended; });
  }
  static io::Task<> mark(io::Task<> task, bool& ended) {
    co_await task;
    ended = true;
  }
  // A little time passes.
  static io::Task<> pause() { co_await io::sleep_for(std::chrono::milliseconds(5)); }
  std::unique_ptr<io::Listener> listen() {
    return *network.listen(*io::Address::parse("127.0.0.1:0"), false);
  }
  std::unique_ptr<io::Stream> connect(io::Address address) {
    return *run(network.connect(address));
  }
  // All until the end, or the error that came before it.
  static io::Task<Result<std::string>> read_all(io::Stream& stream) {
    std::string all;
    std::string buffer(65536, '\0');
    while (true) {
      TDN_CO_TRY(const std::size_t count, co_await io::read_some(stream, buffer));
      if (count == 0) {
        co_return all;
      }
      all.append(buffer, 0, count);
    }
  }
  static io::Task<Result<void>> send(io::Stream& stream, std::string bytes) {
    co_return co_await io::write_all(stream, bytes);
  }

  io::EpollPoller poller{system_clock()};
  io::Loop loop{system_clock(), poller};
  io::BlockingPool pool{1};
  io::TcpNetwork network{loop, poller, pool};
  io::TaskGroup group{loop};
  SeededRandom random{7};
};

}  // namespace tdn::wan
