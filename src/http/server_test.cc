#include "http/server.h"

#include <gtest/gtest.h>

#include <string>

#include "http/server_test_fixture.h"

namespace tdn::http {
namespace {

using namespace std::chrono_literals;

using ServerTest = ServerFixture;

constexpr std::string_view kPost = "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello";

TEST_F(ServerTest, AnswersAHalfClosedClient) {
  start();
  EXPECT_EQ(body_of(talk(kPost)), "POST /a hello");
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrderAtAnyFragmentation) {
  for (const std::size_t fragment : {1, 2, 3, 7, 1000}) {
    SCOPED_TRACE(fragment);
    handler.requests = 0;
    server.reset();
    start({.max_read = fragment, .max_write = fragment});
    const std::string answer = talk(std::string(kPost) +
                                    "POST /b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: "
                                    "chunked\r\n\r\n3\r\nfoo\r\n4;x=y\r\nbarz\r\n"
                                    "0\r\ntrailer: gone\r\n\r\n" +
                                    "GET /c HTTP/1.1\r\nhost: x\r\n\r\n");
    EXPECT_EQ(handler.requests, 3);
    EXPECT_LT(answer.find("POST /a hello"), answer.find("POST /b foobarz"));
    EXPECT_LT(answer.find("POST /b foobarz"), answer.find("GET /c "));
    test.group.spawn(server->drain(0s));
    test.settle();
  }
}

TEST_F(ServerTest, StreamsInChunksAndKeepsTheConnection) {
  start();
  const std::string answer =
      talk("POST /stream HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n" + std::string(kPost));
  EXPECT_NE(answer.find("\r\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\nHTTP/1.1 200"),
            std::string::npos)
      << answer;
}

TEST_F(ServerTest, Http10GetsItsStreamUntilClose) {
  start();
  const std::string answer = talk("POST /stream HTTP/1.0\r\ncontent-length: 0\r\n\r\n");
  EXPECT_EQ(body_of(answer), "data: 1\n\ndata: 2\n\n");
}

TEST_F(ServerTest, HeadHasTheLengthAndNoBody) {
  start();
  const std::string answer = talk("HEAD /a HTTP/1.1\r\nhost: x\r\n\r\n");
  EXPECT_NE(answer.find("content-length: 8\r\n"), std::string::npos) << answer;
  EXPECT_EQ(body_of(answer), "");
}

TEST_F(ServerTest, ContinuesOnlyWhenTheBodyIsWanted) {
  start();
  const std::string wanted =
      talk("POST /a HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n");
  EXPECT_EQ(wanted.find("HTTP/1.1 100 Continue\r\n\r\n"), 0U);
  const std::string unwanted =
      talk("POST /early HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n");
  EXPECT_EQ(unwanted.find("HTTP/1.1 403"), 0U);
  EXPECT_NE(unwanted.find("connection: close"), std::string::npos);
}

TEST_F(ServerTest, AnEarlyAnswerReachesAClientThatIsStillSending) {
  start();
  std::unique_ptr<io::Stream> client = listener->connect();
  std::string bytes = "POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 500000\r\n\r\n";
  bytes.append(500'000, 'x');
  EXPECT_EQ(body_of(test.run(exchange(*client, bytes))), "no");
}

TEST_F(ServerTest, RefusesWhatIsTooLarge) {
  limits.body_bytes = 10;
  start();
  EXPECT_EQ(body_of(talk("POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n")),
            "request_too_large");
  EXPECT_EQ(body_of(talk("POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
                         "8\r\naaaaaaaa\r\n8\r\naaaaaaaa\r\n8\r\naaaaaaaa\r\n0\r\n\r\n")),
            "request_too_large");
  EXPECT_EQ(body_of(talk("GET /" + std::string(70'000, 'a') + " HTTP/1.1\r\n")),
            "headers_too_large");
}

TEST_F(ServerTest, RefusesBodiesBeyondTheProcessBudgetAndGivesItBack) {
  BodyBudget& left = budget;
  ASSERT_TRUE(left.take((std::size_t{256} << 20) - 4));
  start();
  EXPECT_EQ(body_of(talk(kPost)), "overloaded");
  left.give_back(4);
  EXPECT_EQ(body_of(talk(kPost)), "POST /a hello");
  EXPECT_EQ(left.left(), 8);
}

TEST_F(ServerTest, ASlowHeadIsAnsweredAndAnIdleConnectionJustClosed) {
  start();
  std::unique_ptr<io::Stream> slow = listener->connect();
  std::unique_ptr<io::Stream> idle = listener->connect();
  const io::Slice slice("GET / HT");
  ASSERT_GT(slow->try_write(std::span(&slice, 1)), 0);
  test.advance(limits.idle + 1s);
  char buffer[1000];
  const ssize_t count = slow->try_read(buffer);
  ASSERT_GT(count, 0);
  EXPECT_EQ(std::string_view(buffer, 12), "HTTP/1.1 408");
  EXPECT_EQ(idle->try_read(buffer), io::kEnd);
  EXPECT_EQ(server->connections(), 0U);
}

TEST_F(ServerTest, AKeptConnectionIsClosedQuietlyAfterItsIdleTimeAndNotBefore) {
  start();
  std::unique_ptr<io::Stream> client = listener->connect();
  put(*client, "GET /a HTTP/1.1\r\nhost: x\r\n\r\n");
  test.settle();
  EXPECT_EQ(body_of(take(*client)), "GET /a ");
  test.advance(limits.idle - 1s);
  EXPECT_EQ(take(*client), "");
  put(*client, "GET /b HTTP/1.1\r\n");  // its head has its own time from here on
  test.advance(limits.head - 1s);
  put(*client, "host: x\r\n\r\n");
  test.settle();
  EXPECT_EQ(body_of(take(*client)), "GET /b ");
  test.advance(limits.idle + 1s);
  char buffer[100];
  EXPECT_EQ(client->try_read(buffer), io::kEnd);
}

TEST_F(ServerTest, DrainClosesIdleOnesAndCancelsWhatOutlivesTheGrace) {
  start();
  std::unique_ptr<io::Stream> idle = listener->connect();
  std::unique_ptr<io::Stream> busy = connect_and_hang();
  test.settle();
  ASSERT_EQ(server->connections(), 2U);
  test.group.spawn(server->drain(5s));
  test.settle();
  EXPECT_EQ(server->connections(), 1U);
  test.advance(4s);
  EXPECT_EQ(server->connections(), 1U);
  test.advance(1s);
  EXPECT_EQ(server->connections(), 0U);
  server.reset();
}

TEST_F(ServerTest, ClientsBeyondTheLimitWaitUntilThereIsRoom) {
  limits.connections = 1;
  start();
  std::unique_ptr<io::Stream> first = connect_and_hang();
  std::unique_ptr<io::Stream> second = listener->connect();
  test.settle();
  EXPECT_EQ(server->connections(), 1U);
  EXPECT_EQ(server->times_full(), 1U);
  EXPECT_FALSE(second->peer_gone());
  first->abort();
  test.advance(1s);
  EXPECT_EQ(server->connections(), 1U);
  EXPECT_FALSE(second->peer_gone()) << "it is served now";
}

TEST_F(ServerTest, AConnectionThatSaysNothingGivesWayAtTheLimit) {
  limits.connections = 1;
  start();
  std::unique_ptr<io::Stream> idle = listener->connect();
  std::unique_ptr<io::Stream> next = listener->connect();
  test.settle();
  EXPECT_FALSE(idle->peer_finished() || idle->peer_gone()) << "it only just came";
  test.advance(2s);
  EXPECT_TRUE(idle->peer_finished() || idle->peer_gone());
  EXPECT_FALSE(next->peer_finished() || next->peer_gone());
}

TEST_F(ServerTest, StopsWhileClientsWait) {
  limits.connections = 1;
  start();
  std::unique_ptr<io::Stream> first = connect_and_hang();
  std::unique_ptr<io::Stream> second = listener->connect();
  test.settle();
  test.group.spawn(server->drain(1s));
  test.advance(2s);
  EXPECT_EQ(server->connections(), 0U);
  server.reset();
}

}  // namespace
}  // namespace tdn::http
