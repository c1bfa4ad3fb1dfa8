#include "codec/sse.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace tdn::codec {
namespace {

struct Seen {
  std::string raw;
  std::string data = {};
  std::string type = {};
  bool has_data = false;
  bool operator==(const Seen&) const = default;
};

Seen seen(const SseEvent& event) {
  return {.raw = std::string(event.raw),
          .data = std::string(event.data),
          .type = std::string(event.type),
          .has_data = event.has_data};
}

void take_all(SseParser& parser, std::vector<Seen>& events) {
  while (true) {
    const auto event = parser.next();
    ASSERT_TRUE(event.has_value());
    if (!*event) {
      return;
    }
    events.push_back(seen(**event));
  }
}

// Pushes pieces of at most `piece` bytes, each from memory of its own.
std::vector<Seen> events_of(std::string_view stream, std::size_t piece) {
  SseParser parser;
  std::vector<Seen> events;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    const std::string pushed(stream.substr(at, piece));
    parser.push(pushed);
    take_all(parser, events);
  }
  if (const auto event = parser.finish()) {
    events.push_back(seen(*event));
  }
  return events;
}

TEST(SseParser, GivesWholeEventsWithTheirBytes) {
  const std::string stream =
      "data: {\"a\":1}\n\n"
      ": ping\n\n"
      "event: message_stop\ndata:x\n\n"
      "data: [DONE]\n\n";
  const std::vector<Seen> expected = {
      {.raw = "data: {\"a\":1}\n\n", .data = "{\"a\":1}", .has_data = true},
      {.raw = ": ping\n\n"},
      {.raw = "event: message_stop\ndata:x\n\n",
       .data = "x",
       .type = "message_stop",
       .has_data = true},
      {.raw = "data: [DONE]\n\n", .data = "[DONE]", .has_data = true}};
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    EXPECT_EQ(events_of(stream, piece), expected) << piece;
  }
}

TEST(SseParser, AnEventInOnePushIsNotCopied) {
  const std::string stream = "data: one\n\ndata: two\n\n";
  SseParser parser;
  parser.push(stream);
  const auto one = parser.next().value();
  EXPECT_EQ(one->raw.data(), stream.data());
  EXPECT_EQ(one->data.data(), stream.data() + 6);
  const auto two = parser.next().value();
  EXPECT_EQ(two->raw.data(), stream.data() + 11);
  EXPECT_FALSE(parser.next().value().has_value());
  EXPECT_EQ(parser.pending(), 0);
}

TEST(SseParser, ReadsAllThreeLineEnds) {
  for (const std::string_view stream : {"data: a\r\n\r\ndata: b\r\n\r\n", "data: a\r\rdata: b\r\r",
                                        "data: a\r\n\rdata: b\n\r\n", "data: a\r\n\ndata: b\r\r"}) {
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
      const std::vector<Seen> events = events_of(stream, piece);
      ASSERT_EQ(events.size(), 2) << stream << piece;
      EXPECT_EQ(events[0].data, "a");
      EXPECT_EQ(events[1].data, "b");
      EXPECT_EQ(events[0].raw + events[1].raw, stream);
    }
  }
}

TEST(SseParser, JoinsDataLinesAndKeepsEmptyOnes) {
  const std::string stream = "data: a\ndata\ndata:  b\ndatax: c\n\ndata:\n\n";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    const std::vector<Seen> events = events_of(stream, piece);
    ASSERT_EQ(events.size(), 2);
    EXPECT_EQ(events[0].data, "a\n\n b");
    EXPECT_EQ(events[1].data, "");
    EXPECT_TRUE(events[1].has_data);
  }
}

TEST(SseParser, DropsTheByteOrderMarkAndNothingElse) {
  for (std::size_t piece = 1; piece < 6; ++piece) {
    EXPECT_EQ(events_of("\xEF\xBB\xBF"
                        "data: a\n\n",
                        piece)[0]
                  .raw,
              "data: a\n\n");
    EXPECT_EQ(events_of("\xEF\xBB:\n\n", piece)[0].raw, "\xEF\xBB:\n\n");
  }
}

TEST(SseParser, AnUnfinishedEventIsNotGivenOut) {
  EXPECT_TRUE(events_of("data: a\n", 3).empty());
  EXPECT_TRUE(events_of("data: a", 3).empty());
  SseParser parser;
  parser.push("data: a\n\ndata: b\n");
  std::vector<Seen> events;
  take_all(parser, events);
  EXPECT_EQ(events.size(), 1);
  EXPECT_EQ(parser.pending(), 8);
}

TEST(SseParser, RefusesEventsBeyondTheLimitInAnySplit) {
  const std::string fits = "data: " + std::string(kEventLimit - 8, 'x') + "\n\n";
  const std::string over = "data: " + std::string(kEventLimit - 7, 'x') + "\n\n";
  for (const std::size_t piece : {std::size_t{1000}, std::size_t{65536}, over.size()}) {
    EXPECT_EQ(events_of(fits, piece).size(), 1);
    SseParser parser;
    bool refused = false;
    for (std::size_t at = 0; at < over.size() && !refused; at += piece) {
      parser.push(std::string_view(over).substr(at, piece));
      const auto event = parser.next();
      refused = !event.has_value();
      EXPECT_TRUE(refused || !event->has_value());
    }
    EXPECT_TRUE(refused);
    EXPECT_FALSE(parser.next().has_value());
  }
}

RC_GTEST_PROP(SseParser, AnySplitGivesTheSameEventsAndLosesNoByte, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "data: x", "data", "event: e", ": c", "\n", "\n\n", "\r\n", "\r", "\xEF\xBB\xBF", "y", "\n"));
  std::string stream;
  for (const std::string& text : pieces) {
    stream += text;
  }
  RC_PRE(!stream.empty());
  const std::vector<Seen> whole = events_of(stream, stream.size());
  RC_ASSERT(events_of(stream, *rc::gen::inRange<std::size_t>(1, stream.size() + 1)) == whole);
  std::string raw = stream.starts_with("\xEF\xBB\xBF") ? "\xEF\xBB\xBF" : "";
  for (const Seen& event : whole) {
    raw += event.raw;
  }
  RC_ASSERT(stream.starts_with(raw));
}

}  // namespace
}  // namespace tdn::codec
