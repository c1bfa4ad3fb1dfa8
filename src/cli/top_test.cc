#include "cli/top.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/table.h"
#include "cli/test_screen.h"
#include "client/test_control.h"

namespace tdn::cli {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr WallTime kNow{1'767'225'600'000'000};  // 2026-01-01

constexpr const char* kNetwork =
    R"({"sites":[{"name":"frankfurt","state":"active","connected":true,)"
    R"("lastSync":"2025-12-31T23:59:58Z","snapshot":{"controlEpoch":"1","version":"7"},)"
    R"("acked":"140","endpoints":[{"name":"frankfurt-1","health":"up","running":2,"waiting":1,)"
    R"("tokensPerSecond":41,"ttftMs":180},{"name":"frankfurt-2","health":"down","running":0,)"
    R"("waiting":0,"tokensPerSecond":0,"ttftMs":null}]},)"
    R"({"name":"paris","state":"active","connected":false,"lastSync":null,"snapshot":null,)"
    R"("acked":"0","endpoints":[]},)"
    R"({"name":"oslo","state":"deleted","connected":false,"lastSync":null,"snapshot":null,)"
    R"("acked":"9","endpoints":[]}]})";

client::NetworkView view() { return *client::read_network(*codec::yaml::from_json(kNetwork)); }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(Top, ShowsSumsAndALineForEachEndpoint) {
  EXPECT_EQ(render_top(view(), kNow, {}, false),
            "sites 1/2   running 2   waiting 1   tokens/s 41   00:00:00\n"
            "\n"
            "SITE       STATE   SYNCED  ENDPOINT     HEALTH  RUN  WAIT  TOKENS/S   TTFT\n"
            "frankfurt  active      2s  frankfurt-1  up        2     1        41  180ms\n"
            "                           frankfurt-2  down      0     0         0      -\n"
            "paris      away         -  -            -         -     -         -      -\n");
}

TEST(Top, AQuarantinedSiteIsShownAsThat) {
  std::string text = kNetwork;
  const std::string state = R"("connected":true,)";
  text.replace(text.find(state), state.size(), state + R"("quarantine":"epoch 1 has two logs",)");
  EXPECT_THAT(render_top(*client::read_network(*codec::yaml::from_json(text)), kNow, {}, false),
              testing::HasSubstr("frankfurt  quarantined"));
  text.replace(text.find(R"("epoch 1 has two logs")"), 22, "null");
  EXPECT_THAT(render_top(*client::read_network(*codec::yaml::from_json(text)), kNow, {}, false),
              testing::HasSubstr("frankfurt  active"));
}

TEST(Top, FitsWhateverWindowThereIs) {
  client::NetworkView network = view();
  for (int i = 0; i < 40; ++i) {
    network.sites.push_back(network.sites[0]);
    network.sites.back().name = "a-site-with-a-name-that-is-rather-long-" + std::to_string(i);
  }
  for (const std::size_t width : {20U, 80U, 200U}) {
    for (const std::size_t height : {1U, 5U, 24U, 200U}) {
      const auto lines = lines_of(render_top(network, kNow, {width, height}, false));
      for (const std::string& line : lines) {
        EXPECT_LE(width_of(line), width) << line;
      }
      EXPECT_LT(lines.size(), std::max<std::size_t>(height, 6)) << "a last line that ends scrolls";
    }
  }
  EXPECT_THAT(render_top(network, kNow, {80, 24}, false), HasSubstr("and 64 more; enlarge"));
}

struct TopTest : testing::Test, Display {
  client::TestControl control;
  client::ControlClient client = control.client();
  TestScreen said;
  std::vector<std::string> drawn;

  [[nodiscard]] WindowSize size() const override { return {}; }
  void draw(const std::string& picture) override { drawn.push_back(picture); }
};

TEST_F(TopTest, OnceIsTheWholeTableHoweverSmallTheWindow) {
  control.replies["GET /api/v1/network"] = {200, kNetwork};
  EXPECT_EQ(control.loop.run(top_once(client, {}, kNow, said.screen())), 0);
  EXPECT_EQ(said.out(), render_top(view(), kNow, {0, 0}, false));
}

TEST_F(TopTest, JsonIsWhatControlSaid) {
  control.replies["GET /api/v1/network"] = {200, kNetwork};
  const TopOptions options{.json = true};
  EXPECT_EQ(control.loop.run(top_once(client, options, kNow, said.screen())), 0);
  EXPECT_THAT(said.out(), HasSubstr("\"tokensPerSecond\": 41,"));
}

TEST_F(TopTest, LiveItAsksAgainEachIntervalTellsAControlThatIsAwayAndQuitsAtOnce) {
  control.replies["GET /api/v1/network"] = {200, kNetwork};
  LiveTop top(client, *this, control.loop.clock, {.interval_seconds = 2}, false);
  control.loop.group.spawn(top.run());
  control.loop.settle();
  ASSERT_EQ(drawn.size(), 1U);
  EXPECT_THAT(drawn[0], HasSubstr("frankfurt-1"));
  control.loop.advance(1999ms);
  EXPECT_EQ(drawn.size(), 1U);
  top.draw();  // another size
  EXPECT_EQ(drawn.size(), 2U);
  control.away = true;
  control.loop.advance(1ms);
  ASSERT_EQ(drawn.size(), 3U);
  EXPECT_THAT(drawn[2], HasSubstr("control is not running"));
  EXPECT_THAT(drawn[2], HasSubstr("trying again; q quits"));
  control.away = false;
  control.loop.advance(2s);
  EXPECT_THAT(drawn.at(3), HasSubstr("frankfurt-1"));
  top.quit();
  control.loop.settle();
  EXPECT_EQ(control.loop.group.size(), 0U);
}

}  // namespace
}  // namespace tdn::cli
