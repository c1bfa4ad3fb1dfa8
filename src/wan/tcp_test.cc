// A link over real sockets: what the kernel does of its own (ends, resets, its buffers) passes as
// it must.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "wan/link.h"
#include "wan/test_tcp.h"

namespace tdn::wan {
namespace {

using namespace std::chrono_literals;

class TcpLink : public TcpTest {
 protected:
  void SetUp() override {
    server = listen();
    link = std::make_unique<Link>(
        loop, network, random,
        LinkPlan{
            .from = "a", .to = "b", .listen = any_port(), .target = server->address(), .rtt = kRtt},
        listen());
    link->start();
  }
  void TearDown() override { finish(link->stop()); }
  // Both ends of a connection over the link.
  void open() {
    client = connect(link->address());
    target = *run(server->accept());
  }

  static constexpr Duration kRtt = 20ms;
  std::unique_ptr<io::Listener> server;
  std::unique_ptr<Link> link;
  std::unique_ptr<io::Stream> client;
  std::unique_ptr<io::Stream> target;
};

TEST_F(TcpLink, ARoundTripTakesAtLeastWhatItSays) {
  open();
  const Instant start = system_clock().now();
  ASSERT_TRUE(run(send(*client, "ping")).has_value());
  std::string buffer(16, '\0');
  ASSERT_EQ(run(io::read_some(*target, buffer)).value(), 4U);
  ASSERT_TRUE(run(send(*target, "pong")).has_value());
  ASSERT_EQ(run(io::read_some(*client, buffer)).value(), 4U);
  EXPECT_GE(system_clock().now() - start, kRtt);
}

TEST_F(TcpLink, ServesThatEndInGoodOrderEndInGoodOrderThereToo) {
  // Larger than all buffers on the way, and the end right behind the bytes.
  const std::string whole(8 << 20, 'x');
  for (const bool client_first : {true, false}) {
    open();
    ASSERT_TRUE(run(send(*client, "ask")).has_value());
    if (client_first) {
      client->shutdown();
      EXPECT_EQ(run(read_all(*target)).value(), "ask");
    }
    std::optional<Result<void>> sent;
    group.spawn(io::TestLoop::keep(send(*target, whole), sent));
    std::optional<Result<std::string>> got;
    group.spawn(io::TestLoop::keep(read_all(*client), got));
    run_until([&] { return sent.has_value(); });
    target->shutdown();
    run_until([&] { return got.has_value(); });
    ASSERT_TRUE(got->has_value()) << got->error().detail();
    EXPECT_EQ((*got)->size(), whole.size());
    client->shutdown();
    ASSERT_TRUE(run(read_all(*target)).has_value());
    run_until([&] { return link->counters().open == 0; });
  }
  EXPECT_EQ(link->counters().bytes_back, 2 * whole.size());
}

TEST_F(TcpLink, AResetOfEitherSideReachesTheOther) {
  open();
  client->abort();
  EXPECT_FALSE(run(read_all(*target)).has_value());
  open();
  target->abort();
  EXPECT_FALSE(run(read_all(*client)).has_value());
  run_until([&] { return link->counters().open == 0; });
}

TEST_F(TcpLink, AClientThatClosedWhileBytesComeStopsTheirSender) {
  open();
  client->close();
  // Its end arrives, bytes go back, the kernel says that nobody reads them, and that arrives too.
  EXPECT_EQ(run(read_all(*target)).value(), "");
  Result<void> sent;
  while (sent) {
    sent = run(send(*target, std::string(1000, 'x')));
    finish(pause());
  }
  run_until([&] { return link->counters().open == 0; });
}

TEST_F(TcpLink, ATargetThatRefusesResets) {
  server->close();
  client = connect(link->address());
  EXPECT_FALSE(run(read_all(*client)).has_value());
  EXPECT_EQ(link->counters().refused, 1U);
}

TEST_F(TcpLink, BackPressureReachesTheSender) {
  open();
  std::optional<Result<void>> sent;
  group.spawn(io::TestLoop::keep(send(*client, std::string(64 << 20, 'x')), sent));
  // Nobody reads: buffers fill, the link's among them, then nothing moves any more.
  std::uint64_t before = 1;
  while (link->counters().bytes_out != before) {
    before = link->counters().bytes_out;
    for (int i = 0; i < 20; ++i) {
      finish(pause());
    }
  }
  EXPECT_FALSE(sent.has_value());
  EXPECT_LT(before, std::uint64_t{32} << 20);
  target->abort();
  run_until([&] { return sent.has_value(); });
  EXPECT_FALSE(sent->has_value());
}

}  // namespace
}  // namespace tdn::wan
