#include "local/reports.h"

#include <gtest/gtest.h>

namespace tdn::local {
namespace {

TEST(Reports, NetworkReportHasEveryFieldOfTheFormatAndNullForWhatDoesNotExist) {
  const NetworkReport report{
      .key = Secret("sk-tdn-x"),
      .operator_token = Secret("token"),
      .model = "smollm2",
      .control = {.control = "http://127.0.0.1:9", .control_key = "k", .pid = 10},
      .sites = {{.name = "frankfurt",
                 .edge = {.gateway = "http://127.0.0.1:1", .admin = "http://127.0.0.1:2", .pid = 3},
                 .engine = {.engine = "http://127.0.0.1:4", .model = {}, .pid = 5}}},
      .pid = 8};
  EXPECT_EQ(to_json(report),
            R"({"gateway":"http://127.0.0.1:1","control":"http://127.0.0.1:9","console":null,)"
            R"("dns":null,"key":"sk-tdn-x","operatorToken":"token","model":"smollm2","sites":[)"
            R"({"name":"frankfurt","gateway":"http://127.0.0.1:1","admin":"http://127.0.0.1:2",)"
            R"("engine":"http://127.0.0.1:4","pids":{"edge":3,"engine":5}}],)"
            R"("pids":{"up":8,"control":10,"wan":null}})");
}

TEST(Reports, CitiesAreToldWithTheirWaysTheNearestFirst) {
  const std::vector<CityReport> cities = {
      {.name = "lyon",
       .country = "FR",
       .latitude = 45.5,
       .longitude = 4.5,
       .gateways = {{"paris", "http://a"}, {"oslo", "http://b"}}}};
  EXPECT_EQ(to_json(cities),
            R"({"cities":[{"name":"lyon","country":"FR","latitude":45.5,"longitude":4.5,)"
            R"("entries":[{"site":"paris","url":"http://a"},{"site":"oslo","url":"http://b"}]}]})");
}

TEST(Reports, AnEdgesReportIsReadAsItWasWritten) {
  const EdgeReport report{.gateway = "http://a", .admin = "http://b", .pid = 42};
  EXPECT_EQ(to_json(report), R"({"gateway":"http://a","admin":"http://b","pid":42})");
  const EdgeReport read = parse_edge_report(to_json(report)).value();
  EXPECT_EQ(read.gateway, "http://a");
  EXPECT_EQ(read.admin, "http://b");
  EXPECT_EQ(read.pid, 42);
  EXPECT_EQ(read.peers, "");
  const EdgeReport member{
      .gateway = "http://a", .admin = "http://b", .peers = "http://c", .pid = 42};
  EXPECT_EQ(to_json(member),
            R"({"gateway":"http://a","admin":"http://b","peers":"http://c","pid":42})");
  EXPECT_EQ(parse_edge_report(to_json(member)).value().peers, "http://c");
}

TEST(Reports, AnEnginesReportIsReadAsItWasWritten) {
  const EngineReport report{
      .engine = "http://a",
      .model = {.engine_name = "the \"model\"", .context_length = 2048, .simulated = true},
      .pid = 42};
  const EngineReport read = parse_engine_report(to_json(report)).value();
  EXPECT_EQ(read.engine, "http://a");
  EXPECT_EQ(read.model.engine_name, "the \"model\"");
  EXPECT_EQ(read.model.context_length, 2048);
  EXPECT_TRUE(read.model.simulated);
  EXPECT_EQ(read.pid, 42);
}

TEST(Reports, WhatIsNoReportIsRefused) {
  EXPECT_FALSE(parse_edge_report("").has_value());
  EXPECT_FALSE(parse_edge_report(R"({"gateway":"http://a"})").has_value());
  EXPECT_FALSE(parse_engine_report(R"({"engine":"http://a"})").has_value());
  EXPECT_FALSE(parse_engine_report(R"({"engine":"http://a","model":"m"} x)").has_value());
}

TEST(Reports, ControlsAreReadBack) {
  const ControlReport report{.control = "http://a", .control_key = "a+/=", .pid = 42};
  const ControlReport read = parse_control_report(to_json(report)).value();
  EXPECT_EQ(read.control, "http://a");
  EXPECT_EQ(read.control_key, "a+/=");
  EXPECT_EQ(read.pid, 42);
  EXPECT_FALSE(parse_control_report(R"({"control":"http://a","pid":1})"));
}

}  // namespace
}  // namespace tdn::local
