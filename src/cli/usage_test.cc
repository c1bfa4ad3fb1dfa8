#include "cli/usage.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/test_edge.h"
#include "client/test_control.h"

namespace tdn::cli {
namespace {

struct Said {
  int status = 0;
  std::string out;
  std::string err;
};

enum class Output : std::uint8_t { kTable, kJson };

Said usage_of(const std::string& state, std::string_view by, Output output) {
  std::ostringstream out;
  std::ostringstream err;
  const UsageOptions options{.by = std::string(by), .json = output == Output::kJson};
  const int status = usage(options, state, io::system_disk(), {out, err});
  return {status, out.str(), err.str()};
}

void write_names(const std::string& folder) {
  std::ofstream(folder + "/uids.json")
      << R"({"kinds":{"Model":{"smollm2":{"uid":")" << to_string(test_uid(9))
      << R"(","version":1,"digest":""}}},"former":[{"kind":"Model","name":"gone","uid":")"
      << to_string(test_uid(8)) << R"("}]})";
}

TEST(Usage, AnEdgeInANetworkHasItsNamesFromItsSnapshot) {
  const TestFolder folder;
  TestEdge edge(folder.path());
  std::filesystem::create_directory(folder.path() + "/snapshot");
  std::ofstream(folder.path() + "/snapshot/" + std::string(64, 'a'))
      << R"({"models":[{"name":"smollm2","uid":")" << to_string(test_uid(9)) << R"("}]})";
  std::ofstream(folder.path() + "/snapshot/current.json") << "{}";
  edge.request(9, 21, 8, 12);
  edge.stop();
  const Said said = usage_of(folder.path(), "model", Output::kJson);
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_NE(said.out.find(R"("by":{"model":"smollm2"})"), std::string::npos) << said.out;
}

TEST(Usage, SaysInJsonExactlyWhatWasUsed) {
  const TestFolder folder;
  TestEdge edge(folder.path());
  write_names(folder.path());
  edge.request(9, 21, 8, 12);
  edge.request(9, 100, 0, 1);
  edge.stop();
  const Said said = usage_of(folder.path(), "model", Output::kJson);
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_EQ(said.out,
            R"({"rows":[{"by":{"model":"smollm2"},"requests":"2","tokens":{"input":"121",)"
            R"("cachedInput":"8","output":"13"},"amount":"0.00000298","currency":"USD"}],)"
            R"("completeThrough":"2025-12-31T23:59:59.900000Z","lateSites":[]})"
            "\n");
}

TEST(Usage, SaysWhereTheBooksBeginOnceOlderRecordsWereUploadedAndRemoved) {
  const TestFolder folder;
  TestEdge edge(folder.path());
  for (int i = 0; i < 700; ++i) {
    edge.request(9, 1, 0, 1);
  }
  EXPECT_EQ(usage_of(folder.path(), "model", Output::kTable).out.find("begins with"),
            std::string::npos);
  edge.acknowledge(700);
  edge.stop();
  const Said table = usage_of(folder.path(), "model", Output::kTable);
  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_NE(table.out.find("/books begins with record "), std::string::npos) << table.out;
  const Said json = usage_of(folder.path(), "model", Output::kJson);
  EXPECT_NE(json.out.find(R"("beginsAt":[{"journal":")"), std::string::npos) << json.out;
}

TEST(Usage, ReadsARunningEdgeAndItsNamesOfOldAndShowsUidsWhereThereIsNoName) {
  const TestFolder folder;
  TestEdge edge(folder.path());
  write_names(folder.path());
  edge.request(9, 1, 0, 1);
  edge.request(8, 1, 0, 1);
  edge.request(7, 1, 0, 1);
  const Said said = usage_of(folder.path(), "model,tenant", Output::kTable);
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_NE(said.out.find("smollm2"), std::string::npos) << said.out;
  EXPECT_NE(said.out.find("gone"), std::string::npos) << said.out;
  EXPECT_NE(said.out.find(to_string(test_uid(7))), std::string::npos) << said.out;
  EXPECT_NE(said.out.find("not yet known to be complete"), std::string::npos) << said.out;
}

TEST(Usage, AddsUpTheEdgesBelowAFolder) {
  const TestFolder folder;
  for (const char* site : {"frankfurt", "paris"}) {
    TestEdge edge(folder.path() + "/edges/" + site);
    edge.request(9, 10, 0, 1);
    edge.stop();
  }
  const Said said = usage_of(folder.path(), "tenant", Output::kTable);
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_NE(said.out.find("         2     20             0       2  0.00000048  USD"),
            std::string::npos)
      << said.out;
  EXPECT_NE(said.out.find("complete through 2025-12-31T23:59:59.900000Z\n"), std::string::npos)
      << said.out;
}

TEST(Usage, NamesAFolderWithoutBooksOrThatDoesNotExist) {
  const TestFolder folder;
  const Said empty = usage_of(folder.path(), "model", Output::kJson);
  EXPECT_EQ(empty.status, 1);
  EXPECT_NE(empty.err.find(folder.path() + ": no journal"), std::string::npos) << empty.err;
  const Said missing = usage_of(folder.path() + "/none", "model", Output::kJson);
  EXPECT_EQ(missing.status, 1);
  EXPECT_NE(missing.err.find("none"), std::string::npos) << missing.err;
}

constexpr const char* kCentral =
    R"({"rows":[{"by":{"model":"smollm2","tenant":"acme"},"requests":"18446744073709551615",)"
    R"("tokens":{"input":"121","cachedInput":"8","output":"13"},"amount":"0.00000298",)"
    R"("currency":"USD"}],"completeThrough":"2026-01-01T00:00:00.500000Z","lateSites":["paris"]})";

Said central(client::TestControl& control, const UsageOptions& options) {
  std::ostringstream out;
  std::ostringstream err;
  client::ControlClient client = control.client();
  const int status = control.loop.run(usage(client, options, {out, err}));
  return {status, out.str(), err.str()};
}

TEST(Usage, OfANetworkComesFromControlWithItsLateSites) {
  client::TestControl control;
  control.replies["GET /api/v1/usage?by=tenant%2Cmodel&wait=5"] = {200, kCentral};
  const UsageOptions options{.by = "tenant,model", .wait_seconds = 5};
  const Said said = central(control, options);
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_EQ(
      said.out,
      "tenant  model                requests  input  cached input  output      amount  currency\n"
      "acme    smollm2  18446744073709551615    121             8      13  0.00000298  USD\n"
      "complete through 2026-01-01T00:00:00.500000Z\n"
      "late: paris; what they settled lately is missing\n");
}

TEST(Usage, OfANetworkNamesBooksThatWereSetAside) {
  client::TestControl control;
  control.replies["GET /api/v1/usage?by=model"] = {
      200, R"({"rows":[],"completeThrough":"2026-01-01T00:00:00.500000Z","lateSites":[],)"
           R"("setAside":[{"site":"paris","edge":"e1","reason":"quarantined"}]})"};
  const Said said = central(control, {.by = "model"});
  EXPECT_NE(said.out.find("set aside: edge e1 of paris: quarantined; its state folder may hold "
                          "records that are missing here\n"),
            std::string::npos)
      << said.out;
}

TEST(Usage, OfANetworkIsTheSameJsonAsOfAnEdge) {
  client::TestControl control;
  control.replies["GET /api/v1/usage?by=model%2Ctenant"] = {200, kCentral};
  const Said said = central(control, {.by = "model,tenant", .json = true});
  EXPECT_EQ(said.out, std::string(kCentral) + "\n");
}

TEST(Usage, SaysWhyControlGaveNone) {
  client::TestControl control;
  control.replies["GET /api/v1/usage?by=colour"] = {
      400, R"({"error":{"message":"by takes tenant, project","code":"invalid_request"}})"};
  const Said said = central(control, {.by = "colour"});
  EXPECT_EQ(said.status, 1);
  EXPECT_EQ(said.err, "tdn usage: by takes tenant, project\n");
}

}  // namespace
}  // namespace tdn::cli
