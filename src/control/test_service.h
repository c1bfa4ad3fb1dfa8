// For tests: control on a store in memory, on a loop whose time stands still, spoken to over pipes.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>

#include "codec/json_writer.h"
#include "control/service.h"
#include "http/server_test_fixture.h"
#include "io/test_loop.h"
#include "store/memory_store.h"

namespace tdn::control {

inline constexpr std::string_view kTestToken = "the-operators-token-of-this-test";

struct Reply {
  int status = 0;
  std::string head;
  std::string body;
};

inline Reply parse_reply(const std::string& bytes) {
  Reply reply;
  const std::size_t end = bytes.find("\r\n\r\n");
  if (bytes.size() > 12 && end != std::string::npos) {
    reply.status = std::stoi(bytes.substr(9, 3));
    reply.head = bytes.substr(0, end);
    reply.body = bytes.substr(end + 4);
  }
  return reply;
}

class TestService {
 public:
  TestService() { start(); }
  ~TestService() { stop(); }
  TestService(const TestService&) = delete;
  TestService& operator=(const TestService&) = delete;

  void start(std::optional<protocol::SnapshotOrder> remembered = std::nullopt) {
    auto core = open_core(store, {.clock = &test.clock,
                                  .random = &random,
                                  .signing_key = key,
                                  .network_secrets = secrets,
                                  .user_secret = {},
                                  .remembered = remembered ? remembered : published});
    ASSERT_TRUE(core.has_value()) << core.error().detail();
    ServiceOptions options;
    options.operator_token = Secret(std::string(kTestToken));
    options.nodes = nodes;
    options.clock = &test.clock;
    options.random = &random;
    options.on_store_failure = [this](const Error&) { failed = true; };
    options.on_published = [this](const protocol::SnapshotOrder& order) { published = order; };
    options.rotate_secret = [this]() -> Result<std::vector<NetworkSecret>> {
      return secrets = rotated(secrets, random);
    };
    service.emplace(test.loop, pool, store, *std::move(core), std::move(options));
    auto pipes = std::make_unique<http::PipeListener>();
    listener = pipes.get();
    service->start(std::move(pipes));
    test.settle();
  }
  void stop() {
    if (service) {
      test.group.spawn(service->drain(Duration::zero()));
      test.advance(std::chrono::seconds(2));
      service.reset();
    }
  }
  // The process dies; what was committed is there for the next.
  void crash() {
    test.loop.forget_ready();
    service->destroy_all();
    service.reset();
    store.crash();
  }

  static std::string request(std::string_view method, std::string_view target,
                             std::string_view token, std::string_view body,
                             std::string_view fields = "") {
    return fmt::format(
        "{} {} HTTP/1.1\r\nhost: control\r\nconnection: close\r\nauthorization: Bearer {}\r\n"
        "content-length: {}\r\n{}\r\n{}",
        method, target, token, body.size(), fields, body);
  }
  // The answer to one request; time passes up to `patience` until it is there.
  Reply call(std::string_view method, std::string_view target, std::string_view token,
             std::string_view body = "", std::string_view fields = "",
             Duration patience = Duration::zero()) {
    std::unique_ptr<io::Stream> client = listener->connect();
    std::optional<std::string> bytes;
    test.group.spawn(keep(*client, request(method, target, token, body, fields), bytes));
    test.settle();
    if (!bytes) {
      test.advance(patience);
    }
    EXPECT_TRUE(bytes.has_value()) << method << " " << target << " was not answered";
    return parse_reply(bytes.value_or(""));
  }
  Reply operate(std::string_view method, std::string_view target, std::string_view body = "",
                Duration patience = Duration::zero()) {
    return call(method, target, kTestToken, body, "", patience);
  }
  Reply apply(std::string_view text, bool dry_run = false, Duration patience = Duration::zero()) {
    return operate("POST", "/api/v1/apply", apply_body(text, dry_run), patience);
  }
  static std::string apply_body(std::string_view text, bool dry_run = false) {
    std::string body = R"({"sources":[{"name":"a.yaml","text":)";
    codec::append_json_string(body, text);
    return body + (dry_run ? R"(}],"dryRun":true})" : "}]}");
  }
  Reply sync(std::string_view secret, const protocol::SyncRequest& request) {
    return call("POST", "/edge/v1/sync", secret, protocol::to_json(request), "tdn-protocol: 1\r\n");
  }

  static io::Task<> keep(io::Stream& client, std::string bytes, std::optional<std::string>& all) {
    [[maybe_unused]] const Result<void> sent = co_await io::write_all(client, bytes);
    std::string received;
    std::array<char, 4096> buffer;
    while (true) {
      const Result<std::size_t> count = co_await io::read_some(client, buffer);
      if (!count || *count == 0) {
        all = std::move(received);
        co_return;
      }
      received.append(buffer.data(), *count);
    }
  }

  io::TestLoop test;
  SeededRandom random{1};
  store::MemoryStore store;
  io::BlockingPool pool{0};
  codec::Ed25519Key key{codec::Ed25519Key::Seed{1, 2, 3}};
  std::vector<NetworkSecret> secrets{rotated({}, random)};
  Nodes nodes;
  std::optional<protocol::SnapshotOrder> published;
  std::optional<Service> service;
  http::PipeListener* listener = nullptr;
  bool failed = false;
};

}  // namespace tdn::control
