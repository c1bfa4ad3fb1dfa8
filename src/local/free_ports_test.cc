#include "local/free_ports.h"

#include <gtest/gtest.h>

#include <string>

#include "io/tcp.h"
#include "local/files.h"
#include "local/test_process.h"

namespace tdn::local {
namespace {

struct FreePortsTest : testing::Test, protected TestProcesses {
  // Listens until it is destroyed.
  std::unique_ptr<io::Listener> use(std::uint16_t port) {
    return network.listen(*io::Address::parse("127.0.0.1:" + std::to_string(port)), false).value();
  }

  io::BlockingPool pool{1};
  io::TcpNetwork network{loop, poller, pool};
  SeededRandom random{1};
  FreePorts ports{network, random};
};

TEST_F(FreePortsTest, WhatIsWantedIsGivenOnceIfItIsFree) {
  const std::uint16_t first = ports.choose(0).value();
  EXPECT_TRUE(ports.is_free(first)) << "nobody holds it";
  EXPECT_NE(ports.choose(first).value(), first) << "but it has been given away";
  FreePorts others{network, random};
  EXPECT_EQ(others.choose(first).value(), first);
  const auto taken = use(first);
  FreePorts late{network, random};
  EXPECT_FALSE(late.is_free(first));
  EXPECT_NE(late.choose(first).value(), first);
  EXPECT_FALSE(late.is_free(0));
}

TEST_F(FreePortsTest, NoneIsGivenTwiceAndNoneThatConnectionsMayGet) {
  const PortRange range = range_beside(*read_text("/proc/sys/net/ipv4/ip_local_port_range"));
  std::set<std::uint16_t> given;
  for (int i = 0; i < 300; ++i) {
    const std::uint16_t port = ports.choose(0).value();
    EXPECT_TRUE(given.insert(port).second) << port;
    if (range.first != 0) {
      EXPECT_GE(port, range.first);
      EXPECT_LE(port, range.last);
    }
  }
}

TEST(PortRange, IsWhatTheSystemLeaves) {
  EXPECT_EQ(range_beside("32768\t60999\n"), (PortRange{.first = 10'240, .last = 32'767}));
  EXPECT_EQ(range_beside("1024 40000\n"), (PortRange{.first = 40'001, .last = 65'535}));
  EXPECT_EQ(range_beside("1024 65535\n"), PortRange{});
  EXPECT_EQ(range_beside("1024 5000"), (PortRange{.first = 10'240, .last = 65'535}));
  for (const char* text : {"", "x", "1024", "40000 1024", "1024 99999"}) {
    EXPECT_EQ(range_beside(text), PortRange{}) << text;
  }
}

TEST_F(FreePortsTest, APortInUseIsToldWithItsPurposeAndTheRemedy) {
  const std::uint16_t port = ports.choose(0).value();
  auto taken = use(port);
  const std::string why = ports.require(port, "gateway of paris").error().detail();
  EXPECT_EQ(why.find("port " + std::to_string(port) + ", for the gateway of paris: cannot listen"),
            0U)
      << why;
  EXPECT_NE(why.find("--ports auto"), std::string::npos);
  taken.reset();
  EXPECT_TRUE(ports.require(port, "gateway of paris").has_value());
  EXPECT_TRUE(ports.is_free(port)) << "asking does not hold it";
}

}  // namespace
}  // namespace tdn::local
