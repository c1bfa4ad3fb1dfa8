#include "client/network.h"

#include <gtest/gtest.h>

namespace tdn::client {
namespace {

NetworkView read(std::string_view json) {
  const auto network = read_network(*codec::yaml::from_json(json));
  EXPECT_TRUE(network.has_value());
  return network.value_or(NetworkView{});
}

TEST(Network, IsItsSitesAndTheirEndpoints) {
  const NetworkView network = read(
      R"({"sites":[{"name":"paris","state":"active","connected":true,)"
      R"("lastSync":"2026-01-01T00:00:00Z","snapshot":{"controlEpoch":"2","version":"11"},)"
      R"("acked":"18446744073709551615","endpoints":[{"name":"paris-1","health":"up","running":3,)"
      R"("waiting":1,"tokensPerSecond":41.7,"ttftMs":180},{"name":"paris-2","health":"down","ttftMs":0}]}]})");
  const SiteView* paris = network.find("paris");
  ASSERT_NE(paris, nullptr);
  EXPECT_TRUE(paris->connected);
  EXPECT_EQ(paris->last_sync, (WallTime{1'767'225'600'000'000}));
  EXPECT_EQ(paris->snapshot, "2.11");
  EXPECT_EQ(paris->acked, "18446744073709551615");
  const EndpointView* first = paris->find("paris-1");
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->running, 3U);
  EXPECT_EQ(first->tokens_per_second, 41U);
  EXPECT_EQ(first->ttft_ms, 180U);
  EXPECT_EQ(paris->find("paris-2")->ttft_ms, std::nullopt);
  EXPECT_EQ(paris->find("paris-3"), nullptr);
  EXPECT_EQ(network.find("rome"), nullptr);
}

TEST(Network, ASiteThatNeverCameHasNoTimeAndNoSnapshot) {
  const NetworkView network =
      read(R"({"sites":[{"name":"a","state":"active","connected":false,"lastSync":null,)"
           R"("snapshot":null,"acked":"0","endpoints":[]}]})");
  EXPECT_FALSE(network.sites.at(0).connected);
  EXPECT_EQ(network.sites.at(0).last_sync, std::nullopt);
  EXPECT_EQ(network.sites.at(0).snapshot, "");
}

TEST(Network, SomethingElseIsRefused) {
  EXPECT_FALSE(read_network(*codec::yaml::from_json("{\"items\":[]}")).has_value());
}

}  // namespace
}  // namespace tdn::client
