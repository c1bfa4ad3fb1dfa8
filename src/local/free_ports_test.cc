#include "local/free_ports.h"

#include <gtest/gtest.h>

#include "io/tcp.h"
#include "local/test_process.h"

namespace tdn::local {
namespace {

struct FreePortsTest : testing::Test, protected TestProcesses {
  io::BlockingPool pool{1};
  io::TcpNetwork network{loop, poller, pool};
  FreePorts ports{network};
};

TEST_F(FreePortsTest, WhatWasTakenIsHeldUntilItIsReleased) {
  const std::uint16_t first = ports.take(0).value();
  EXPECT_FALSE(ports.is_free(first));
  EXPECT_NE(ports.take(first).value(), first);
  ports.release();
  EXPECT_TRUE(ports.is_free(first));
  EXPECT_EQ(ports.take(first).value(), first);
  EXPECT_FALSE(ports.is_free(0));
}

TEST_F(FreePortsTest, APortInUseIsToldWithItsPurposeAndTheRemedy) {
  const std::uint16_t port = ports.take(0).value();
  const std::string why = ports.require(port, "gateway of paris").error().detail();
  EXPECT_EQ(why.find("port " + std::to_string(port) + ", for the gateway of paris: cannot listen"),
            0U)
      << why;
  EXPECT_NE(why.find("--ports auto"), std::string::npos);
  ports.release();
  EXPECT_TRUE(ports.require(port, "gateway of paris").has_value());
  EXPECT_TRUE(ports.is_free(port)) << "asking does not hold it";
}

}  // namespace
}  // namespace tdn::local
