#include "local/announcement.h"

#include <gtest/gtest.h>

namespace tdn::local {
namespace {

Announcement example() {
  return {
      .network = {.key = Secret("sk-tdn-x"),
                  .operator_token = Secret("token"),
                  .model = "smollm2",
                  .control = {.control = "http://127.0.0.1:8090", .control_key = "k", .pid = 5},
                  .sites = {{.name = "frankfurt",
                             .edge = {.gateway = "http://127.0.0.1:8080",
                                      .admin = "http://127.0.0.1:8081",
                                      .pid = 1},
                             .engine = {.engine = "http://127.0.0.1:8082", .model = {}, .pid = 2}},
                            {.name = "paris",
                             .edge = {.gateway = "http://127.0.0.1:8180",
                                      .admin = "http://127.0.0.1:8181",
                                      .pid = 6},
                             .engine = {.engine = "http://127.0.0.1:8182", .model = {}, .pid = 3}}},
                  .pid = 4},
      .model = {.engine_name = "SmolLM2-135M-Instruct"},
      .program = "build/release/tdn",
      .state_folder = "/var/lib/my tdn"};
}

TEST(Announcement, HasTheTableTheLineAndWhatToDoNext) {
  EXPECT_EQ(announce(example()), R"(
Serving at http://127.0.0.1:8080/v1

  site        endpoint      gateway                 engine
  frankfurt   frankfurt-1   http://127.0.0.1:8080   http://127.0.0.1:8082
  paris       paris-1       http://127.0.0.1:8180   http://127.0.0.1:8182

  model      smollm2 (SmolLM2-135M-Instruct)
  control    http://127.0.0.1:8090
  state      /var/lib/my tdn

Try it:

curl -N http://127.0.0.1:8080/v1/chat/completions -H 'Authorization: Bearer sk-tdn-x' -H 'Content-Type: application/json' -d '{"model":"smollm2","stream":true,"messages":[{"role":"user","content":"Why is the sky blue?"}]}'

Then:

  build/release/tdn top --state '/var/lib/my tdn'
      sites, endpoints and what they do, live
  build/release/tdn usage --by site --wait 5 --state '/var/lib/my tdn'
      what was used, exactly, and what it costs
  build/release/tdn get sites -o wide --state '/var/lib/my tdn'
      what each site serves by; also endpoints, tenants, keys, policies
  curl http://127.0.0.1:8081/metrics
      what an edge counts, for Prometheus

A tenant of your own, word for word: docs/guide/first-network.md
Ctrl-C stops everything; the next start has the same key and the same books.
)");
}

TEST(Announcement, TheOperatorTokenIsNotShown) {
  EXPECT_EQ(announce(example()).find("token"), std::string::npos);
}

TEST(Announcement, LabelsSimulatedEngines) {
  Announcement simulated = example();
  simulated.model = {.engine_name = "simulated", .simulated = true};
  EXPECT_NE(announce(simulated).find("smollm2 SIMULATED: answers are made-up words"),
            std::string::npos);
}

TEST(Announcement, ColoursOnlyWhereAskedAndNeverInTheLineToCopy) {
  Announcement coloured = example();
  EXPECT_EQ(announce(coloured).find('\x1b'), std::string::npos);
  coloured.colours = true;
  const std::string text = announce(coloured);
  EXPECT_NE(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("\n" + curl_line(coloured.network) + "\n"), std::string::npos);
}

TEST(Announcement, TellsWhereClientsOfEachCityEnter) {
  Announcement what = example();
  what.network.cities = {
      {.name = "new-york",
       .country = "US",
       .gateways = {{"ashburn", "http://127.0.0.1:9000"}, {"paris", "http://127.0.0.1:9001"}}}};
  const std::string text = announce(what);
  EXPECT_NE(text.find("\n  clients in      nearest site  enter at\n"
                      "  new-york        ashburn       http://127.0.0.1:9000\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("9001"), std::string::npos);
  EXPECT_NE(text.find("build/release/tdn chaos --help"), std::string::npos);
}

}  // namespace
}  // namespace tdn::local
