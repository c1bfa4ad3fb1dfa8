// For tests: a server whose connections are pipes made by hand, and a handler with one target per
// way to behave.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <optional>
#include <string>

#include "http/server.h"
#include "io/pipe.h"
#include "io/test_loop.h"

namespace tdn::http {

// Gives the server connections that a test made by hand.
class PipeListener final : public io::Listener {
 public:
  explicit PipeListener(io::PipeOptions options = {}) : options_(options) {}
  std::unique_ptr<io::Stream> connect() {
    io::PipeEnds ends = io::make_pipe(options_);
    waiting_.push_back(std::move(ends.second));
    arrived_.set();
    return std::move(ends.first);
  }
  io::Task<Result<std::unique_ptr<io::Stream>>> accept() override {
    while (waiting_.empty()) {
      if (closed_) {
        co_return fail(Code::kClosed, "closed");
      }
      TDN_CO_TRY_VOID(io::to_result(co_await arrived_.wait(), "accepting"));
    }
    std::unique_ptr<io::Stream> stream = std::move(waiting_.front());
    waiting_.pop_front();
    co_return stream;
  }
  void close() override {
    closed_ = true;
    arrived_.set();
  }
  [[nodiscard]] io::Address address() const override { return {}; }
  [[nodiscard]] std::uint64_t pauses() const override { return 0; }

 private:
  io::PipeOptions options_;
  std::deque<std::unique_ptr<io::Stream>> waiting_;
  io::Event arrived_;
  bool closed_ = false;
};

// Answers "METHOD /target body", but for the targets below.
struct TestHandler final : Handler {
  io::Task<> handle(ServerConnection& connection) override {
    ++requests;
    const std::string target(connection.head().target());
    const std::string method(connection.head().method());
    if (target == "/early") {
      co_await say(connection, 403, "no");
      co_return;
    }
    if (target == "/fenced") {
      connection.wipe_unread();
      co_await say(connection, 421, "not here");
      co_return;
    }
    if (target == "/hang") {
      [[maybe_unused]] const io::Wake wake = co_await go_on.wait();
    }
    Result<std::string_view> body = co_await connection.read_body();
    if (!body) {
      connection.close_after_answer();
      co_await refuse(connection, body.error());
      co_return;
    }
    if (target == "/stream" || target == "/unfinished" || target == "/endless") {
      co_await stream(connection, target);
      co_return;
    }
    if (target == "/short" || target == "/long") {
      co_await misjudge(connection, target == "/short" ? 10 : 3);
      co_return;
    }
    if (target == "/nothing") {
      co_await say(connection, 204, "");
      co_return;
    }
    const std::string text = method + " " + target + " " + std::string(*body);
    co_await say(connection, 200, text);
  }

  io::Task<> refuse(ServerConnection& connection, Error error) override {
    const std::string name(info(error.code()).name);
    co_await say(connection, info(error.code()).status, name);
  }

  // Two events; or one and no end; or pieces without end.
  io::Task<> stream(ServerConnection& connection, std::string target) {
    codec::FieldLines type;
    type.add("content-type", "text/event-stream");
    EXPECT_TRUE(connection.begin(200, type).has_value());
    connection.release_request();
    if (target == "/endless") {
      const std::string piece(1000, 'x');
      while (!failed) {
        produced += piece.size();
        co_await write(connection, piece);
      }
      co_return;
    }
    co_await write(connection, "data: 1\n\n");
    if (target == "/unfinished") {
      co_return;
    }
    co_await write(connection, "data: 2\n\n");
    [[maybe_unused]] const Result<void> sent = co_await connection.end();
  }

  // Five bytes where others were announced.
  io::Task<> misjudge(ServerConnection& connection, std::uint64_t announced) {
    EXPECT_TRUE(connection.begin(200, {}, announced).has_value());
    co_await write(connection, "1");
    const io::Slice slice("2345");
    EXPECT_FALSE((co_await connection.end(std::span(&slice, 1))).has_value());
  }

  io::Task<> write(ServerConnection& connection, std::string_view bytes) {
    const io::Slice slice(bytes);
    const Result<void> sent = co_await connection.write(std::span(&slice, 1));
    if (!sent) {
      failed = sent.error().code();
    }
  }

  static io::Task<> say(ServerConnection& connection, int status, std::string text) {
    Answer answer;
    answer.status = status;
    answer.content_type = status == 204 ? "" : "text/plain";
    answer.body = text;
    [[maybe_unused]] const Result<void> sent = co_await connection.respond(answer);
  }

  int requests = 0;
  std::uint64_t produced = 0;  // bytes handed over by /endless
  std::optional<Code> failed;  // why a write did not succeed
  io::Event go_on;             // what /hang waits for
};

class ServerFixture : public ::testing::Test {
 protected:
  void start(const io::PipeOptions& options = {}) {
    handler.requests = 0;
    auto pipes = std::make_unique<PipeListener>(options);
    listener = pipes.get();
    server.emplace(test.loop, std::move(pipes), handler, limits, budget);
    server->start();
    test.settle();
  }
  void stop() {
    test.group.spawn(server->drain(Duration::zero()));
    test.advance(std::chrono::seconds(2));
    server.reset();
  }
  ~ServerFixture() override {
    if (server) {
      stop();
    }
  }

  // Sends bytes, half-closes, and returns everything that came back.
  std::string talk(std::string_view bytes) {
    std::unique_ptr<io::Stream> client = listener->connect();
    return test.run(exchange(*client, std::string(bytes)));
  }
  static io::Task<std::string> exchange(io::Stream& client, std::string bytes) {
    [[maybe_unused]] const Result<void> sent = co_await io::write_all(client, bytes);
    client.shutdown();
    std::string all;
    std::array<char, 4096> buffer;
    while (true) {
      const Result<std::size_t> count = co_await io::read_some(client, buffer);
      if (!count || *count == 0) {
        co_return all;
      }
      all.append(buffer.data(), *count);
    }
  }
  // A client whose request is answered by nobody.
  std::unique_ptr<io::Stream> connect_and_hang() {
    std::unique_ptr<io::Stream> client = listener->connect();
    put(*client, "GET /hang HTTP/1.1\r\nhost: x\r\n\r\n");
    return client;
  }
  // All at once, without waiting.
  static void put(io::Stream& client, std::string_view bytes) {
    const io::Slice slice(bytes);
    ASSERT_EQ(client.try_write(std::span(&slice, 1)), static_cast<ssize_t>(bytes.size()));
  }
  static std::string take(io::Stream& client) {
    std::string all;
    std::array<char, 4096> buffer;
    while (true) {
      const ssize_t count = client.try_read(buffer);
      if (count <= 0) {
        return all;
      }
      all.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }
  static std::string body_of(const std::string& answer) {
    const std::size_t at = answer.find("\r\n\r\n");
    return at == std::string::npos ? "" : answer.substr(at + 4);
  }

  io::TestLoop test;
  ServerLimits limits;
  BodyBudget budget;
  TestHandler handler;
  PipeListener* listener = nullptr;
  std::optional<Server> server;
};

}  // namespace tdn::http
