// What hostile, broken and merely slow clients may do to a server, over a pipe that hands out bytes
// in pieces of any size.
#include <gtest/gtest.h>

#include <string>

#include "http/server_test_fixture.h"

namespace tdn::http {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kGood = "GET /good HTTP/1.1\r\nhost: x\r\n\r\n";

std::string post(std::string_view fields) {
  return "POST /a HTTP/1.1\r\nhost: x\r\n" + std::string(fields) + "\r\n";
}

using Hardening = ServerFixture;

TEST_F(Hardening, MalformedRequestsAreAnsweredOnceAndNothingAfterThemIsRead) {
  const std::string smuggled = "0\r\n\r\n" + std::string(kGood);
  for (const std::string& request :
       {post("content-length: 5\r\ncontent-length: 5\r\n"),
        post("content-length: 5\r\ncontent-length: 6\r\n"), post("content-length: 5, 5\r\n"),
        post("content-length: 5\r\ntransfer-encoding: chunked\r\n"),
        post("transfer-encoding: xchunked\r\n"), post("transfer-encoding: chunked, identity\r\n"),
        post("transfer-encoding:\x0b"
             "chunked\r\n"),
        post("x: a\r\n  folded\r\n"), post("x: a\nb: c\r\n"), post("x : a\r\n"),
        post("host: y\r\n"), std::string("GET / HTTP/1.1\n\n"),
        std::string("GET / HTTP/1.1\r\n\r\n"),
        std::string("GET http://x/ HTTP/1.1\r\nhost: x\r\n\r\n"),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), std::string("\x16\x03\x01\x02", 4)}) {
    for (const std::size_t fragment : {1, 3, 1000}) {
      SCOPED_TRACE(request + "/" + std::to_string(fragment));
      start({.max_read = fragment, .max_write = fragment});
      const std::string answer = talk(request + smuggled);
      EXPECT_EQ(answer.find("HTTP/1.1 400 "), 0U) << answer;
      EXPECT_EQ(answer.rfind("HTTP/1.1 "), 0U) << answer;
      EXPECT_NE(answer.find("connection: close\r\n"), std::string::npos) << answer;
      EXPECT_EQ(handler.requests, 0);
      stop();
    }
  }
}

TEST_F(Hardening, ABrokenChunkEndsTheConnection) {
  for (const std::string_view chunks :
       {"5\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n", "G\r\n",
        "FFFFFFFFFFFFFFFF\r\n", "0\r\nx: y\n\r\n"}) {
    start({.max_read = 2});
    const std::string answer =
        talk(post("transfer-encoding: chunked\r\n") + std::string(chunks) + std::string(kGood));
    EXPECT_EQ(answer.find("HTTP/1.1 400 "), 0U) << answer;
    EXPECT_EQ(handler.requests, 1) << chunks;
    stop();
  }
}

TEST_F(Hardening, ConnectionCloseIsHonoured) {
  start();
  const std::string answer =
      talk("GET /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n" + std::string(kGood));
  EXPECT_EQ(handler.requests, 1);
  EXPECT_NE(answer.find("connection: close\r\n"), std::string::npos);
}

TEST_F(Hardening, NoContinueForABodyThatIsThereAlready) {
  start();
  const std::string answer = talk(post("expect: 100-continue\r\ncontent-length: 5\r\n") + "hello");
  EXPECT_EQ(answer.find("HTTP/1.1 200 "), 0U) << answer;
  EXPECT_EQ(body_of(answer), "POST /a hello");
}

TEST_F(Hardening, AStreamAskedForByHeadIsItsHeadAlone) {
  start();
  const std::string answer = talk("HEAD /stream HTTP/1.1\r\nhost: x\r\n\r\n" + std::string(kGood));
  EXPECT_EQ(handler.requests, 2);
  const std::string rest = body_of(answer);
  EXPECT_EQ(rest.find("HTTP/1.1 200 OK\r\n"), 0U) << answer;
}

TEST_F(Hardening, NoContentHasNeitherBodyNorLength) {
  start();
  const std::string answer = talk("GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n" + std::string(kGood));
  EXPECT_EQ(answer.find("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200"), 0U) << answer;
}

TEST_F(Hardening, AnAnswerThatIsNotEndedIsResetAndNothingFollowsIt) {
  start();
  auto client = listener->connect();
  put(*client, "GET /unfinished HTTP/1.1\r\nhost: x\r\n\r\n" + std::string(kGood));
  test.settle();
  EXPECT_TRUE(client->peer_gone());
  EXPECT_EQ(handler.requests, 1);
}

TEST_F(Hardening, AnAnswerShorterOrLongerThanAnnouncedIsReset) {
  start();
  for (const std::string_view target : {"/short", "/long"}) {
    auto client = listener->connect();
    put(*client, "GET " + std::string(target) + " HTTP/1.1\r\nhost: x\r\n\r\n");
    test.settle();
    EXPECT_TRUE(client->peer_gone()) << target;
  }
}

TEST_F(Hardening, ABodyThatTricklesInIsGivenUpInTheEnd) {
  start();
  auto client = listener->connect();
  put(*client, post("content-length: 100000\r\n"));
  test.settle();
  Duration passed{};
  while (passed < limits.body_total) {
    ASSERT_FALSE(client->seems_readable());
    put(*client, "x");
    test.advance(limits.body - 1s);  // each byte comes in time
    passed += limits.body - 1s;
  }
  EXPECT_EQ(take(*client).find("HTTP/1.1 408 "), 0U);
}

TEST_F(Hardening, ASlowReaderHoldsUpTheSenderAndNotMemory) {
  start({.capacity = 4096});
  auto client = listener->connect();
  put(*client, "GET /endless HTTP/1.1\r\nhost: x\r\n\r\n");
  test.settle();
  const std::uint64_t stalled = handler.produced;
  EXPECT_LT(stalled, 3 * 4096U);
  test.settle();
  EXPECT_EQ(handler.produced, stalled);
  std::size_t read = 0;
  while (read < 100'000) {
    read += take(*client).size();
    test.settle();
  }
  // Never further ahead than the pipe and one piece.
  EXPECT_LT(handler.produced, read + 3 * 4096U);
  test.advance(limits.write + 1s);
  EXPECT_EQ(handler.failed, Code::kTimeout);
  EXPECT_TRUE(client->peer_gone());
}

TEST_F(Hardening, AReaderThatResetsWakesTheWaitingWriter) {
  start({.capacity = 4096});
  auto client = listener->connect();
  put(*client, "GET /endless HTTP/1.1\r\nhost: x\r\n\r\n");
  test.settle();
  EXPECT_EQ(handler.failed, std::nullopt);
  client->abort();
  test.settle();
  EXPECT_EQ(handler.failed, Code::kClosed);
  EXPECT_EQ(server->connections(), 0U);
}

TEST_F(Hardening, AWipedBodyIsNeverParsedAsARequest) {
  start();
  const std::string answer = talk("POST /fenced HTTP/1.1\r\nhost: x\r\ncontent-length: 40\r\n\r\n" +
                                  std::string(kGood) + std::string(kGood));
  EXPECT_EQ(answer.find("HTTP/1.1 421 "), 0U) << answer;
  EXPECT_EQ(answer.rfind("HTTP/1.1 "), 0U);
  EXPECT_EQ(handler.requests, 1);
}

TEST_F(Hardening, DrainingTellsOpenClientsNotToComeBack) {
  start();
  auto client = listener->connect();
  put(*client, "GET /hang HTTP/1.1\r\nhost: x\r\n\r\n" + std::string(kGood));
  test.settle();
  test.group.spawn(server->drain(5s));
  test.settle();
  handler.go_on.set();
  test.settle();
  const std::string answer = take(*client);
  client->close();
  test.settle();
  EXPECT_NE(answer.find("connection: close\r\n"), std::string::npos) << answer;
  EXPECT_EQ(handler.requests, 1);
  EXPECT_EQ(server->connections(), 0U);
  server.reset();
}

TEST_F(Hardening, TheBudgetIsWholeAgainAfterEveryKindOfEnd) {
  limits.body_bytes = 100;
  start();
  talk(post("content-length: 5\r\n") + "hello");
  talk(post("content-length: 5\r\n") + "he");
  talk(post("transfer-encoding: chunked\r\n") + "3\r\nabc\r\nX");
  talk(post("content-length: 101\r\n"));
  const std::int64_t left = budget.left();
  EXPECT_EQ(left, BodyBudget().left());
}

}  // namespace
}  // namespace tdn::http
