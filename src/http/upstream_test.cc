#include "http/upstream.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "io/event.h"
#include "io/pipe.h"
#include "io/test_loop.h"

namespace tdn::http {
namespace {

using namespace std::chrono_literals;

// A network whose only host is a function that gets the far end of each connection.
class OneHost final : public io::Network {
 public:
  io::Task<Result<std::unique_ptr<io::Stream>>> connect(io::Address) override {
    if (refuse) {
      co_return fail(Code::kUnavailable, "refused");
    }
    io::PipeEnds ends = io::make_pipe(options);
    far.push_back(std::move(ends.second));
    co_return std::move(ends.first);
  }
  Result<std::unique_ptr<io::Listener>> listen(io::Address, bool) override {
    return fail(Code::kUnavailable, "no listening here");
  }
  io::Task<Result<io::Address>> resolve(std::string, std::uint16_t) override {
    co_return io::Address{};
  }
  bool refuse = false;
  io::PipeOptions options;
  std::vector<std::unique_ptr<io::Stream>> far;
};

class UpstreamTest : public ::testing::Test {
 protected:
  void far_writes(std::size_t index, std::string_view bytes) {
    const io::Slice slice(bytes);
    ASSERT_EQ(network.far[index]->try_write(std::span(&slice, 1)),
              static_cast<ssize_t>(bytes.size()));
  }
  std::string far_reads(std::size_t index) {
    char buffer[4096];
    const ssize_t count = network.far[index]->try_read(buffer);
    return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : "";
  }
  // A whole exchange: "200 body", or the error's name and retry hint.
  static io::Task<> ask(Upstream& upstream, std::string& outcome) {
    Result<Exchange> exchange = co_await upstream.open();
    if (!exchange) {
      outcome = describe(exchange.error());
      co_return;
    }
    const io::Slice slice("GET / HTTP/1.1\r\n\r\n");
    const Result<void> sent = co_await exchange->send(std::span(&slice, 1));
    if (!sent) {
      outcome = describe(sent.error());
      co_return;
    }
    const Result<const codec::ResponseHead*> head = co_await exchange->read_head();
    if (!head) {
      outcome = describe(head.error());
      co_return;
    }
    std::string text = std::to_string((*head)->status()) + " ";
    while (true) {
      const auto piece = co_await exchange->read_body();
      if (!piece) {
        outcome = text + describe(piece.error());
        co_return;
      }
      if (!*piece) {
        break;
      }
      text += **piece;
    }
    outcome = text;
  }
  static std::string describe(const Error& error) {
    const char* retry[] = {"no", "other", "same"};
    return std::string(info(error.code()).name) + "/" + retry[static_cast<int>(error.retry())];
  }

  io::TestLoop test;
  OneHost network;
  ClientLimits limits;
  Upstream upstream{test.loop, network, {}, limits};
  std::string outcome;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

// Peers by name: what `open` is asked for.
class NamedPeers final : public io::PeerLink {
 public:
  explicit NamedPeers(io::Network& network) : network_(network) {}
  [[nodiscard]] bool knows(std::string_view) const override { return true; }
  io::Task<Result<std::unique_ptr<io::Stream>>> open(std::string_view site) override {
    asked.emplace_back(site);
    co_return co_await network_.connect({});
  }
  std::vector<std::string> asked;

 private:
  io::Network& network_;
};

TEST_F(UpstreamTest, KeepsAConnectionWhoseAnswerWasReadToTheEnd) {
  for (int i = 0; i < 3; ++i) {
    test.group.spawn(ask(upstream, outcome));
    test.settle();
    EXPECT_EQ(far_reads(0), "GET / HTTP/1.1\r\n\r\n");
    far_writes(0, kOk);
    test.settle();
    EXPECT_EQ(outcome, "200 ok");
  }
  EXPECT_EQ(upstream.opened(), 1U);
  EXPECT_EQ(upstream.idle(), 1U);
}

TEST_F(UpstreamTest, DropsAnIdleConnectionThatTheEngineCloses) {
  test.group.spawn(ask(upstream, outcome));
  test.settle();
  far_reads(0);
  far_writes(0, kOk);
  test.settle();
  network.far[0]->close();
  test.group.spawn(ask(upstream, outcome));
  test.settle();
  far_writes(1, kOk);
  test.settle();
  EXPECT_EQ(outcome, "200 ok");
  EXPECT_EQ(upstream.opened(), 2U);
}

TEST_F(UpstreamTest, SaysWhenAReusedConnectionDiedUnanswered) {
  test.group.spawn(ask(upstream, outcome));
  test.settle();
  far_reads(0);
  far_writes(0, kOk);
  test.settle();
  test.group.spawn(ask(upstream, outcome));
  test.settle();
  network.far[0]->abort();
  test.settle();
  EXPECT_EQ(outcome, "closed/same");
}

TEST_F(UpstreamTest, AFreshConnectionThatDiesIsTriedElsewhere) {
  test.group.spawn(ask(upstream, outcome));
  test.settle();
  network.far[0]->abort();
  test.settle();
  EXPECT_EQ(outcome, "closed/other");
}

TEST_F(UpstreamTest, ABodyThatBreaksOffIsAnError) {
  test.group.spawn(ask(upstream, outcome));
  test.settle();
  far_reads(0);
  far_writes(0, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
  network.far[0]->shutdown();
  test.settle();
  EXPECT_EQ(outcome, "200 halfupstream_error/other");
  EXPECT_EQ(upstream.idle(), 0U);
}

TEST_F(UpstreamTest, DeChunksAtAnyFragmentation) {
  for (const std::size_t fragment : {1, 2, 5, 100}) {
    network.options.max_read = fragment;
    Upstream fresh(test.loop, network, {}, limits);
    const std::size_t index = network.far.size();
    test.group.spawn(ask(fresh, outcome));
    test.settle();
    far_writes(
        index,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    test.settle();
    EXPECT_EQ(outcome, "200 abcde") << fragment;
    EXPECT_EQ(fresh.idle(), 1U);
  }
}

TEST_F(UpstreamTest, EveryWaitHasItsDeadline) {
  test.group.spawn(ask(upstream, outcome));
  test.advance(limits.first_byte - 1ms);
  EXPECT_EQ(outcome, "");
  test.advance(1ms);
  EXPECT_EQ(outcome, "timeout/other");
  test.group.spawn(ask(upstream, outcome));
  test.settle();
  far_reads(1);
  far_writes(1, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
  test.advance(limits.between_bytes);
  EXPECT_EQ(outcome, "200 halftimeout/other");
}

TEST_F(UpstreamTest, RefusedMeansElsewhere) {
  network.refuse = true;
  test.group.spawn(ask(upstream, outcome));
  test.settle();
  EXPECT_EQ(outcome, "unavailable/other");
}

TEST_F(UpstreamTest, IsBounded) {
  limits.connections = 1;
  test.group.spawn(ask(upstream, outcome));
  test.settle();
  std::string second;
  test.group.spawn(ask(upstream, second));
  test.settle();
  EXPECT_EQ(second, "overloaded/other");
  far_writes(0, kOk);
  test.settle();
  EXPECT_EQ(outcome, "200 ok");
}

TEST_F(UpstreamTest, BytesBehindAnAnswerAreNotTakenForTheNextOne) {
  for (const std::string_view stray : {"", "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged"}) {
    network.options.max_read = kOk.size();  // the stray bytes stay in the stream
    test.group.spawn(ask(upstream, outcome));
    test.settle();
    far_reads(network.far.size() - 1);
    far_writes(network.far.size() - 1, std::string(kOk) + std::string(stray));
    test.settle();
    EXPECT_EQ(outcome, "200 ok");
    EXPECT_EQ(upstream.idle(), stray.empty() ? 1U : 0U);
  }
}

TEST_F(UpstreamTest, AnAbandonedExchangeResetsItsConnection) {
  {
    io::TaskGroup group(test.loop);
    group.spawn(ask(upstream, outcome));
    test.settle();
    group.cancel();
    test.settle();
  }
  EXPECT_TRUE(network.far[0]->peer_gone());
}

TEST_F(UpstreamTest, ClosesWhatWasIdleForTooLong) {
  test.group.spawn(ask(upstream, outcome));
  test.settle();
  far_reads(0);
  far_writes(0, kOk);
  test.settle();
  test.advance(limits.idle);
  upstream.close_stale(test.loop.now());
  EXPECT_EQ(upstream.idle(), 1U);
  test.advance(1ms);
  upstream.close_stale(test.loop.now());
  EXPECT_EQ(upstream.idle(), 0U);
}

// A body that came with the head needs no copy; any other is read piece by piece.
io::Task<> ask_for_whole(Upstream& upstream, std::string& outcome) {
  Result<Exchange> exchange = co_await upstream.open();
  const io::Slice slice("GET / HTTP/1.1\r\n\r\n");
  const Result<void> sent = co_await exchange->send(std::span(&slice, 1));
  const Result<const codec::ResponseHead*> head = co_await exchange->read_head();
  if (!sent || !head) {
    outcome = "failed";
    co_return;
  }
  const Exchange::Piece whole = exchange->take_whole_body();
  outcome = whole ? std::string(*whole) : "in pieces";
  EXPECT_EQ(exchange->complete(), whole.has_value());
}

TEST_F(UpstreamTest, AWholeBodyIsTakenWhereItLies) {
  test.group.spawn(ask_for_whole(upstream, outcome));
  test.settle();
  far_writes(0, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
  test.settle();
  EXPECT_EQ(outcome, "hello");
  EXPECT_EQ(upstream.idle(), 1U);
}

TEST_F(UpstreamTest, ABodyThatIsNotAllThereIsNotTakenWhole) {
  for (const std::string_view answer :
       {"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"}) {
    const std::size_t index = network.far.size();
    test.group.spawn(ask_for_whole(upstream, outcome));
    test.settle();
    far_writes(index, answer);
    test.settle();
    EXPECT_EQ(outcome, "in pieces") << answer;
  }
}

// Reads a body piece by piece and waits for `go` between them, as a relay waits for its client.
io::Task<> read_slowly(Upstream& upstream, io::Event& go, std::string& body) {
  Result<Exchange> exchange = co_await upstream.open();
  const io::Slice slice("GET / HTTP/1.1\r\n\r\n");
  const Result<void> sent = co_await exchange->send(std::span(&slice, 1));
  const Result<const codec::ResponseHead*> head = co_await exchange->read_head();
  EXPECT_TRUE(sent && head);
  while (true) {
    const Result<Exchange::Piece> piece = co_await exchange->read_body();
    EXPECT_TRUE(piece.has_value());
    if (!piece || !*piece) {
      co_return;
    }
    body.append(**piece);
    const io::Wake wake = co_await go.wait();
    EXPECT_EQ(wake, io::Wake::kReady);
  }
}

// All connections of a thread read into the same memory.
TEST_F(UpstreamTest, WhatIsLeftOfAReadOutlivesWhatOthersRead) {
  io::Event go_first;
  io::Event go_second;
  std::string first;
  std::string second;
  test.group.spawn(read_slowly(upstream, go_first, first));
  test.group.spawn(read_slowly(upstream, go_second, second));
  test.settle();
  for (std::size_t i : {0, 1}) {
    far_writes(i, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
  }
  test.settle();
  far_writes(0, "3\r\nabc\r\n3\r\ndef\r\n3\r\nghi\r\n0\r\n\r\n");
  test.settle();
  far_writes(1, "3\r\nABC\r\n3\r\nDEF\r\n3\r\nGHI\r\n0\r\n\r\n");
  test.settle();
  for (int i = 0; i < 3; ++i) {
    go_first.set();
    test.settle();
    go_second.set();
    test.settle();
  }
  EXPECT_EQ(first, "abcdefghi");
  EXPECT_EQ(second, "ABCDEFGHI");
}

TEST_F(UpstreamTest, OpensThroughThePeerLinkAndKeepsTheConnection) {
  NamedPeers link(network);
  Upstream paris(test.loop, link, "paris", limits);
  for (int i = 0; i < 2; ++i) {
    test.group.spawn(ask(paris, outcome));
    test.settle();
    far_writes(0, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
    test.settle();
    EXPECT_EQ(outcome, "200 hi");
  }
  EXPECT_EQ(link.asked, std::vector<std::string>{"paris"});
  network.refuse = true;
  paris.close_idle();
  test.group.spawn(ask(paris, outcome));
  test.settle();
  EXPECT_EQ(outcome, "unavailable/other");
}

io::Task<> dial_both(io::DialLink& link, std::string& said) {
  const auto known = co_await link.open("paris");
  const auto unknown = co_await link.open("rome");
  said = known ? unknown.error().detail() : known.error().detail();
}

TEST(DialLink, DialsTheAddressOfASiteAndNamesOneItDoesNotKnow) {
  io::TestLoop test;
  OneHost network;
  const io::DialMap addresses{{"paris", *io::Address::parse("127.0.0.1:8183")}};
  io::DialLink link(network, addresses);
  EXPECT_TRUE(link.knows("paris"));
  EXPECT_FALSE(link.knows("rome"));
  std::string outcome;
  test.group.spawn(dial_both(link, outcome));
  test.settle();
  EXPECT_EQ(outcome, "no address is known for the site rome; name one with --dial");
  EXPECT_EQ(network.far.size(), 1U);
}

}  // namespace
}  // namespace tdn::http
