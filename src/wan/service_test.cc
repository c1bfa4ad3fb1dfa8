#include "wan/service.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "wan/test_tcp.h"

namespace tdn::wan {
namespace {

using namespace std::chrono_literals;
using codec::yaml::Node;
using codec::yaml::text_at;

class ServiceTest : public TcpTest {
 protected:
  void SetUp() override {
    server = listen();
    Config config{.control = any_port(), .token_file = "token", .links = {}};
    for (const auto& [from, to] : {std::pair{"berlin", "frankfurt"},
                                   {"paris", "frankfurt"},
                                   {"frankfurt", "paris"},
                                   {"paris", "control"}}) {
      config.links.push_back(
          {.from = from, .to = to, .listen = any_port(), .target = server->address(), .rtt = 1ms});
    }
    service.emplace(loop, network, random, std::move(config), Secret("open sesame"));
    ASSERT_TRUE(service->start().has_value());
    key = {.url = service->report(1).wan, .token = Secret("open sesame")};
  }
  void TearDown() override { finish(service->stop()); }

  Result<Node> ask(std::string method, std::string path, std::string body = "") {
    return run(ask_door(network, key, {std::move(method), std::move(path), std::move(body)}, 5s));
  }
  // "berlin-frankfurt normal", …
  static std::vector<std::string> states(const Node& answer) {
    std::vector<std::string> all;
    for (const Node& link : answer.find("links")->items) {
      all.push_back(std::string(text_at(link, "from")) + "-" + std::string(text_at(link, "to")) +
                    " " + std::string(text_at(link, "state")));
    }
    return all;
  }

  std::unique_ptr<io::Listener> server;
  std::optional<Service> service;
  DoorKey key;
};

TEST_F(ServiceTest, TellsWhereEachLinkListensAndHowItIs) {
  const WanReport report = service->report(42);
  ASSERT_EQ(report.links.size(), 4U);
  EXPECT_EQ(report.links[0].from, "berlin");
  EXPECT_EQ(report.pid, 42);
  const Node answer = ask("GET", "/v1/links").value();
  EXPECT_EQ(text_at(answer.find("links")->items[0], "listen"), to_string(report.links[0].address));
  EXPECT_EQ(text_at(answer.find("links")->items[0], "target"), to_string(server->address()));
  EXPECT_EQ(states(answer),
            (std::vector<std::string>{"berlin-frankfurt normal", "paris-frankfurt normal",
                                      "frankfurt-paris normal", "paris-control normal"}));
}

TEST_F(ServiceTest, TakesTheWholeSetOfFaults) {
  const Node broken =
      ask("PUT", "/v1/faults",
          to_json({{"paris-frankfurt", LinkState::kCut, {}}, {"paris", LinkState::kSlow, 5ms}}))
          .value();
  EXPECT_EQ(states(broken),
            (std::vector<std::string>{"berlin-frankfurt normal", "paris-frankfurt cut",
                                      "frankfurt-paris cut", "paris-control slow"}));
  EXPECT_EQ(text_at(broken.find("links")->items[3], "addedMs"), "5");
  const Node healed = ask("PUT", "/v1/faults", to_json(std::vector<Fault>{})).value();
  EXPECT_TRUE(std::ranges::all_of(
      states(healed), [](const std::string& state) { return state.ends_with(" normal"); }));
}

TEST_F(ServiceTest, AWrongFaultChangesNothingAndIsNamed) {
  ASSERT_TRUE(ask("PUT", "/v1/faults", to_json({{"paris", LinkState::kCut, {}}})).has_value());
  const auto answer =
      ask("PUT", "/v1/faults",
          to_json({{"berlin", LinkState::kCut, {}}, {"atlantis", LinkState::kCut, {}}}));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), Code::kInvalid);
  EXPECT_NE(answer.error().detail().find("there is no 'atlantis' here"), std::string::npos);
  EXPECT_EQ(states(ask("GET", "/v1/links").value())[0], "berlin-frankfurt normal");
  EXPECT_EQ(states(ask("GET", "/v1/links").value())[3], "paris-control cut");
}

TEST_F(ServiceTest, CountsWhatALinkCarried) {
  const std::unique_ptr<io::Stream> client = connect(service->report(1).links[0].address);
  const std::unique_ptr<io::Stream> target = *run(server->accept());
  ASSERT_TRUE(run(send(*client, "hello")).has_value());
  std::string buffer(16, '\0');
  ASSERT_EQ(run(io::read_some(*target, buffer)).value(), 5U);
  const Node link = ask("GET", "/v1/links").value().find("links")->items[0];
  EXPECT_EQ(text_at(link, "open"), "1");
  EXPECT_EQ(text_at(link, "connections"), "1");
  EXPECT_EQ(text_at(link, "bytesOut"), "5");
  EXPECT_EQ(text_at(link, "bytesBack"), "0");
}

TEST_F(ServiceTest, ItsDoorOpensToItsTokenOnly) {
  const DoorKey right = key;
  for (const char* token : {"", "open", "open sesame1"}) {
    key.token = Secret(token);
    const auto answer = ask("GET", "/v1/links");
    ASSERT_FALSE(answer.has_value()) << token;
    EXPECT_EQ(answer.error().code(), Code::kInvalidApiKey);
  }
  EXPECT_TRUE(ask("GET", "/healthz").has_value());
  key = right;
  EXPECT_EQ(ask("GET", "/v1/elsewhere").error().code(), Code::kInvalid);
  EXPECT_EQ(ask("POST", "/v1/faults", "{}").error().code(), Code::kInvalid);
  EXPECT_EQ(ask("PUT", "/v1/faults", "nonsense").error().code(), Code::kInvalid);
}

TEST_F(ServiceTest, APortInUseIsTold) {
  const Config config{.control = any_port(),
                      .token_file = "token",
                      .links = {{.from = "rome",
                                 .to = "oslo",
                                 .listen = service->report(1).links[0].address,
                                 .target = server->address()}}};
  Service second(loop, network, random, config, Secret("x"));
  const Result<void> started = second.start();
  ASSERT_FALSE(started.has_value());
  EXPECT_NE(started.error().detail().find("link from rome to oslo"), std::string::npos);
  finish(second.stop());
}

TEST_F(ServiceTest, NobodyThereIsUnavailable) {
  server->close();
  key.url = "http://" + to_string(server->address());
  EXPECT_EQ(ask("GET", "/v1/links").error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace tdn::wan
