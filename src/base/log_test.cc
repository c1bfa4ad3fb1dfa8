#include "base/log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <sstream>

namespace tdn {
namespace {

constexpr WallTime kNow{1'767'225'600'000'000};

std::string line_of(std::string_view message, LogFields fields) {
  return render_log_line(kNow, LogLevel::kInfo, "base", message, fields);
}

// What has been written to `file` so far.
std::string written(std::FILE* file) {
  std::rewind(file);
  std::array<char, 65536> buffer{};
  return {buffer.data(), std::fread(buffer.data(), 1, buffer.size(), file)};
}

TEST(Log, LineIsOneJsonObjectWithFixedKeysFirst) {
  EXPECT_EQ(line_of("started", {{"port", 8080}, {"tenant", "demo"}, {"simulated", false}}),
            R"({"ts":"2026-01-01T00:00:00.000000Z","level":"info","mod":"base","msg":"started",)"
            R"("port":8080,"tenant":"demo","simulated":false})");
}

TEST(Log, TextCannotForgeASecondLineOrMember) {
  EXPECT_NE(line_of("a\n{\"level\":\"error\"}", {}).find(R"(a\u000a{\"level\":\"error\"})"),
            std::string::npos);
}

TEST(Log, BytesThatAreNotUtf8BecomeTheReplacementCharacter) {
  EXPECT_NE(line_of("gr\xc3\xbc\xc3\x9f", {}).find("gr\xc3\xbc\xc3\x9f"), std::string::npos);
  EXPECT_NE(line_of("\xff|\xc3", {}).find(R"(\ufffd|\ufffd)"), std::string::npos);
  EXPECT_NE(line_of("\xc0\x80", {}).find(R"(\ufffd\ufffd)"), std::string::npos) << "overlong";
  EXPECT_NE(line_of("\xed\xa0\x80", {}).find(R"(\ufffd\ufffd\ufffd)"), std::string::npos)
      << "surrogate";
}

TEST(Log, IntegersThatADoubleCannotHoldAreTexts) {
  EXPECT_NE(line_of("", {{"n", (std::int64_t{1} << 53)}}).find(R"("n":9007199254740992})"),
            std::string::npos);
  EXPECT_NE(line_of("", {{"n", (std::uint64_t{1} << 63)}}).find(R"("n":"9223372036854775808"})"),
            std::string::npos);
}

TEST(Log, WritesWhatItsLevelAllowsAndEverythingQueuedBeforeItEnds) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  {
    const Logging logging(LogLevel::kWarning, file);
    log_info("base", "quiet");
    for (int i = 0; i < 100; ++i) {
      log_error("base", "loud", {{"i", i}});
    }
  }
  log_error("base", "too late");
  const std::string text = written(file);
  std::fclose(file);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 100);
  EXPECT_NE(text.find(R"("msg":"loud","i":99})"), std::string::npos);
  EXPECT_EQ(text.find("quiet"), std::string::npos);
  EXPECT_EQ(text.find("too late"), std::string::npos);
  EXPECT_EQ(log_lines_lost(), 0U);
}

TEST(Log, LevelsAreReadByName) {
  EXPECT_EQ(parse_log_level("warning"), LogLevel::kWarning);
  EXPECT_EQ(parse_log_level("WARN"), std::nullopt);
}

TEST(Secret, NoWayOfPrintingShowsIt) {
  const Secret key("sk-tdn-canary");
  std::ostringstream stream;
  stream << key;
  EXPECT_EQ(stream.str(), "***");
  EXPECT_EQ(fmt::format("{}", key), "***");
  EXPECT_NE(line_of("", {{"key", key}}).find(R"("key":"***"})"), std::string::npos);
}

TEST(Secret, MovedFromIsEmptyAndTheTextArrives) {
  Secret first("short");
  Secret second(std::move(first));
  EXPECT_TRUE(first.empty());  // what was moved from is what is tested
  EXPECT_EQ(second.reveal(), "short");
}

}  // namespace
}  // namespace tdn
