// docs/reference/errors.md is the error table as a page: written by this test, and checked by it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "base/error.h"

namespace tdn {
namespace {

constexpr std::string_view kPreamble =
    R"(<!-- Generated from src/base/error.cc by base_test with TDN_REGENERATE=1. Do not edit. -->
# Errors

What a client of the gateway may get, as `{"error":{"message","type","code","param"}}`; `message` says what was
wrong and what to do. An error inside a stream is an event of the same form, and no `[DONE]` follows it. Where a
retry cannot help the answer says `x-should-retry: false`, which the official SDKs obey; where waiting helps it
carries `Retry-After`.

| code | status | `type` | `type`, Anthropic | `Retry-After` | a retry may help |
|---|---|---|---|---|---|
)";

std::string page() {
  std::string text{kPreamble};
  for (int i = 0; i <= static_cast<int>(Code::kStreamInterrupted); ++i) {
    const CodeInfo& row = info(static_cast<Code>(i));
    text +=
        fmt::format("| `{}` | {} | `{}` | `{}` | {} | {} |\n", row.name,
                    row.status == 0 ? "in the stream" : std::to_string(row.status), row.openai,
                    row.anthropic, row.retry_after ? "yes" : "", row.should_retry ? "yes" : "no");
  }
  return text;
}

TEST(ErrorReference, IsCurrent) {
  const std::string path = std::string(TDN_SOURCE_DIR) + "/docs/reference/errors.md";
  if (std::getenv("TDN_REGENERATE") != nullptr) {  // NOLINT(concurrency-mt-unsafe): one thread
    std::ofstream(path) << page();
  }
  std::ifstream file(path);
  const std::string committed(std::istreambuf_iterator<char>(file), {});
  EXPECT_TRUE(committed == page())
      << path << " is out of date: run base_test with TDN_REGENERATE=1";
}

}  // namespace
}  // namespace tdn
