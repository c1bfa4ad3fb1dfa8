#include "io/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "io/pipe.h"
#include "io/test_loop.h"
#include "io/tls_test_peer.h"

namespace tdn::io {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// One authority and one certificate for all tests: making keys costs more than all else.
struct World {
  TestCertificate authority = make_certificate({.name = "Test Authority"}, nullptr);
  TestCertificate engine = make_certificate({}, &authority);
  std::shared_ptr<const TlsTrust> trust = trust_in(authority);

  static std::shared_ptr<const TlsTrust> trust_in(const TestCertificate& authority) {
    const std::string path = ::testing::TempDir() + "tls_test_authority.pem";
    std::ofstream(path) << authority.certificate;
    auto trust = TlsTrust::load(path);
    EXPECT_TRUE(trust.has_value());
    std::remove(path.c_str());
    return *trust;
  }
};

World& world() {
  static World made;
  return made;
}

using Connected = Result<std::unique_ptr<Stream>>;

// A client and a server over a pipe; the handshake is begun and runs as the test's loop does.
struct Pair {
  TestLoop test;
  PipeEnds pipe;
  std::shared_ptr<TlsClient> client = TlsClient::create(world().trust);
  std::optional<TlsTestServer> server;
  std::optional<Connected> connected;
  std::optional<bool> accepted;

  explicit Pair(const PipeOptions& options = {}) : pipe(make_pipe(options)) {}
  ~Pair() {
    test.group.cancel();
    test.settle();
    connected.reset();
  }

  void begin(const TestCertificate& identity, const TlsTestServer::Options& options = {},
             const std::string& host = "engine.example", const TlsTestServer* tickets = nullptr) {
    server.emplace(*pipe.second, identity, options, tickets);
    test.group.spawn(TestLoop::keep(server->handshake(), accepted));
    begin_client(host);
  }
  void begin_client(const std::string& host = "engine.example") {
    test.group.spawn(TestLoop::keep(client->connect(std::move(pipe.first), host), connected));
    test.settle();
  }
  Stream& stream() { return **connected.value(); }
  [[nodiscard]] std::string why() const {
    return connected && !connected->has_value() ? connected->error().detail() : "no error";
  }
  [[nodiscard]] Code code() const { return connected.value().error().code(); }
};

Task<Result<std::string>> read_all(Stream& stream) {
  std::string all;
  std::array<char, 1000> buffer;
  while (true) {
    TDN_CO_TRY(const std::size_t count, co_await read_some(stream, buffer));
    if (count == 0) {
      co_return all;
    }
    all.append(buffer.data(), count);
  }
}

Task<bool> send_and_end(TlsTestServer& server, std::string bytes) {
  const bool sent = co_await server.write(std::move(bytes));
  co_return sent&& co_await server.say_end();
}

Task<bool> send_all(Stream& stream, std::string bytes) {
  const Result<void> sent = co_await write_all(stream, bytes);
  co_return sent.has_value();
}

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = static_cast<char>('a' + i % 23 + i / 1000 % 3);
  }
  return out;
}

TEST(Tls, SpeaksTheNewestVersionAndSaysWhomItWants) {
  Pair pair;
  pair.begin(world().engine);
  ASSERT_TRUE(pair.connected && *pair.connected) << pair.why();
  EXPECT_EQ(pair.accepted, true);
  EXPECT_EQ(pair.server->version(), "TLSv1.3");
  EXPECT_EQ(pair.server->server_name(), "engine.example");
  EXPECT_EQ(pair.client->counts().handshakes, 1U);
}

// Every fragmentation of both directions, more bytes than the pipe holds, both versions.
RC_GTEST_PROP(Tls, DeliversTheSameBytesAtAnyFragmentation, ()) {
  const PipeOptions options{.capacity = *rc::gen::inRange<std::size_t>(1, 5000),
                            .max_read = *rc::gen::inRange<std::size_t>(0, 90),
                            .max_write = *rc::gen::inRange<std::size_t>(0, 90)};
  Pair pair(options);
  pair.begin(world().engine, {.only_1_2 = *rc::gen::arbitrary<bool>()});
  RC_ASSERT(pair.connected && pair.connected->has_value());
  const std::string up = pattern(*rc::gen::inRange<std::size_t>(0, 40'000));
  const std::string down = pattern(*rc::gen::inRange<std::size_t>(0, 40'000));
  std::optional<bool> sent;
  pair.test.group.spawn(TestLoop::keep(send_all(pair.stream(), up), sent));
  RC_ASSERT(pair.test.run(pair.server->read(up.size())) == up);
  RC_ASSERT(sent == true);
  std::optional<bool> answered;
  pair.test.group.spawn(TestLoop::keep(send_and_end(*pair.server, down), answered));
  const Result<std::string> got = pair.test.run(read_all(pair.stream()));
  RC_ASSERT(got.has_value());
  RC_ASSERT(*got == down);
  RC_ASSERT(answered == true);
}

TEST(Tls, ManySlicesArriveInOrder) {
  Pair pair;
  pair.begin(world().engine);
  const std::string a = pattern(10'000);
  const std::string b = pattern(9'000);
  const std::vector<Slice> slices{Slice(a), Slice(""), Slice(b), Slice("end")};
  const ssize_t taken = pair.stream().try_write(slices);
  ASSERT_GT(taken, 10'000);
  const std::string all = a + b + "end";
  EXPECT_EQ(pair.test.run(pair.server->read(static_cast<std::size_t>(taken))),
            all.substr(0, static_cast<std::size_t>(taken)));
}

TEST(Tls, RefusesByName) {
  const auto refused = [](const TestCertificate& identity, const std::string& host) {
    Pair pair;
    pair.begin(identity, {}, host);
    EXPECT_TRUE(pair.connected && !*pair.connected);
    EXPECT_EQ(pair.code(), Code::kInvalid);
    EXPECT_EQ(pair.client->counts().refused, 1U);
    return pair.why();
  };
  const TestCertificate& authority = world().authority;
  EXPECT_THAT(
      refused(make_certificate({.from_days = -9, .to_days = -2}, &authority), "engine.example"),
      HasSubstr("certificate of engine.example is refused: it expired on"));
  EXPECT_THAT(refused(make_certificate({.from_days = 3}, &authority), "engine.example"),
              HasSubstr("not valid before"));
  EXPECT_THAT(refused(world().engine, "other.example"),
              HasSubstr("it is for engine.example, not for other.example"));
  EXPECT_THAT(refused(world().engine, "127.0.0.1"), HasSubstr("not for 127.0.0.1"));
  EXPECT_THAT(refused(make_certificate({}, nullptr), "engine.example"),
              HasSubstr("(CN=engine.example) is not one that this machine trusts"));
  const TestCertificate stranger = make_certificate({.name = "Stranger"}, nullptr);
  EXPECT_THAT(refused(make_certificate({}, &stranger), "engine.example"),
              HasSubstr("(CN=Stranger) is not one that this machine trusts; if it is yours, name "
                        "its certificate with --upstream-ca"));
}

TEST(Tls, AnAddressMustBeInTheCertificateAsOne) {
  for (const char* host : {"127.0.0.1", "::1"}) {
    Pair pair;
    pair.begin(make_certificate({.name = host}, &world().authority), {}, host);
    EXPECT_TRUE(pair.connected && *pair.connected) << pair.why();
    EXPECT_EQ(pair.server->server_name(), "");
  }
}

TEST(Tls, AWildcardStandsForOneLabel) {
  const TestCertificate many = make_certificate({.name = "*.models.example"}, &world().authority);
  Pair good;
  good.begin(many, {}, "engine.models.example");
  EXPECT_TRUE(good.connected && *good.connected) << good.why();
  Pair deep;
  deep.begin(many, {}, "a.engine.models.example");
  EXPECT_EQ(deep.code(), Code::kInvalid);
}

TEST(Tls, OldVersionsAndForeignProtocolsAreNotSpoken) {
  Pair old;
  old.begin(world().engine, {.only_old = true});
  EXPECT_THAT(old.why(), HasSubstr("engine.example: it offers neither TLS 1.2 nor 1.3"));
  EXPECT_EQ(old.code(), Code::kUnavailable);
  Pair other;
  other.begin(world().engine, {.protocol = "h2"});
  EXPECT_EQ(other.code(), Code::kUnavailable);
  Pair silent;
  silent.begin(world().engine, {.protocol = ""});
  EXPECT_TRUE(silent.connected && *silent.connected) << silent.why();
}

TEST(Tls, WhatIsNotTlsIsSaidToBeNone) {
  Pair pair;
  const Slice words("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_GT(pair.pipe.second->try_write(std::span(&words, 1)), 0);
  pair.begin_client();
  EXPECT_THAT(pair.why(), HasSubstr("engine.example: no TLS is spoken at that port"));
  EXPECT_EQ(pair.code(), Code::kUnavailable);
}

TEST(Tls, AnEndInTheHandshakeIsAnError) {
  Pair pair;
  pair.begin_client();
  EXPECT_FALSE(pair.connected);
  pair.pipe.second->shutdown();
  pair.test.settle();
  EXPECT_THAT(pair.why(), HasSubstr("engine.example closed the connection in the TLS handshake"));
  Pair reset;
  reset.begin_client();
  reset.pipe.second->abort();
  reset.test.settle();
  EXPECT_TRUE(reset.connected && !*reset.connected);
}

Task<Connected> connect_within(TlsClient& client, std::unique_ptr<Stream> below,
                               Duration patience) {
  Context& context = co_await this_context();
  const DeadlineScope deadline(context, context.loop().now() + patience);
  co_return co_await client.connect(std::move(below), "engine.example");
}

TEST(Tls, ASilentServerCostsNoMoreThanTheDeadline) {
  Pair pair;
  pair.test.group.spawn(
      TestLoop::keep(connect_within(*pair.client, std::move(pair.pipe.first), 3s), pair.connected));
  pair.test.advance(2900ms);
  EXPECT_FALSE(pair.connected);
  pair.test.advance(200ms);
  EXPECT_EQ(pair.code(), Code::kTimeout);
}

TEST(Tls, CancellingEndsTheHandshakeAndClosesWhatIsBelow) {
  Pair pair;
  pair.begin_client();
  pair.test.group.cancel();
  pair.test.settle();
  EXPECT_EQ(pair.code(), Code::kCancelled);
  EXPECT_TRUE(pair.pipe.second->peer_finished() || pair.pipe.second->peer_gone());
}

TEST(Tls, SessionsAreResumed) {
  for (const bool old : {false, true}) {
    const TlsTestServer::Options options{.only_1_2 = old};
    Pair first;
    first.begin(world().engine, options);
    ASSERT_TRUE(first.connected && *first.connected) << first.why();
    // The ticket of TLS 1.3 comes with what is read.
    std::optional<bool> sent;
    first.test.group.spawn(TestLoop::keep(first.server->write("x"), sent));
    std::array<char, 10> buffer;
    EXPECT_TRUE(first.test.run(read_some(first.stream(), buffer)).has_value());
    first.stream().abort();  // as the pool does with an answer that nobody reads to its end
    Pair second;
    second.client = first.client;
    second.begin(world().engine, options, "engine.example", &*first.server);
    ASSERT_TRUE(second.connected && *second.connected) << second.why();
    EXPECT_TRUE(second.server->resumed()) << old;
    EXPECT_EQ(first.client->counts().resumed, 1U);
    second.connected.reset();
    // Another server's certificate is looked at although a session is known.
    Pair stranger;
    stranger.client = first.client;
    stranger.begin(make_certificate({}, nullptr), options);
    EXPECT_EQ(stranger.code(), Code::kInvalid);
  }
}

TEST(Tls, AnEndWithoutCloseNotifyIsNoEnd) {
  Pair pair;
  pair.begin(world().engine);
  std::optional<bool> sent;
  pair.test.group.spawn(TestLoop::keep(pair.server->write("half an answ"), sent));
  pair.test.settle();
  pair.pipe.second->shutdown();
  const Result<std::string> got = pair.test.run(read_all(pair.stream()));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), Code::kClosed);
  EXPECT_THAT(got.error().detail(),
              HasSubstr("engine.example cut the connection off without saying that it ends"));
}

// The beginning of a record that says it is `promised` bytes long.
std::string record(std::uint16_t promised, std::string_view body) {
  std::string bytes("\x17\x03\x03");
  bytes += static_cast<char>(promised >> 8U);
  bytes += static_cast<char>(promised & 0xffU);
  return bytes.append(body);
}

TEST(Tls, AnEndInTheMiddleOfARecordIsAFailure) {
  for (const bool reset : {false, true}) {
    Pair pair;
    pair.begin(world().engine);
    const std::string part = record(1000, pattern(300));
    const Slice slice(part);
    EXPECT_GT(pair.pipe.second->try_write(std::span(&slice, 1)), 0);
    std::array<char, 100> buffer;
    EXPECT_EQ(pair.stream().try_read(buffer), kWouldBlock);
    reset ? pair.pipe.second->abort() : pair.pipe.second->shutdown();
    EXPECT_EQ(pair.stream().try_read(buffer), kFailed);
    EXPECT_EQ(pair.stream().peer_gone(), reset);
    EXPECT_EQ(pair.stream().error().code(), Code::kClosed);
  }
}

TEST(Tls, GarbageAfterTheHandshakeFailsAndStaysFailed) {
  Pair pair;
  pair.begin(world().engine);
  const std::string bytes = record(32, "nothing that the keys would make");
  const Slice slice(bytes);
  EXPECT_GT(pair.pipe.second->try_write(std::span(&slice, 1)), 0);
  std::array<char, 100> buffer;
  EXPECT_EQ(pair.stream().try_read(buffer), kFailed);
  EXPECT_THAT(pair.stream().error().detail(), HasSubstr("TLS with engine.example failed"));
  EXPECT_EQ(pair.stream().try_read(buffer), kFailed);
  const Slice more("more");
  EXPECT_EQ(pair.stream().try_write(std::span(&more, 1)), kFailed);
}

struct TlsRecorder final : StreamWatcher {
  void on_event(Stream&, StreamEvent event) override { events.push_back(event); }
  std::vector<StreamEvent> events;
};

TEST(Tls, WhatIsTheProtocolsOwnWakesNobody) {
  Pair pair;
  pair.begin(world().engine);
  std::array<char, 10> buffer;
  ASSERT_EQ(pair.stream().try_read(buffer), kWouldBlock);
  TlsRecorder recorder;
  pair.stream().watch(&recorder);
  EXPECT_TRUE(pair.test.run(pair.server->change_keys(true)));
  EXPECT_TRUE(recorder.events.empty());
  EXPECT_FALSE(pair.stream().seems_readable());
  EXPECT_TRUE(pair.test.run(pair.server->write("x")));
  EXPECT_EQ(recorder.events, std::vector{StreamEvent::kReadable});
  EXPECT_EQ(pair.stream().try_read(buffer), 1);
  EXPECT_EQ(pair.stream().try_read(buffer), kWouldBlock);
  // Both sides have new keys now.
  const Slice word("hello");
  EXPECT_EQ(pair.stream().try_write(std::span(&word, 1)), 5);
  EXPECT_EQ(pair.test.run(pair.server->read(5)), "hello");
}

TEST(Tls, TheServersEndIsToldAsAnEndAndWritingGoesOn) {
  Pair pair;
  pair.begin(world().engine);
  TlsRecorder recorder;
  pair.stream().watch(&recorder);
  EXPECT_TRUE(pair.test.run(pair.server->say_end()));
  EXPECT_EQ(recorder.events, (std::vector{StreamEvent::kFinished, StreamEvent::kReadable}));
  EXPECT_TRUE(pair.stream().peer_finished());
  std::array<char, 10> buffer;
  EXPECT_EQ(pair.stream().try_read(buffer), kEnd);
  const Slice word("still");
  EXPECT_EQ(pair.stream().try_write(std::span(&word, 1)), 5);
  EXPECT_EQ(pair.test.run(pair.server->read(5)), "still");
}

TEST(Tls, OurEndIsSaid) {
  Pair pair;
  pair.begin(world().engine);
  pair.stream().shutdown();
  EXPECT_EQ(pair.test.run(pair.server->read(1)), "");
  EXPECT_TRUE(pair.server->client_said_end());
  EXPECT_TRUE(pair.pipe.second->peer_finished());
  // Reading goes on.
  EXPECT_TRUE(pair.test.run(pair.server->write("answer")));
  std::array<char, 10> buffer;
  EXPECT_EQ(pair.stream().try_read(buffer), 6);
}

// A server that has us answer without reading: what we hold for it is bounded.
TEST(Tls, APeerThatDoesNotReadMakesUsHoldLittle) {
  Pair pair({.capacity = 4000});
  pair.begin(world().engine);
  const std::string much = pattern(100'000);
  const Slice slice(much);
  ssize_t all = 0;
  ssize_t taken = 0;
  while ((taken = pair.stream().try_write(std::span(&slice, 1))) > 0) {
    all += taken;
  }
  EXPECT_EQ(taken, kWouldBlock);
  EXPECT_LE(all, 2 * 16 * 1024);
  // What was taken leaves by itself as the peer reads, and the writer is woken.
  std::optional<bool> sent;
  pair.test.group.spawn(TestLoop::keep(send_all(pair.stream(), "last"), sent));
  pair.test.settle();
  EXPECT_FALSE(sent);
  const std::string got = pair.test.run(pair.server->read(static_cast<std::size_t>(all) + 4));
  EXPECT_EQ(got, much.substr(0, 16UL * 1024).substr(0, static_cast<std::size_t>(all)) + "last");
  EXPECT_EQ(sent, true);
}

TEST(Tls, AFileThatHoldsNoCertificateIsNamed) {
  const auto none = TlsTrust::load("/nowhere/authority.pem");
  ASSERT_FALSE(none.has_value());
  EXPECT_THAT(none.error().detail(), HasSubstr("/nowhere/authority.pem"));
  const std::string path = ::testing::TempDir() + "tls_test_no_certificate.pem";
  for (const std::string& text :
       {std::string("not PEM at all"), world().authority.certificate.substr(0, 200),
        world().authority.certificate + "-----BEGIN CERTIFICATE-----\nx"}) {
    std::ofstream(path) << text;
    const auto trust = TlsTrust::load(path);
    ASSERT_FALSE(trust.has_value()) << text;
    EXPECT_THAT(trust.error().detail(), HasSubstr("no usable certificates"));
  }
  std::remove(path.c_str());
}

TEST(Tls, TheSameCertificatesAreTheSameTrust) {
  const std::string path = ::testing::TempDir() + "tls_test_same.pem";
  std::ofstream(path) << world().authority.certificate;
  const auto first = TlsTrust::load(path);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(*TlsTrust::load(path, *first), *first);
  std::ofstream(path, std::ios::app) << world().engine.certificate;
  EXPECT_NE(*TlsTrust::load(path, *first), *first);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace tdn::io
