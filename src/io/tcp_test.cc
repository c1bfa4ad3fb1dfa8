#include "io/tcp.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "io/task_group.h"

namespace tdn::io {
namespace {

using namespace std::chrono_literals;

// A real loop on real sockets; a task ends the test.
class Tcp : public ::testing::Test {
 protected:
  template <class T>
  T run(Task<T> task) {
    std::optional<T> value;
    group.spawn(keep(std::move(task), value));
    while (!value) {
      loop.run_once(kNever);
    }
    return std::move(*value);
  }
  template <class T>
  static Task<> keep(Task<T> task, std::optional<T>& value) {
    value.emplace(co_await task);
  }
  // Ends every strand. A test calls it before what its strands use goes away.
  void stop() {
    group.cancel();
    while (group.size() > 0) {
      loop.run_once(kNever);
    }
  }
  ~Tcp() override { stop(); }

  EpollPoller poller{system_clock()};
  Loop loop{system_clock(), poller};
  BlockingPool pool{1};
  TcpNetwork network{loop, poller, pool};
  TaskGroup group{loop};
};

Task<> echo(Listener& listener) {
  Result<std::unique_ptr<Stream>> stream = co_await listener.accept();
  if (!stream) {
    co_return;
  }
  char buffer[100];
  while (true) {
    const Result<std::size_t> count = co_await read_some(**stream, buffer);
    if (!count || *count == 0) {
      co_return;
    }
    const Result<void> sent = co_await write_all(**stream, std::string_view(buffer, *count));
    EXPECT_TRUE(sent.has_value());
  }
}

Task<Result<std::string>> ask(Network& network, Address address, std::string question) {
  TDN_CO_TRY(std::unique_ptr<Stream> stream, co_await network.connect(address));
  TDN_CO_TRY_VOID(co_await write_all(*stream, question));
  std::string answer;
  char buffer[7];
  while (answer.size() < question.size()) {
    TDN_CO_TRY(const std::size_t count, co_await read_some(*stream, buffer));
    answer.append(buffer, count);
  }
  co_return answer;
}

TEST_F(Tcp, CarriesBytesBothWays) {
  auto listener = network.listen(*Address::parse("127.0.0.1:0"), false);
  ASSERT_TRUE(listener.has_value());
  group.spawn(echo(**listener));
  const auto answer = run(ask(network, (*listener)->address(), "twenty characters ok"));
  EXPECT_EQ(answer, "twenty characters ok");
}

TEST_F(Tcp, ARefusedConnectionSaysSo) {
  auto listener = network.listen(*Address::parse("127.0.0.1:0"), false);
  const Address address = (*listener)->address();
  listener->reset();
  const auto answer = run(ask(network, address, "hello"));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), Code::kUnavailable);
  EXPECT_NE(answer.error().detail().find(to_string(address)), std::string::npos);
}

TEST_F(Tcp, APortInUseIsNamedWithTheRemedy) {
  auto first = network.listen(*Address::parse("127.0.0.1:0"), false);
  auto second = network.listen((*first)->address(), false);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().detail().find("choose another port"), std::string::npos);
}

Task<Wake> accept_until(Listener& listener, Instant deadline) {
  Context& context = co_await this_context();
  context.set_deadline(deadline);
  const auto stream = co_await listener.accept();
  co_return stream.error().code() == Code::kTimeout ? Wake::kTimeout : Wake::kReady;
}

TEST_F(Tcp, AcceptObeysTheDeadline) {
  auto listener = network.listen(*Address::parse("127.0.0.1:0"), false);
  EXPECT_EQ(run(accept_until(**listener, loop.now() + 2ms)), Wake::kTimeout);
}

// A connection that never completes: the backlog of a listener nobody accepts from, at its limit,
// drops further SYNs, so connect waits until its deadline.
Task<Code> connect_until(Network& network, Address address, Instant deadline) {
  Context& context = co_await this_context();
  context.set_deadline(deadline);
  const auto stream = co_await network.connect(address);
  co_return stream ? Code::kInternalError : stream.error().code();
}

TEST_F(Tcp, ACancelledOrLateConnectGivesUp) {
  // The past is the shortest deadline there is: the await must not park.
  auto listener = network.listen(*Address::parse("127.0.0.1:0"), false);
  EXPECT_EQ(run(connect_until(network, (*listener)->address(), loop.now())), Code::kTimeout);
}

TEST_F(Tcp, ResolvesNamesOnThePool) {
  const auto address = run(network.resolve("localhost", 80));
  ASSERT_TRUE(address.has_value());
  EXPECT_TRUE(address->is_loopback());
  EXPECT_EQ(address->port, 80);
}

struct WatchRecorder final : StreamWatcher {
  void on_event(Stream&, StreamEvent event) override {
    if (event == StreamEvent::kFinished) {
      finished.set();
    }
    if (event == StreamEvent::kGone) {
      gone.set();
    }
  }
  Event finished;
  Event gone;
};

Task<bool> watch_peer(Network& network, Listener& listener) {
  Result<std::unique_ptr<Stream>> client = co_await network.connect(listener.address());
  Result<std::unique_ptr<Stream>> server = co_await listener.accept();
  WatchRecorder recorder;
  (*server)->watch(&recorder);
  (*client)->shutdown();
  const Wake finished = co_await recorder.finished.wait();
  const bool half_closed = finished == Wake::kReady && !(*server)->peer_gone();
  (*client)->abort();
  const Wake gone = co_await recorder.gone.wait();
  co_return half_closed&& gone == Wake::kReady && (*server)->peer_gone();
}

TEST_F(Tcp, HalfCloseAndResetAreTwoThings) {
  auto listener = network.listen(*Address::parse("127.0.0.1:0"), false);
  EXPECT_TRUE(run(watch_peer(network, **listener)));
}

Task<> accept_all(Listener& listener, std::vector<std::unique_ptr<Stream>>& taken) {
  while (true) {
    Result<std::unique_ptr<Stream>> stream = co_await listener.accept();
    if (!stream) {
      co_return;
    }
    taken.push_back(std::move(*stream));
  }
}

TEST_F(Tcp, PausesAcceptingWithoutDescriptorsAndGoesOnWhenSomeAreFree) {
  auto listener = network.listen(*Address::parse("127.0.0.1:0"), false);
  const int next = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(next, 0);
  ::close(next);
  rlimit usual{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  rlimit tight = usual;
  tight.rlim_cur = static_cast<rlim_t>(next) + 4;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  std::vector<std::unique_ptr<Stream>> clients;
  while (true) {
    auto client = run(network.connect((*listener)->address()));
    if (!client) {
      EXPECT_EQ(client.error().code(), Code::kOverloaded);
      break;
    }
    clients.push_back(std::move(*client));
  }
  EXPECT_EQ(clients.size(), 4U);
  std::vector<std::unique_ptr<Stream>> taken;
  group.spawn(accept_all(**listener, taken));
  while ((*listener)->pauses() == 0) {
    loop.run_once(kNever);
  }
  EXPECT_TRUE(taken.empty());
  clients.resize(2);
  while (taken.size() < 2) {
    loop.run_once(kNever);
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
  while (taken.size() < 4) {
    loop.run_once(kNever);
  }
  stop();
}

TEST(Address, ParsesAndPrints) {
  EXPECT_EQ(to_string(*Address::parse("127.0.0.1:8080")), "127.0.0.1:8080");
  EXPECT_EQ(to_string(*Address::parse("[::1]:80")), "[::1]:80");
  EXPECT_TRUE(Address::parse("[::1]:80")->is_loopback());
  EXPECT_FALSE(Address::parse("10.0.0.1:80")->is_loopback());
  for (const char* bad :
       {"", "localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "::1:80"}) {
    EXPECT_FALSE(Address::parse(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace tdn::io
