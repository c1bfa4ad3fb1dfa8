#include "cli/chaos.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "cli/test_screen.h"
#include "io/tcp.h"
#include "local/breaker.h"
#include "local/files.h"

namespace tdn::cli {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// A door that answers one thing, over real sockets.
class ChaosTest : public testing::Test, protected wan::DoorHost {
 protected:
  ~ChaosTest() override {
    std::filesystem::remove_all(folder);
    if (door) {
      group.spawn(door->drain());
    }
    group.cancel();
    while (group.size() > 0) {
      loop.run_once(kNever);
    }
  }
  io::Task<Result<std::string>> answer(wan::DoorRequest request) override {
    asked = request.method + " " + request.path + " " + request.body;
    co_return reply;
  }
  void open() {
    wan::DoorHost& host = *this;
    door.emplace(loop, *network.listen(*io::Address::parse("127.0.0.1:0"), false), Secret("t"),
                 host);
    door->start();
    write("http://" + to_string(door->address()));
  }
  void write(const std::string& url) {
    std::filesystem::create_directories(folder);
    ASSERT_TRUE(
        local::write_private(local::chaos_file(folder), R"({"url":")" + url + R"(","token":"t"})")
            .has_value());
  }
  int run(ChaosOptions options) {
    options.state = folder;
    screen.emplace();
    std::optional<int> status;
    const WallTime now{1'767'225'690'000'000};  // 2026-01-01T00:01:30Z
    group.spawn(keep(chaos(network, std::move(options), now, screen->screen()), status));
    while (!status) {
      loop.run_once(kNever);
    }
    return *status;
  }
  static io::Task<> keep(io::Task<int> task, std::optional<int>& status) { status = co_await task; }

  const std::string folder = fmt::format("{}tdn-chaos-{}", testing::TempDir(), ::getpid());
  io::EpollPoller poller{system_clock()};
  io::Loop loop{system_clock(), poller};
  io::BlockingPool pool{1};
  io::TcpNetwork network{loop, poller, pool};
  io::TaskGroup group{loop};
  std::optional<wan::Door> door;
  std::optional<TestScreen> screen;
  std::string asked;
  Result<std::string> reply{R"({"broken":[]})"};
};

TEST_F(ChaosTest, ListsWhatIsBrokenAndSinceWhen) {
  open();
  EXPECT_EQ(run({.list = true}), 0);
  EXPECT_EQ(asked, "GET /v1/chaos ");
  EXPECT_EQ(screen->out(), "nothing is broken\n");
  reply = R"({"broken":[{"what":"slow","target":"paris","addedMs":200,)"
          R"("since":"2026-01-01T00:00:00.000000Z"}]})";
  EXPECT_EQ(run({.list = true}), 0);
  EXPECT_THAT(screen->out(),
              testing::MatchesRegex("WHAT +TARGET +BY +FOR +SINCE\n"
                                    "slow +paris +200 ms +90 s +2026-01-01T00:00:00.000000Z\n"));
  EXPECT_EQ(run({.list = true, .json = true}), 0);
  EXPECT_THAT(screen->out(), HasSubstr(R"("target": "paris")"));
}

TEST_F(ChaosTest, AsksForWhatItWasToldAndShowsWhatHoldsThen) {
  open();
  EXPECT_EQ(run({.request = {.harm = local::Harm::kSlow, .target = "paris", .added = 50ms}}), 0);
  EXPECT_EQ(asked, R"(POST /v1/chaos {"action":"slow","target":"paris","addedMs":50})");
  EXPECT_EQ(run({}), 0);
  EXPECT_EQ(asked, R"(POST /v1/chaos {"action":"heal","target":"","addedMs":0})");
}

TEST_F(ChaosTest, TellsARefusalInTheWordsOfTheNetwork) {
  open();
  reply = fail(Code::kInvalid, "there is no site 'rome'");
  EXPECT_EQ(run({.request = {.harm = local::Harm::kKill, .target = "rome", .added = {}}}), 1);
  EXPECT_THAT(screen->err(), HasSubstr("there is no site 'rome'"));
  EXPECT_EQ(screen->out(), "");
}

TEST_F(ChaosTest, SaysWhenNoNetworkRuns) {
  EXPECT_EQ(run({.list = true}), 1);
  EXPECT_THAT(screen->err(), HasSubstr("no network runs in " + folder));
  // One that ended without a word left its file.
  const auto gone = network.listen(*io::Address::parse("127.0.0.1:0"), false).value();
  write("http://" + to_string(gone->address()));
  gone->close();
  EXPECT_EQ(run({.list = true}), 1);
  EXPECT_THAT(screen->err(), HasSubstr("no network runs in "));
  write("");
  EXPECT_EQ(run({.list = true}), 1);
  EXPECT_THAT(screen->err(), HasSubstr("says no address"));
}

}  // namespace
}  // namespace tdn::cli
