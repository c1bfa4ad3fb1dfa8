#include "codec/http1.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace tdn::codec {
namespace {

constexpr std::string_view kPost =
    "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: edge.example:8080\r\n"
    "Authorization: Bearer k\r\nX-Empty:\r\nContent-Length: 3\r\n\r\n";

std::string request(std::string_view fields) {
  return "POST /a HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n";
}

Result<bool> parse(const std::string& text) {
  RequestParser parser;
  return parser.parse(text);
}

void expect_refused(const std::string& text, Code code = Code::kInvalidRequest) {
  const auto parsed = parse(text);
  ASSERT_FALSE(parsed.has_value()) << text;
  EXPECT_EQ(parsed.error().code(), code) << text;
}

TEST(RequestParser, ReadsAHead) {
  RequestParser parser;
  ASSERT_TRUE(parser.parse(kPost).value());
  const RequestHead& head = parser.head();
  EXPECT_EQ(head.method(), "POST");
  EXPECT_EQ(head.path(), "/v1/chat/completions");
  EXPECT_EQ(head.query(), "x=1");
  EXPECT_EQ(head.host(), "edge.example:8080");
  EXPECT_EQ(head.find("authorization"), "Bearer k");
  EXPECT_EQ(head.find("x-empty"), "");
  EXPECT_EQ(head.find("x-none"), std::nullopt);
  EXPECT_EQ(head.framing(), (Framing{.kind = BodyKind::kLength, .length = 3}));
  EXPECT_EQ(head.bytes(), kPost.size());
  EXPECT_TRUE(head.keep_alive());
  EXPECT_FALSE(head.expects_continue());
}

TEST(RequestParser, AnyPrefixNeedsMoreAndTheBytesMayMove) {
  RequestParser parser;
  for (std::size_t size = 0; size < kPost.size(); ++size) {
    const std::string moved(kPost.substr(0, size));
    ASSERT_FALSE(parser.parse(moved).value()) << size;
  }
  const std::string whole = std::string(kPost) + "abcGET /";
  ASSERT_TRUE(parser.parse(whole).value());
  EXPECT_EQ(parser.head().bytes(), kPost.size());
  const std::string elsewhere = whole;
  parser.head().rebase(elsewhere.data());
  EXPECT_EQ(parser.head().find("host"), "edge.example:8080");
}

TEST(RequestParser, ReadsTheNextHeadAlikeWhetherItRepeatsTheLastOrNot) {
  const std::string other = request("X-A: 1\r\nContent-Length: 4\r\n");
  const std::string longer = request("X-A: 1\r\nContent-Length: 45\r\n");
  const std::vector<std::string> heads{std::string(kPost), other, longer};
  for (const std::string& first : heads) {
    for (const std::string& second : heads) {
      RequestParser fresh;
      ASSERT_TRUE(fresh.parse(second).value());
      for (std::size_t cut = 0; cut < second.size(); ++cut) {
        RequestParser parser;
        ASSERT_TRUE(parser.parse(first).value());
        parser.next();
        ASSERT_FALSE(parser.parse(std::string(second.substr(0, cut))).value()) << cut;
        const std::string bytes = second + "body";
        ASSERT_TRUE(parser.parse(bytes).value()) << cut;
        ASSERT_EQ(parser.head().bytes(), second.size());
        ASSERT_EQ(parser.head().framing(), fresh.head().framing());
        ASSERT_EQ(parser.head().size(), fresh.head().size());
        ASSERT_EQ(parser.head().target(), fresh.head().target());
        ASSERT_GE(parser.head().host().data(), bytes.data());
        ASSERT_LT(parser.head().host().data(), bytes.data() + bytes.size());
      }
    }
  }
}

TEST(RequestParser, AGoodHeadBeforeExcusesNoBadOne) {
  RequestParser parser;
  ASSERT_TRUE(parser.parse(kPost).value());
  parser.next();
  EXPECT_FALSE(parser.parse("POST /v1 HTTP/1.1\r\nHost: h\nX: y\r\n\r\n").has_value());
}

TEST(RequestParser, KeepsTheConnectionAsTheVersionAndTheClientSay) {
  const auto keeps = [](const std::string& text) {
    RequestParser parser;
    EXPECT_TRUE(parser.parse(text).value());
    return parser.head().keep_alive();
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

TEST(RequestParser, TakesOneEmptyLineBeforeTheRequestLine) {
  RequestParser parser;
  const std::string text = "\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n";
  ASSERT_FALSE(parser.parse(text.substr(0, 1)).value());
  ASSERT_TRUE(parser.parse(text).value());
  EXPECT_EQ(parser.head().target(), "/x");
  EXPECT_EQ(parser.head().bytes(), text.size());
  expect_refused("\r\n" + text);
}

TEST(RequestParser, RefusesWhatTwoServersCouldReadDifferently) {
  expect_refused(request("Content-Length: 3\r\nContent-Length: 3\r\n"));
  expect_refused(request("Content-Length: 3\r\nContent-Length: 4\r\n"));
  expect_refused(request("Content-Length: 3, 3\r\n"));
  expect_refused(request("Content-Length: +3\r\n"));
  expect_refused(request("Content-Length: 0x3\r\n"));
  expect_refused(request("Content-Length: -1\r\n"));
  expect_refused(request("Content-Length:\r\n"));
  expect_refused(request("Content-Length: 99999999999999999999\r\n"));
  expect_refused(request("Content-Length : 3\r\n"));
  expect_refused(request("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"));
  expect_refused(request("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"));
  expect_refused(request("Transfer-Encoding: xchunked\r\n"));
  expect_refused(request("Transfer-Encoding: chunked, gzip\r\n"));
  expect_refused(request("Transfer-Encoding: gzip, chunked\r\n"));
  expect_refused(request("Transfer-Encoding: identity\r\n"));
  expect_refused(request("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"));
  expect_refused(request("X: a\r\n b\r\n"));
  expect_refused(request("X: a\r\n\tb\r\n"));
  expect_refused(request("X: a\nY: b\r\n"));
  expect_refused(request("X: a\rY: b\r\n"));
  expect_refused(request(std::string("X: a\0b\r\n", 8)));
  expect_refused(request("X: a\x01\r\n"));
  expect_refused(request("X y: a\r\n"));
  expect_refused(request(": a\r\n"));
  expect_refused("GET / HTTP/1.1\nHost: h\n\n");
  expect_refused("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
}

TEST(RequestParser, RefusesBadRequestLinesAndHosts) {
  expect_refused("GET / HTTP/1.1\r\n\r\n");
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n");
  expect_refused("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n");
  expect_refused("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n");
  expect_refused("GET / HTTP/1.1\r\nHost: u@b\r\n\r\n");
  expect_refused("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_refused("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_refused("GET * HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n");
  expect_refused("GET  / HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_refused("GET / HTTP/1.1 \r\nHost: a\r\n\r\n");
  expect_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_TRUE(parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").value());
  EXPECT_TRUE(parse("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").value());
}

TEST(RequestParser, RefusesNoiseAtItsFirstByte) {
  expect_refused("\x16\x03\x01");
  expect_refused("\x80");
  expect_refused(" ");
  expect_refused(std::string(1, '\0'));
  expect_refused(std::string(kMethodLimit + 1, 'A'));
  EXPECT_FALSE(parse(std::string(kMethodLimit, 'A')).value());
}

TEST(RequestParser, LimitsFieldsTargetAndSize) {
  std::string fields;
  for (std::size_t i = 1; i < kFieldLimit; ++i) {
    fields += "A: b\r\n";
  }
  EXPECT_TRUE(parse(request(fields)).value());
  expect_refused(request(fields + "A: b\r\n"), Code::kHeadersTooLarge);

  const std::string path = "/" + std::string(kTargetLimit - 1, 'p');
  EXPECT_TRUE(parse("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n").value());
  expect_refused("GET " + path + "p HTTP/1.1\r\nHost: h\r\n\r\n", Code::kHeadersTooLarge);

  const std::string base = request("X: \r\n");
  const std::string fill(kHeadLimit - base.size(), 'v');
  EXPECT_TRUE(parse(request("X: " + fill + "\r\n")).value());
  expect_refused(request("X: " + fill + "v\r\n"), Code::kHeadersTooLarge);
  expect_refused("GET /" + std::string(kHeadLimit, 'x'), Code::kHeadersTooLarge);
}

TEST(RequestParser, KnowsWhoWaitsForContinue) {
  const auto waits = [](const std::string& text) {
    RequestParser parser;
    EXPECT_TRUE(parser.parse(text).value());
    return parser.head().expects_continue();
  };
  EXPECT_TRUE(waits(request("Expect: 100-Continue\r\nContent-Length: 1\r\n")));
  EXPECT_TRUE(waits(request("Expect: 100-continue\r\nTransfer-Encoding: Chunked\r\n")));
  EXPECT_FALSE(waits(request("Expect: 100-continue\r\n")));
  EXPECT_FALSE(waits(request("Content-Length: 1\r\n")));
}

TEST(Head, FindsTokensInListsOverAllFieldsOfTheName) {
  const std::string text = request("Accept: a, b\r\naccept: ,c ,\r\n");
  RequestParser parser;
  ASSERT_TRUE(parser.parse(text).value());
  EXPECT_TRUE(parser.head().lists("Accept", "B"));
  EXPECT_TRUE(parser.head().lists("Accept", "c"));
  EXPECT_FALSE(parser.head().lists("Accept", "d"));
  EXPECT_FALSE(parser.head().lists("Accept-Encoding", "a"));
}

Framing response_framing(const std::string& text, bool to_head = false) {
  ResponseParser parser(to_head);
  EXPECT_TRUE(parser.parse(text).value()) << text;
  return parser.head().framing();
}

TEST(ResponseParser, FindsTheEndOfEveryKindOfBody) {
  EXPECT_EQ(response_framing("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            (Framing{.kind = BodyKind::kLength, .length = 0}));
  EXPECT_EQ(response_framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").kind,
            BodyKind::kChunked);
  EXPECT_EQ(response_framing("HTTP/1.1 200 OK\r\n\r\n").kind, BodyKind::kUntilClose);
  EXPECT_EQ(response_framing("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n").kind, BodyKind::kNone);
  EXPECT_EQ(response_framing("HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n").kind, BodyKind::kNone);
  EXPECT_EQ(response_framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true).kind,
            BodyKind::kNone);
}

TEST(ResponseParser, RecognisesTheUpstreamsLastHead) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
  const std::string gone = "HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\n";
  KnownResponse known;
  for (const std::string& head : {ok, ok, gone, ok, gone, gone}) {
    ResponseParser parser;
    ASSERT_FALSE(parser.parse(head.substr(0, 20), known).value());
    const std::string bytes = head + "abc";
    ASSERT_TRUE(parser.parse(bytes, known).value());
    EXPECT_EQ(parser.head().status(), head == ok ? 200 : 503);
    EXPECT_EQ(parser.head().framing().length, head == ok ? 3U : 9U);
    EXPECT_EQ(parser.head().find("content-length")->data(), bytes.data() + bytes.rfind(": ") + 2);
  }
  ResponseParser to_head(true);
  ASSERT_TRUE(to_head.parse(gone, known).value());
  EXPECT_EQ(to_head.head().framing().kind, BodyKind::kNone);
}

TEST(ResponseParser, ABodyThatEndsWithTheConnectionEndsTheConnection) {
  ResponseParser parser;
  ASSERT_TRUE(parser.parse("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n").value());
  EXPECT_FALSE(parser.head().keep_alive());
}

TEST(ResponseParser, SkipsInformationalAnswersInAnySplit) {
  const std::string text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nok";
  ResponseParser parser;
  std::size_t size = 0;
  while (!parser.parse(std::string(text.substr(0, size))).value()) {
    ++size;
  }
  EXPECT_EQ(size, text.size() - 2);
  EXPECT_EQ(parser.head().bytes(), size);
  parser.head().rebase(text.data());
  EXPECT_EQ(parser.head().status(), 200);
  EXPECT_EQ(parser.head().size(), 2);
  EXPECT_EQ(parser.head().find("a"), "b");
}

TEST(ResponseParser, RefusesWhatCannotBeFramed) {
  for (const std::string_view text :
       {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\nA: b\n\n", "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    ResponseParser parser;
    const auto parsed = parser.parse(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code(), Code::kUpstreamError) << text;
  }
}

struct Decoded {
  std::string body;
  std::size_t consumed = 0;
  bool done = false;
  bool failed = false;
  bool operator==(const Decoded&) const = default;
};

// Feeds `text` in pieces of at most `piece` bytes.
Decoded decode(Framing framing, std::string_view text, std::size_t piece) {
  BodyDecoder decoder(framing, Code::kUpstreamError);
  Decoded result;
  while (result.consumed < text.size() && !decoder.done()) {
    const auto step = decoder.decode(text.substr(result.consumed, piece));
    if (!step) {
      result.failed = true;
      return result;
    }
    result.body += step->data;
    result.consumed += step->consumed;
  }
  result.done = decoder.done();
  return result;
}

constexpr Framing kChunked{.kind = BodyKind::kChunked, .length = 0};

TEST(BodyDecoder, ReadsChunksInAnySplitAndStopsAtTheEnd) {
  const std::string text =
      "5\r\nhello\r\nA;name=\"v\"\r\n0123456789\r\n000\r\nTrailer: x\r\n\r\nGET /";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    const Decoded decoded = decode(kChunked, text, piece);
    EXPECT_EQ(decoded.body, "hello0123456789") << piece;
    EXPECT_TRUE(decoded.done);
    EXPECT_EQ(decoded.consumed, text.size() - 5);
  }
}

TEST(BodyDecoder, RefusesSloppyChunks) {
  const std::string extension(kChunkExtensionLimit + 1, 'e');
  for (const std::string& text :
       {std::string("5\nhello\r\n0\r\n\r\n"), std::string("5 \r\nhello"), std::string("\r\n"),
        std::string("5\r\nhello0\r\n"), std::string("5\r\nhello\n0\r\n"), std::string("-1\r\n"),
        std::string("0x5\r\n"), std::string("1000000000000000\r\n"), std::string("5;\x01\r\n"),
        "5;" + extension + "\r\n", std::string("0\r\nA: b\n\r\n"),
        "0\r\n" + std::string(kTrailerLimit + 1, 't'), std::string("0\r\n\rX")}) {
    EXPECT_TRUE(decode(kChunked, text, text.size()).failed) << text;
  }
}

TEST(BodyDecoder, CountsAnnouncedBytesAndNoMore) {
  const Framing three{.kind = BodyKind::kLength, .length = 3};
  for (std::size_t piece = 1; piece < 6; ++piece) {
    EXPECT_EQ(decode(three, "abcdef", piece),
              (Decoded{.body = "abc", .consumed = 3, .done = true}));
  }
}

TEST(BodyDecoder, TellsACutBodyFromAnEndedOne) {
  BodyDecoder open({.kind = BodyKind::kUntilClose, .length = 0}, Code::kUpstreamError);
  ASSERT_TRUE(open.decode("abc").has_value());
  EXPECT_FALSE(open.done());
  EXPECT_TRUE(open.end().has_value());
  EXPECT_TRUE(open.done());

  BodyDecoder cut({.kind = BodyKind::kLength, .length = 4}, Code::kUpstreamError);
  ASSERT_TRUE(cut.decode("abc").has_value());
  EXPECT_EQ(cut.end().error().code(), Code::kUpstreamError);

  BodyDecoder none;
  EXPECT_TRUE(none.done());
}

RC_GTEST_PROP(BodyDecoder, GivesBackWhateverWasChunked, (const std::vector<std::string>& chunks)) {
  std::string wire;
  std::string body;
  for (const std::string& chunk : chunks) {
    if (!chunk.empty()) {
      ChunkPrefix prefix;
      wire.append(chunk_prefix(prefix, chunk.size())).append(chunk).append(kChunkSuffix);
      body += chunk;
    }
  }
  wire += kLastChunk;
  const auto piece = *rc::gen::inRange<std::size_t>(1, wire.size() + 1);
  RC_ASSERT(decode(kChunked, wire, piece) ==
            (Decoded{.body = body, .consumed = wire.size(), .done = true}));
}

TEST(HeadWriter, WritesWhatTheParserReads) {
  char buffer[512];
  HeadWriter writer(buffer);
  const auto text = writer.status(404)
                        .field("content-type", "application/json")
                        .field("age", 7)
                        .framing({.kind = BodyKind::kLength, .length = 12})
                        .finish();
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(*text,
            "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\nage: 7\r\n"
            "content-length: 12\r\n\r\n");
}

TEST(HeadWriter, RefusesALineBreakAtAnyPlace) {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (const char c : {'\r', '\n', '\0', '\x0b', '\x8d', 'x'}) {
        std::string value(size, 'v');
        value[at] = c;
        std::array<char, 256> buffer;
        HeadWriter writer(buffer);
        const bool wrote = writer.status(200).field("a", value).finish().has_value();
        ASSERT_EQ(wrote, c != '\r' && c != '\n' && c != '\0') << size << " " << at;
      }
    }
  }
}

TEST(HeadWriter, RefusesInjectedLinesAndSmallBuffers) {
  char buffer[64];
  EXPECT_FALSE(HeadWriter(buffer).status(200).field("a", "b\r\nSet-Cookie: c").finish());
  EXPECT_FALSE(HeadWriter(buffer).request("GET", "/ HTTP/1.1\nX: y").finish());
  EXPECT_FALSE(HeadWriter(buffer).status(200).field("a", std::string(64, 'x')).finish());
  EXPECT_TRUE(HeadWriter(buffer).request("GET", "/").field("host", "h").finish());
}

}  // namespace
}  // namespace tdn::codec
