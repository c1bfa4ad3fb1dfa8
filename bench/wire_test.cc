// A load generator that takes a broken answer for a whole one would flatter what it measures.
#include "wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tdn::bench {
namespace {

using State = AnswerReader::State;
using testing::ElementsAre;

constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string chunk(std::string_view payload) {
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", payload.size());
  return std::string(size).append(payload).append("\r\n");
}

std::string content(std::string_view stamp) {
  return std::string("data: {").append(kStampMark).append(stamp).append(" \"}\n\n");
}

std::string whole_stream() {
  return std::string(kStreamHead) + chunk(content("00000000000000000007")) +
         chunk(": a comment\n\n" + content("00000000000000000008")) + chunk("data: [DONE]\n\n") +
         "0\r\n\r\n";
}

struct Outcome {
  State state = State::kMore;
  std::vector<std::uint64_t> stamps;
};

Outcome read(std::string answer, bool stream, std::size_t first_part) {
  AnswerReader reader;
  reader.reset(stream);
  Outcome outcome;
  const std::span<char> all(answer);
  outcome.state = reader.feed(all.first(first_part), outcome.stamps);
  if (outcome.state == State::kMore) {
    outcome.state = reader.feed(all.subspan(first_part), outcome.stamps);
  }
  return outcome;
}

TEST(AnswerReader, ReadsAStreamHoweverItIsCut) {
  const std::string answer = whole_stream();
  for (std::size_t cut = 0; cut < answer.size(); ++cut) {
    const Outcome outcome = read(answer, true, cut);
    ASSERT_EQ(outcome.state, State::kComplete) << "cut at " << cut;
    ASSERT_THAT(outcome.stamps, ElementsAre(7, 8)) << "cut at " << cut;
  }
}

TEST(AnswerReader, ReadsJsonHoweverItIsCut) {
  const std::string answer = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}";
  for (std::size_t cut = 0; cut < answer.size(); ++cut) {
    ASSERT_EQ(read(answer, false, cut).state, State::kComplete) << "cut at " << cut;
  }
}

TEST(AnswerReader, AStreamThatEndsWithoutDoneIsWrong) {
  const std::string answer =
      std::string(kStreamHead) + chunk(content("00000000000000000007")) + "0\r\n\r\n";
  EXPECT_EQ(read(answer, true, 0).state, State::kWrong);
}

TEST(AnswerReader, ContentAfterDoneIsWrong) {
  const std::string answer = std::string(kStreamHead) + chunk("data: [DONE]\n\n") +
                             chunk(content("00000000000000000007")) + "0\r\n\r\n";
  EXPECT_EQ(read(answer, true, 0).state, State::kWrong);
}

TEST(AnswerReader, AnyStatusBut200IsWrongAndKept) {
  AnswerReader reader;
  reader.reset(false);
  std::string answer = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}";
  std::vector<std::uint64_t> stamps;
  EXPECT_EQ(reader.feed(answer, stamps), State::kWrong);
  EXPECT_EQ(reader.status(), 429);
}

TEST(AnswerReader, BrokenFramingIsWrong) {
  EXPECT_EQ(read(std::string(kStreamHead) + "zz\r\n", true, 0).state, State::kWrong);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}x", false, 0).state, State::kWrong);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\n\r\n{}", false, 0).state, State::kWrong);
}

TEST(Header, IsFoundWhateverItsCaseAndOnlyAtALineStart) {
  const std::string_view head = "GET / HTTP/1.1\r\nX-Note: host: no\r\nHOST: yes\r\n\r\n";
  EXPECT_EQ(header(head, "host:"), "yes");
  EXPECT_EQ(header(head, "accept:"), "");
}

}  // namespace
}  // namespace tdn::bench
