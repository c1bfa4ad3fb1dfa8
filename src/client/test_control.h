// For tests: a control that answers by script, over pipes, and remembers what it was asked.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/control.h"
#include "http/server_test_fixture.h"

namespace tdn::client {

class TestControl final : public io::Network, private http::Handler {
 public:
  static constexpr const char* kToken = "operator-secret";
  static constexpr const char* kBearer = "Bearer operator-secret";

  struct Reply {
    int status = 200;
    std::string body;
  };

  TestControl() { server.start(); }
  ~TestControl() {
    loop.group.spawn(server.drain(Duration::zero()));
    loop.settle();
  }

  // The client of it, with the right token.
  [[nodiscard]] ControlClient client() {
    return {*this, {.url = "http://control:8090", .token = Secret(kToken), .remedy = "start it"}};
  }

  io::Task<Result<std::unique_ptr<io::Stream>>> connect(io::Address) override {
    if (away) {
      co_return fail(Code::kUnavailable, "connection refused");
    }
    co_return listener->connect();
  }
  Result<std::unique_ptr<io::Listener>> listen(io::Address, bool) override {
    return fail(Code::kUnavailable, "no listening here");
  }
  io::Task<Result<io::Address>> resolve(std::string, std::uint16_t port) override {
    io::Address address;
    address.port = port;
    co_return address;
  }

  // "GET /api/v1/sites" → what is answered; anything else is 404.
  std::map<std::string, Reply> replies;
  std::vector<std::string> asked;   // "POST /api/v1/apply"
  std::vector<std::string> bodies;  // of each of these
  bool away = false;

  io::TestLoop loop;

 private:
  io::Task<> handle(http::ServerConnection& connection) override {
    std::string request(connection.head().method());
    request += " ";
    request += connection.head().target();
    const bool known = connection.head().find("authorization") == std::string_view(kBearer);
    const Result<std::string_view> body = co_await connection.read_body();
    asked.push_back(request);
    bodies.emplace_back(body.value_or(""));
    const auto found = replies.find(request);
    Reply reply{404, R"({"error":{"message":"there is no such object","code":"not_found"}})"};
    if (!known) {
      reply = {401, R"({"error":{"message":"no operator token","code":"invalid_api_key"}})"};
    } else if (found != replies.end()) {
      reply = found->second;
    }
    http::Answer answer;
    answer.status = reply.status;
    answer.body = reply.body;
    const Result<void> sent = co_await connection.respond(answer);
    EXPECT_TRUE(sent.has_value());
  }
  io::Task<> refuse(http::ServerConnection&, Error error) override {
    ADD_FAILURE() << error.detail();
    co_return;
  }

  http::ServerLimits limits_;
  http::BodyBudget budget_;
  std::unique_ptr<http::PipeListener> made_ = std::make_unique<http::PipeListener>();
  http::PipeListener* listener = made_.get();
  http::Server server{loop.loop, std::move(made_), *this, limits_, budget_};
};

}  // namespace tdn::client
