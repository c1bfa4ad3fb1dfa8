// Server and upstream pool over real sockets on loopback, in one thread.
#include "io/tcp.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>

#include "base/random.h"
#include "http/fetch.h"
#include "http/server.h"
#include "http/server_test_fixture.h"
#include "http/transfer.h"
#include "http/upstream.h"

namespace tdn::http {
namespace {

using namespace std::chrono_literals;

class Tcp : public ::testing::Test {
 protected:
  template <class T>
  T run(io::Task<T> task) {
    std::optional<T> value;
    group.spawn(io::TestLoop::keep(std::move(task), value));
    while (!value) {
      loop.run_once(kNever);
    }
    return std::move(*value);
  }
  template <class Condition>
  void run_until(Condition done) {
    while (!done()) {
      loop.run_once(kNever);
    }
  }
  std::unique_ptr<io::Listener> listen() {
    return *network.listen(*io::Address::parse("127.0.0.1:0"), false);
  }
  void start() {
    server.emplace(loop, listen(), handler, limits, budget);
    server->start();
    url = "http://" + io::to_string(server->address());
  }
  Result<Fetched> get(std::string_view target) {
    FetchRequest request;
    request.url = url + std::string(target);
    return run(fetch(network, std::move(request)));
  }
  // Ends every strand. A test calls it before what its strands use goes away.
  void stop() {
    group.cancel();
    run_until([this] { return group.size() == 0; });
  }
  ~Tcp() override {
    if (server) {
      group.spawn(server->drain(0s));
    }
    stop();
  }

  io::EpollPoller poller{system_clock()};
  io::Loop loop{system_clock(), poller};
  io::BlockingPool pool{1};
  io::TcpNetwork network{loop, poller, pool};
  io::TaskGroup group{loop};
  ServerLimits limits;
  ClientLimits client_limits;
  BodyBudget budget;
  TestHandler handler;
  std::optional<Server> server;
  std::string url;
};

TEST_F(Tcp, FetchGetsWholeAnswersOfEveryKind) {
  start();
  const Result<Fetched> plain = get("/a?b=c");
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->status, 200);
  EXPECT_EQ(plain->body, "GET /a?b=c ");
  EXPECT_EQ(plain->field("Content-Type"), "text/plain");
  EXPECT_EQ(get("/stream")->body, "data: 1\n\ndata: 2\n\n");
  EXPECT_EQ(get("/nothing")->status, 204);

  FetchRequest post;
  post.method = "POST";
  post.url = url;
  post.body = std::string(300'000, 'b');
  EXPECT_EQ(run(fetch(network, post))->body, "POST / " + post.body);
  FetchRequest head;
  head.method = "HEAD";
  head.url = url + "/a";
  EXPECT_EQ(run(fetch(network, head))->body, "");
}

TEST_F(Tcp, FetchSaysWhatIsWrong) {
  start();
  EXPECT_EQ(get("/unfinished").error().code(), Code::kClosed);
  FetchRequest small;
  small.url = url + "/a";
  small.limit = 3;
  EXPECT_EQ(run(fetch(network, small)).error().code(), Code::kUpstreamError);
  FetchRequest slow;
  slow.url = url + "/hang";
  slow.timeout = 1ms;
  EXPECT_EQ(run(fetch(network, slow)).error().code(), Code::kTimeout);
  FetchRequest nobody;
  {
    const std::unique_ptr<io::Listener> gone = listen();
    nobody.url = "http://" + io::to_string(gone->address());
  }
  EXPECT_EQ(run(fetch(network, nobody)).error().code(), Code::kUnavailable);
}

TEST(Url, IsReadStrictly) {
  const Url url = parse_url("http://[::1]:8080?x=1").value();
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.authority(), "[::1]:8080");
  EXPECT_EQ(url.target, "/?x=1");
  EXPECT_EQ(parse_url("http://h/a/b?c")->target, "/a/b?c");
  EXPECT_EQ(parse_url("http://h")->authority(), "h:80");
  for (const std::string_view bad :
       {"", "h:80", "https://h/", "http://", "http:///a", "http://h:0/", "http://h:65536/",
        "http://h:8o/", "http://u:p@h/", "http://h/a b", "http://h/\r\nx: y", "http://[::1/",
        "http://h/#f", "http://[::1]x"}) {
    EXPECT_EQ(parse_url(bad).error().code(), Code::kInvalid) << bad;
  }
}

// An engine that answers what it reads and closes connections whenever it likes: after an answer at
// once, or somewhat later while the next request may be on its way.
class MoodyEngine {
 public:
  MoodyEngine(std::unique_ptr<io::Listener> listener, io::TaskGroup& group)
      : listener_(std::move(listener)), group_(group) {}

  io::Task<> run() {
    while (true) {
      Result<std::unique_ptr<io::Stream>> stream = co_await listener_->accept();
      if (!stream) {
        co_return;
      }
      group_.spawn(serve(std::move(*stream)));
    }
  }
  [[nodiscard]] io::Address address() const { return listener_->address(); }
  int answered = 0;
  int closed = 0;

 private:
  io::Task<> serve(std::unique_ptr<io::Stream> stream) {
    std::string received;
    std::array<char, 4096> buffer;
    while (true) {
      const Result<std::size_t> count = co_await io::read_some(*stream, buffer);
      if (!count || *count == 0) {
        co_return;
      }
      received.append(buffer.data(), *count);
      codec::RequestParser parser;
      const Result<bool> whole = parser.parse(received);
      if (!whole || !*whole) {
        continue;
      }
      received.clear();
      ++answered;
      const Result<void> sent = co_await io::write_all(
          *stream, std::string_view("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
      if (!sent) {
        co_return;
      }
      switch (random_.below(5)) {
        case 0:
          ++closed;
          co_return;
        case 1:
          co_await io::yield();
          ++closed;
          co_return;
        case 2: {  // just when the next request has been sent
          [[maybe_unused]] const io::Wake wake = co_await stream->readable();
          ++closed;
          co_return;
        }
        default:
          break;
      }
    }
  }

  std::unique_ptr<io::Listener> listener_;
  io::TaskGroup& group_;
  SeededRandom random_{7};
};

io::Task<Result<std::string>> attempt(Upstream& upstream, bool fresh) {
  TDN_CO_TRY(Exchange exchange, co_await upstream.open(fresh));
  const io::Slice request("GET /x HTTP/1.1\r\nhost: e\r\n\r\n");
  TDN_CO_TRY_VOID(co_await exchange.send(std::span(&request, 1)));
  TDN_CO_TRY([[maybe_unused]] const codec::ResponseHead* head, co_await exchange.read_head());
  std::string body;
  while (true) {
    TDN_CO_TRY(const std::optional<std::string_view> piece, co_await exchange.read_body());
    if (!piece) {
      co_return body;
    }
    body += *piece;
  }
}

// As the gateway does: a dead pooled connection is nobody's fault, the request goes out again.
io::Task<int> ask_often(Upstream& upstream, int times, int& retried) {
  int good = 0;
  for (int i = 0; i < times; ++i) {
    Result<std::string> answer = co_await attempt(upstream, false);
    if (!answer && answer.error().retry() == Retry::kSameRoute) {
      ++retried;
      answer = co_await attempt(upstream, true);
    }
    good += answer && *answer == "ok" ? 1 : 0;
  }
  co_return good;
}

TEST_F(Tcp, AnEngineThatClosesIdleConnectionsAtRandomLosesNoRequest) {
  MoodyEngine engine(listen(), group);
  Upstream upstream(loop, network, engine.address(), client_limits);
  group.spawn(engine.run());
  int retried = 0;
  EXPECT_EQ(run(ask_often(upstream, 1000, retried)), 1000);
  EXPECT_EQ(engine.answered, 1000);
  EXPECT_GT(engine.closed, 200);
  EXPECT_GT(retried, 0);
  EXPECT_LE(upstream.opened(), static_cast<std::uint64_t>(engine.closed) + 1);
  stop();
}

// Reads one event at a time; the next is produced only when it is asked for.
struct OnDemand final : Handler {
  io::Task<> handle(ServerConnection& connection) override {
    if (!connection.begin(200, {})) {
      co_return;
    }
    for (int i = 0; i < 100; ++i) {
      const io::Wake wake = co_await wanted.wait();
      const io::Slice slice("data: x\n\n");
      const Result<void> sent = co_await connection.write(std::span(&slice, 1));
      if (wake != io::Wake::kReady || !sent) {
        co_return;
      }
    }
    [[maybe_unused]] const Result<void> sent = co_await connection.end();
  }
  io::Task<> refuse(ServerConnection&, Error) override { co_return; }
  io::Event wanted;
};

io::Task<Result<int>> take_events(Upstream& upstream, OnDemand& producer) {
  TDN_CO_TRY(Exchange exchange, co_await upstream.open());
  const io::Slice request("GET / HTTP/1.1\r\nhost: e\r\n\r\n");
  TDN_CO_TRY_VOID(co_await exchange.send(std::span(&request, 1)));
  exchange.expect_stream();
  producer.wanted.set();
  TDN_CO_TRY([[maybe_unused]] const codec::ResponseHead* head, co_await exchange.read_head());
  int events = 0;
  while (true) {
    TDN_CO_TRY(const std::optional<std::string_view> piece, co_await exchange.read_body());
    if (!piece) {
      co_return events;
    }
    events += *piece == "data: x\n\n" ? 1 : 1000;
    producer.wanted.set();
  }
}

TEST_F(Tcp, EachEventLeavesWhenItArrives) {
  OnDemand producer;
  Server streaming(loop, listen(), producer, limits, budget);
  streaming.start();
  {
    Upstream upstream(loop, network, streaming.address(), client_limits);
    EXPECT_EQ(run(take_events(upstream, producer)), 100);
    EXPECT_EQ(upstream.idle(), 1U);
  }
  group.spawn(streaming.drain(0s));
  run_until([&] { return group.size() == 0; });
}

io::Task<Result<std::unique_ptr<io::Stream>>> dial(io::Network& network, io::Address to,
                                                   std::string text) {
  TDN_CO_TRY(std::unique_ptr<io::Stream> stream, co_await network.connect(to));
  TDN_CO_TRY_VOID(co_await io::write_all(*stream, text));
  co_return stream;
}

TEST_F(Tcp, ASlowReaderThatResetsFreesItsWriter) {
  start();
  auto client = run(dial(network, server->address(), "GET /endless HTTP/1.1\r\nhost: x\r\n\r\n"));
  ASSERT_TRUE(client.has_value());
  // Until the kernel's buffers are full and the writer waits.
  while (loop.run_once(loop.now()) || handler.produced == 0) {
  }
  (*client)->abort();
  run_until([&] { return server->connections() == 0; });
  EXPECT_EQ(handler.failed, Code::kClosed);
}

// A request that fills the server's first buffer to its last byte: the socket may have more, so it
// counts as readable. That is no beginning of a next request.
TEST_F(Tcp, AKeptConnectionIsClosedQuietlyThoughItSeemedReadable) {
  limits.head = 1ms;
  limits.idle = 30ms;
  start();
  std::string request = "GET /a HTTP/1.1\r\nhost: x\r\nx: ";
  request.append(2048 - kScratchPadding - request.size() - 4, 'x').append("\r\n\r\n");
  auto client = run(dial(network, server->address(), request));
  std::string all;
  std::array<char, 4096> buffer;
  while (true) {
    const Result<std::size_t> count = run(io::read_some(**client, buffer));
    ASSERT_TRUE(count.has_value());
    if (*count == 0) {
      break;
    }
    all.append(buffer.data(), *count);
  }
  EXPECT_TRUE(all.ends_with("\r\n\r\nGET /a ")) << all;
}

TEST_F(Tcp, AHalfClosedClientGetsItsAnswer) {
  start();
  auto client = run(dial(network, server->address(), "GET /a HTTP/1.1\r\nhost: x\r\n\r\n"));
  (*client)->shutdown();
  std::array<char, 200> buffer;
  const auto count = run(io::read_some(**client, buffer));
  EXPECT_EQ(std::string_view(buffer.data(), 15), "HTTP/1.1 200 OK");
  EXPECT_GT(count.value(), 15U);
}

}  // namespace
}  // namespace tdn::http
