#include "wan/config.h"

#include <gtest/gtest.h>

#include "wan/report.h"

namespace tdn::wan {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kText = R"(control: {tokenFile: wan/token}
links:
  - {from: berlin, to: frankfurt, target: "127.0.0.1:8080", rttMs: 9.25}
  - from: paris
    to: frankfurt
    listen: "127.0.0.1:9000"
    target: "127.0.0.1:8083"
    rttMs: 10
    jitterMs: 2
    bytesPerSecond: 125000000
)";

TEST(Config, IsReadWithItsDefaults) {
  const Config config = parse_config(kText, "wan.yaml").value();
  EXPECT_EQ(config.token_file, "wan/token");
  EXPECT_EQ(config.control, any_port());
  ASSERT_EQ(config.links.size(), 2U);
  EXPECT_EQ(config.links[0].rtt, 9250us);
  EXPECT_EQ(config.links[0].listen, any_port());
  EXPECT_EQ(config.links[0].bytes_per_second, 0U);
  EXPECT_EQ(config.links[1].listen, io::Address::parse("127.0.0.1:9000").value());
  EXPECT_EQ(config.links[1].jitter, 2ms);
  EXPECT_EQ(config.links[1].bytes_per_second, 125'000'000U);
  EXPECT_EQ(names_of(config.links), (Names{"berlin", "frankfurt", "paris"}));
}

TEST(Config, IsReadAsItIsWritten) {
  const Config config = parse_config(kText, "wan.yaml").value();
  EXPECT_EQ(parse_config(to_json(config), "again").value(), config);
}

// What is wrong, and where it is told to be.
struct Wrong {
  std::string_view text;
  std::string_view told;
};

TEST(Config, ThatIsWrongIsToldWithItsPlaceAndRemedy) {
  const std::vector<Wrong> all = {
      {"", "wan.yaml: 0 documents"},
      {"links: []\n", "wan.yaml:1:1: control and links are needed"},
      {"control: {tokenFile: t}\nlinks: []\n", "wan.yaml:2:8: links must be a list of 1 to"},
      {"control: {}\nlinks: [{}]\n", "wan.yaml:1:10: tokenFile is missing"},
      {"control: {tokenFile: t}\nlinks:\n- {from: a}\n", "wan.yaml:3:3: to is missing"},
      {"control: {tokenFile: t}\nlinks:\n- {from: a, to: a, target: \"127.0.0.1:1\", rttMs: 1}\n",
       "a link from a to itself"},
      {"control: {tokenFile: t}\nlinks:\n- {from: a, to: b, target: \"10.0.0.1:1\", rttMs: 1}\n",
       "wan.yaml:3:28: target: give an address on loopback"},
      {"control: {tokenFile: t}\nlinks:\n- {from: a, to: b, target: \"127.0.0.1:1\", rttMs: -1}\n",
       "rttMs must be a number from 0 to 60000"},
      {"control: {tokenFile: t}\nlinks:\n- {from: a, to: b, target: \"127.0.0.1:1\", rttMs: 1, "
       "bytesPerSecond: 0.5}\n",
       "bytesPerSecond is 0, for no bound, or at least 1"},
      {"control: {tokenFile: t}\nlinks:\n- {from: a, to: b, target: \"127.0.0.1:1\", rttMs: nan}\n",
       "rttMs must be a number from 0 to 60000"},
      {"control: {tokenFile: t}\nlinks:\n- {from: a, to: b, target: \"127.0.0.1:1\", rttMs: 1, "
       "loss: 3}\n",
       "unknown field loss"},
      {"control: {tokenFile: t}\nlinks:\n- {from: a, to: b, target: \"127.0.0.1:1\", rttMs: 1}\n"
       "- {from: a, to: b, target: \"127.0.0.1:1\", rttMs: 1}\n",
       "wan.yaml:4:3: a second link from a to b"},
      {"control: {tokenFile: t}\nlinks: [a\n", "wan.yaml:"},
  };
  for (const Wrong& wrong : all) {
    const auto config = parse_config(wrong.text, "wan.yaml");
    ASSERT_FALSE(config.has_value()) << wrong.text;
    EXPECT_EQ(config.error().code(), Code::kInvalid);
    EXPECT_NE(config.error().detail().find(wrong.told), std::string::npos)
        << config.error().detail();
  }
}

TEST(WanReport, IsReadAsItIsWritten) {
  const WanReport report{.wan = "http://127.0.0.1:1",
                         .links = {{"a", "b", io::Address::parse("127.0.0.1:9").value()}},
                         .pid = 7};
  const WanReport again = parse_wan_report(to_json(report)).value();
  EXPECT_EQ(again.wan, report.wan);
  EXPECT_EQ(again.links, report.links);
  EXPECT_EQ(again.pid, 7);
  EXPECT_FALSE(parse_wan_report("{}").has_value());
  EXPECT_FALSE(parse_wan_report(R"({"wan":"x","links":[{"address":"nowhere"}]})").has_value());
}

}  // namespace
}  // namespace tdn::wan
