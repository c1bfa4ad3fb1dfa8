#include "local/up.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>

#include "io/tcp.h"
#include "local/files.h"
#include "local/test_process.h"
#include "scenario/builtin.h"

namespace tdn::local {
namespace {

using namespace std::chrono_literals;

// A network of shell scripts: each says in its ready file that it listens where this test does, and
// the test answers every request with 200.
class UpTest : public ::testing::Test, protected TestProcesses {
 protected:
  UpTest() {
    listener = network.listen(*io::Address::parse("127.0.0.1:0"), false).value();
    answering.spawn(answer_all());
    url = "http://" + to_string(listener->address());
  }
  ~UpTest() override {
    if (up && !outcome) {
      up->stop();
      up->stop();
      until([&] { return outcome.has_value(); }, 10ms);
    }
    answering.cancel();
    until([&] { return answering.size() == 0; });
  }

  io::Task<> answer_all() {
    while (true) {
      Result<std::unique_ptr<io::Stream>> stream = co_await listener->accept();
      if (!stream) {
        co_return;
      }
      std::array<char, 4096> request{};
      const Result<std::size_t> received = co_await io::read_some(**stream, request);
      asked.emplace_back(request.data(), received.value_or(0));
      constexpr std::string_view kYes =
          "HTTP/1.1 200 OK\r\ncontent-length: 12\r\nconnection: close\r\n\r\n{\"items\":[]}";
      const Result<void> sent = co_await io::write_all(**stream, kYes);
      EXPECT_TRUE(sent.has_value());
    }
  }

  // `roles` is the body of a `case $role in` that sets $text, what the ready file says.
  void start(const std::string& roles, std::string_view scenario = "") {
    const std::string program = folder / "tdn";
    EXPECT_TRUE(write_private(program,
                              "#!/bin/sh\nrole=$1\necho \"$@\"\nwhile [ $# -gt 1 ]; do\n"
                              "[ $1 = --ready-file ] && ready=$2\nshift\ndone\ncase $role in\n" +
                                  roles +
                                  "\nesac\necho \"$text\" >$ready.new\nmv $ready.new $ready\n"
                                  "exec tail -f /dev/null\n")
                    .has_value());
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    state.emplace(StateFolder::open(folder / "state").value());
    UpOptions options;
    options.program = program;
    options.shown_program = "tdn";
    options.ports.first = 0;
    options.sites = default_sites();
    if (!scenario.empty()) {
      options.scenario = scenario::builtin_scenario(scenario);
    }
    options.ready_file = folder / "ready.json";
    EXPECT_TRUE(write_private(state->file("control/operator-token"), "token\n").has_value());
    up.emplace(loop, poller, network, *state, random, options,
               [this](std::string_view text) { said += text; });
    group.spawn(keep());
  }
  io::Task<> keep() { outcome.emplace(co_await up->run()); }

  [[nodiscard]] std::string serving_engine() const {
    return fmt::format(
        R"(engine) text='{{"engine":"{}","model":"simulated","contextLength":8192,"simulated":true}}' ;;)",
        url);
  }
  [[nodiscard]] std::string serving_edge() const {
    return fmt::format(R"(edge) text='{{"gateway":"{0}","admin":"{0}"}}' ;;)", url);
  }
  [[nodiscard]] std::string serving_control() const {
    return fmt::format(R"(control) text='{{"control":"{}","controlKey":"KEY="}}' ;;)", url);
  }
  // Links of Paris, and the door, which is this test's too.
  [[nodiscard]] std::string serving_wan() const {
    return fmt::format(
        R"(wan) text='{{"wan":"{}","links":[{{"from":"paris","to":"frankfurt","address":"127.0.0.1:7001"}},)"
        R"({{"from":"paris","to":"control","address":"127.0.0.1:7002"}},)"
        R"({{"from":"lyon","to":"paris","address":"127.0.0.1:7003"}}]}}' ;;)",
        url);
  }
  // What the door of the network answers.
  std::string ask(ChaosRequest request) {
    std::string told;
    group.spawn(knock(std::move(request), told));
    until([&] { return !told.empty(); }, 10ms);
    return told;
  }
  io::Task<> knock(ChaosRequest request, std::string& told) {
    const wan::DoorKey key = read_chaos_file(chaos_file(state->path())).value();
    wan::DoorRequest ask{.method = "POST", .path = "/v1/chaos", .body = to_json(request)};
    const auto answer = co_await wan::ask_door(network, key, std::move(ask), 5s);
    told = answer ? codec::yaml::to_json_line(*answer) : answer.error().detail();
  }
  [[nodiscard]] std::string serving() const {
    return serving_engine() + serving_control() + serving_edge();
  }
  [[nodiscard]] std::string ready_text() const {
    return read_text(folder / "ready.json").value_or("");
  }
  // What the part was started with, the last time.
  [[nodiscard]] std::string words_of(const std::string& part) const {
    const std::string log = read_text(state->file("logs/" + part + ".log")).value_or("");
    const std::size_t end = log.rfind("\n", log.size() - 2);
    return log.substr(end == log.npos ? 0 : end + 1);
  }
  static int pid_after(const std::string& text, const std::string& field) {
    const std::size_t at = text.find(field);
    return at == text.npos ? 0 : std::atoi(text.c_str() + at + field.size());
  }

  io::BlockingPool pool{1};
  io::TcpNetwork network{loop, poller, pool};
  io::TaskGroup answering{loop};
  std::unique_ptr<io::Listener> listener;
  std::string url;
  std::vector<std::string> asked;
  std::optional<StateFolder> state;
  SeededRandom random{7};
  std::optional<LocalNetwork> up;
  std::optional<Result<void>> outcome;
  std::string said;
};

TEST_F(UpTest, TellsWhenEveryPartAnswersAndStopsCleanly) {
  start(serving());
  until([&] { return !ready_text().empty(); }, 10ms);
  const std::string key = read_text(folder / "state/demo-key").value();
  EXPECT_NE(ready_text().find("\"key\":\"" + key.substr(0, key.size() - 1)), std::string::npos);
  EXPECT_NE(ready_text().find("\"operatorToken\":\"token\",\"model\":\"smollm2\""),
            std::string::npos);
  EXPECT_NE(said.find("starting control and three sites with simulated engines\n"),
            std::string::npos);
  EXPECT_NE(said.find("SIMULATED"), std::string::npos);
  EXPECT_NE(said.find("curl -N " + url), std::string::npos);
  const auto was_asked = [&](const std::string& path) {
    return std::count_if(asked.begin(), asked.end(), [&](const std::string& request) {
      return request.starts_with(path + " ");
    });
  };
  EXPECT_EQ(was_asked("POST /api/v1/apply"), 1);
  EXPECT_EQ(was_asked("GET /health"), 3);
  EXPECT_EQ(was_asked("GET /readyz"), 4);
  EXPECT_EQ(was_asked("GET /v1/models"), 3);

  up->stop();
  until([&] { return outcome.has_value(); });
  EXPECT_TRUE(outcome->has_value());
  EXPECT_EQ(ready_text(), "") << "the ready file of a stopped network is removed";
}

TEST_F(UpTest, EachEdgeKnowsItsPlaceControlAndTheOtherEdges) {
  start(serving());
  until([&] { return !ready_text().empty(); }, 10ms);
  const PortPlan plan = parse_port_plan(read_text(state->file("ports.json")).value()).value();
  const auto address = [&](const std::string& site) {
    return fmt::format("127.0.0.1:{} ", plan.sites.at(site).peers);
  };
  const std::string words = words_of("paris-edge");
  for (const std::string& part :
       {std::string("edge --site paris "), "--control " + url + " --control-key KEY= ",
        "--node-secret " + state->file("sites/paris/node-secret "), "--peers " + address("paris"),
        "--dial frankfurt=" + address("frankfurt"), "--dial ashburn=" + address("ashburn")}) {
    EXPECT_NE(words.find(part), std::string::npos) << part << " in " << words;
  }
  EXPECT_EQ(words.find("--dial paris"), std::string::npos);
  EXPECT_NE(words_of("control").find("control --state " + state->file("control ")),
            std::string::npos);
}

TEST_F(UpTest, WithAScenarioEdgesReachOthersAndControlThroughTheLinks) {
  start(serving() + serving_wan(), "three");
  until([&] { return !ready_text().empty(); }, 10ms);
  const std::string words = words_of("paris-edge");
  EXPECT_NE(words.find("--dial frankfurt=127.0.0.1:7001 "), std::string::npos) << words;
  EXPECT_NE(words.find("--control http://127.0.0.1:7002 "), std::string::npos) << words;
  const wan::Config config =
      wan::parse_config(read_text(state->file("wan.json")).value(), "").value();
  const auto link = std::ranges::find_if(config.links, [](const wan::LinkPlan& one) {
    return one.from == "paris" && one.to == "frankfurt";
  });
  ASSERT_NE(link, config.links.end());
  EXPECT_NE(link->listen.port, 0) << "another start of the links listens where this one does";
  EXPECT_NE(ready_text().find(R"("scenario":"three","cities":[{"name":"lyon")"), std::string::npos);
  EXPECT_NE(ready_text().find(R"("gateways":{"paris":"http://127.0.0.1:7003"})"),
            std::string::npos);
  EXPECT_EQ(ready_text().find(R"("wan":null)"), std::string::npos);
  EXPECT_NE(read_text(state->file("cities.json")).value().find("http://127.0.0.1:7003"),
            std::string::npos);
  EXPECT_NE(said.find("lyon            paris         http://127.0.0.1:7003"), std::string::npos)
      << said;
  EXPECT_NE(ask({.harm = Harm::kCut, .target = "paris-frankfurt", .added = {}})
                .find(R"("target":"frankfurt-paris")"),
            std::string::npos);
  EXPECT_TRUE(std::ranges::any_of(asked, [](const std::string& request) {
    return request.starts_with("PUT /v1/faults ") &&
           request.find(R"("target":"frankfurt-paris","state":"cut")") != request.npos;
  }));
}

TEST_F(UpTest, WhatIsKilledStaysDownUntilItIsHealed) {
  start(serving());
  until([&] { return !ready_text().empty(); }, 10ms);
  const std::string before = ready_text();
  EXPECT_NE(ask({.harm = Harm::kKill, .target = "paris", .added = {}}).find(R"("what":"kill")"),
            std::string::npos);
  until([&] {
    return said.find("engine of paris was killed, and stays down") != said.npos &&
           said.find("edge of paris was killed, and stays down") != said.npos;
  });
  EXPECT_EQ(said.find("starting it again"), std::string::npos) << said;
  EXPECT_NE(ask({.harm = Harm::kCut, .target = "paris", .added = {}}).find("--scenario three"),
            std::string::npos);
  EXPECT_EQ(ask({.harm = {}, .target = "paris", .added = {}}), "{\"broken\":[]}\n");
  until([&] { return ready_text() != before; }, 10ms);
  EXPECT_NE(said.find("edge of paris is back"), std::string::npos);
}

TEST_F(UpTest, StopsWhileThingsAreBroken) {
  start(serving());
  until([&] { return !ready_text().empty(); }, 10ms);
  ask({.harm = Harm::kPause, .target = "paris", .added = {}});
  ask({.harm = Harm::kPause, .target = "control", .added = {}});
  ask({.harm = Harm::kKill, .target = "ashburn", .added = {}});
  up->stop();
  until([&] { return outcome.has_value(); }, 10ms);
  EXPECT_TRUE(outcome->has_value()) << outcome->error().detail();
  EXPECT_FALSE(std::filesystem::exists(chaos_file(state->path())));
}

TEST_F(UpTest, APartThatDiesComesBackOnItsPortAndTheReadyFileNamesItsNewProcess) {
  start(serving());
  until([&] { return !ready_text().empty(); }, 10ms);
  const std::string words = words_of("paris-engine");
  EXPECT_NE(words.find("--listen 127.0.0.1:"), std::string::npos) << words;
  EXPECT_EQ(words.find("--listen 127.0.0.1:0 "), std::string::npos) << words;
  const std::string before = ready_text();
  const std::size_t paris = before.find(R"("name":"paris")");
  const std::size_t pids = before.find(R"("pids")", paris);
  const int pid = pid_after(before.substr(pids), R"("engine":)");
  ASSERT_GT(pid, 0) << before;
  ::kill(pid, SIGKILL);
  until([&] { return ready_text() != before; }, 10ms);
  EXPECT_NE(said.find("engine of paris ended with signal 9 (Killed); starting it again in 0.5 s"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("engine of paris is back"), std::string::npos);
  EXPECT_EQ(words_of("paris-engine"), words);
}

TEST_F(UpTest, ControlThatDiesComesBackToo) {
  start(serving());
  until([&] { return !ready_text().empty(); }, 10ms);
  const std::string before = ready_text();
  const std::size_t pids = before.rfind(R"("pids")");
  const int pid = pid_after(before.substr(pids), R"("control":)");
  ASSERT_GT(pid, 0) << before;
  ::kill(pid, SIGKILL);
  until([&] { return ready_text() != before; }, 10ms);
  EXPECT_NE(said.find("control is back"), std::string::npos) << said;
}

TEST_F(UpTest, AModelThatTheEngineRefusesIsToldInOneLineAndNothingIsRestarted) {
  start("engine) echo 'tdn: m.gguf is not a GGUF file'; exit 2 ;;" + serving_control());
  until([&] { return outcome.has_value(); }, 10ms);
  ASSERT_FALSE(outcome->has_value());
  const std::string detail = outcome->error().detail();
  EXPECT_NE(detail.find("m.gguf is not a GGUF file"), std::string::npos);
  EXPECT_TRUE(detail.starts_with("engine of ")) << detail;
  EXPECT_EQ(said.find("again"), std::string::npos) << said;
}

TEST_F(UpTest, AnEdgeThatRefusesToStartEndsTheNetwork) {
  start(serving_engine() + serving_control() +
        "edge) echo 'tdn: the control key is another one than before'; exit 1 ;;");
  until([&] { return outcome.has_value(); }, 10ms);
  ASSERT_FALSE(outcome->has_value());
  const std::string detail = outcome->error().detail();
  EXPECT_TRUE(detail.starts_with("edge of ")) << detail;
  EXPECT_TRUE(detail.ends_with(": the control key is another one than before")) << detail;
}

TEST_F(UpTest, ASecondStartKeepsThePortsThatAreFree) {
  start("engine) exit 1 ;;" + serving_control());
  until([&] { return outcome.has_value(); }, 10ms);
  // One port that is taken (the test's own), three that are not.
  const std::uint16_t taken = listener->address().port;
  SeededRandom random(7);
  FreePorts ports(network, random);
  const std::uint16_t engine = ports.choose(0).value();
  const std::uint16_t gateway = ports.choose(0).value();
  const std::uint16_t peers = ports.choose(0).value();
  PortPlan last{.control = taken, .sites = {}};
  last.sites["frankfurt"] = {.gateway = gateway, .engine = taken};
  last.sites["paris"] = {.engine = engine, .peers = peers};
  ASSERT_TRUE(write_private(state->file("ports.json"), to_json(last)).has_value());
  up.reset();
  outcome.reset();
  state.reset();
  start(serving());
  until([&] { return !ready_text().empty(); }, 10ms);
  const std::string in_use = fmt::format("--listen 127.0.0.1:{} ", taken);
  EXPECT_EQ(words_of("control").find(in_use), std::string::npos);
  EXPECT_EQ(words_of("frankfurt-engine").find(in_use), std::string::npos);
  EXPECT_NE(words_of("paris-engine").find(fmt::format("--listen 127.0.0.1:{} ", engine)),
            std::string::npos);
  EXPECT_NE(words_of("frankfurt-edge").find(fmt::format("--listen 127.0.0.1:{} ", gateway)),
            std::string::npos);
  EXPECT_NE(words_of("paris-edge").find(fmt::format("--peers 127.0.0.1:{} ", peers)),
            std::string::npos);
}

TEST_F(UpTest, AFixedPortInUseIsNamedWithTheRemedyBeforeAnythingStarts) {
  state.emplace(StateFolder::open(folder / "state").value());
  const std::uint16_t taken = listener->address().port;
  UpOptions options;
  options.program = "/no/such/program";
  options.ports.first = taken;
  options.sites = default_sites();
  up.emplace(loop, poller, network, *state, random, options,
             [this](std::string_view text) { said += text; });
  group.spawn(keep());
  until([&] { return outcome.has_value(); });
  ASSERT_FALSE(outcome->has_value());
  const std::string detail = outcome->error().detail();
  EXPECT_TRUE(detail.starts_with(
      fmt::format("port {}, for the gateway of frankfurt: cannot listen", taken)))
      << detail;
  EXPECT_NE(detail.find("--ports auto"), std::string::npos);
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace tdn::local
