#include "cli/journal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "cli/test_edge.h"
#include "codec/json_reader.h"

namespace tdn::cli {
namespace {

struct Said {
  int status = 0;
  std::string out;
  std::string err;
};

Said run(int (*command)(const std::string&, io::Disk&, std::ostream&, std::ostream&),
         const std::string& dir) {
  std::ostringstream out;
  std::ostringstream err;
  const int status = command(dir, io::system_disk(), out, err);
  return {status, out.str(), err.str()};
}

constexpr std::string_view kSegment = "/books/00000001-0000000000000001.tj";

TEST(Journal, CheckCountsFramesAndRecordsOfEverySegment) {
  const TestFolder folder;
  TestEdge edge(folder.path());
  for (int i = 0; i < 200; ++i) {
    edge.request(9, 1, 0, 1);
  }
  const Said said = run(journal_check, folder.path());
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_NE(said.out.find(std::string(kSegment) + ": ok, "), std::string::npos) << said.out;
  EXPECT_NE(said.out.find("200 records, 0 requests open"), std::string::npos) << said.out;
  EXPECT_GE(std::ranges::count(said.out, '\n'), 3) << said.out;
}

TEST(Journal, CheckNamesTheFileAndTheOffsetOfDamage) {
  const TestFolder folder;
  {
    TestEdge edge(folder.path());
    edge.request(9, 1, 0, 1);
    edge.request(9, 1, 0, 1);
    edge.stop();
  }
  std::fstream file(folder.path() + std::string(kSegment),
                    std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(100);
  file.put('\x55');
  file.close();
  const Said said = run(journal_check, folder.path());
  EXPECT_EQ(said.status, 1);
  EXPECT_NE(said.err.find(std::string(kSegment) + ": damaged at offset 64"), std::string::npos)
      << said.err;
}

// A crash may leave part of a batch behind the last whole one: whole, but not silent.
TEST(Journal, CheckTellsOfATornTail) {
  const TestFolder folder;
  {
    TestEdge edge(folder.path());
    edge.request(9, 1, 0, 1);
    edge.stop();
  }
  const Said whole = run(journal_check, folder.path());
  EXPECT_EQ(whole.out.find("torn"), std::string::npos) << whole.out;
  std::fstream file(folder.path() + std::string(kSegment),
                    std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('\x55');
  file.close();
  const Said torn = run(journal_check, folder.path());
  EXPECT_EQ(torn.status, 0) << torn.err;
  EXPECT_NE(torn.out.find("torn tail at offset "), std::string::npos) << torn.out;
}

TEST(Journal, CheckFollowsTheChainOfBooksWhoseBeginningWasUploadedAndRemoved) {
  const TestFolder folder;
  TestEdge edge(folder.path());
  for (int i = 0; i < 700; ++i) {
    edge.request(9, 1, 0, 1);
  }
  edge.acknowledge(700);
  edge.stop();
  const Said said = run(journal_check, folder.path());
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_NE(said.out.find("/books: begins behind record "), std::string::npos) << said.out;
  EXPECT_NE(said.out.find("700 records"), std::string::npos) << said.out;
}

TEST(Journal, DumpIsOneValidJsonObjectPerFrame) {
  const TestFolder folder;
  TestEdge edge(folder.path());
  edge.request(9, 21, 8, 12);
  edge.stop();
  const Said said = run(journal_dump, folder.path());
  EXPECT_EQ(said.status, 0) << said.err;
  std::istringstream lines(said.out);
  std::vector<std::string> types;
  for (std::string line; std::getline(lines, line);) {
    codec::JsonReader json(line);
    ASSERT_TRUE(json.enter_object()) << line;
    while (const auto key = json.next_key()) {
      if (*key == "type") {
        types.emplace_back(json.string());
      } else {
        json.skip();
      }
    }
    ASSERT_TRUE(json.finish()) << line;
  }
  EXPECT_EQ(types, (std::vector<std::string>{"admission", "settlement", "synced"}));
  EXPECT_NE(said.out.find(R"("reported":{"1":"21","2":"8","32":"12"})"), std::string::npos);
  EXPECT_NE(said.out.find(R"("amount":"0.00000094")"), std::string::npos);
}

}  // namespace
}  // namespace tdn::cli
