// For tests: a gateway over pipes. Clients and engines are the test itself, which reads and writes
// their ends; the books are a list that becomes durable on command.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "codec/hex.h"
#include "domain/api_key.h"
#include "domain/identity.h"
#include "domain/load.h"
#include "gateway/gateway.h"
#include "http/server_test_fixture.h"

namespace tdn::gateway {

// Engines by port: what dials one gives the test the far end.
class TestEngines final : public io::Network {
 public:
  io::Task<Result<std::unique_ptr<io::Stream>>> connect(io::Address to) override {
    dialled.push_back(to.port);
    if (exhausted) {
      co_return fail(Code::kOverloaded, "no descriptors are left");
    }
    if (refusing.contains(to.port)) {
      co_return fail(Code::kUnavailable, "connection refused");
    }
    if (black_holes.contains(to.port)) {
      const io::Wake wake = co_await io::sleep_until(kNever);
      TDN_CO_TRY_VOID(io::to_result(wake, "connecting"));
    }
    io::PipeEnds ends = io::make_pipe();
    far.emplace_back(to.port, std::move(ends.second));
    co_return std::move(ends.first);
  }
  Result<std::unique_ptr<io::Listener>> listen(io::Address, bool) override {
    return fail(Code::kUnavailable, "no listening here");
  }
  io::Task<Result<io::Address>> resolve(std::string, std::uint16_t port) override {
    io::Address address;
    address.port = port;
    co_return address;
  }
  std::set<std::uint16_t> refusing;
  std::set<std::uint16_t> black_holes;  // no answer to a connection's first packet
  bool exhausted = false;               // this side has no descriptors left
  std::vector<std::uint16_t> dialled;
  std::vector<std::pair<std::uint16_t, std::unique_ptr<io::Stream>>> far;
};

class TestBooks final : public meter::Books {
 public:
  [[nodiscard]] bool accepting() const override { return !full; }
  [[nodiscard]] Result<meter::AdmissionHandle> admit(meter::UsageRecord& draft,
                                                     const meter::ListPrice&, const meter::Annexes&,
                                                     meter::DurableWaiter* waiter) override {
    drafts.push_back(draft);
    awaited.push_back(waiter != nullptr);
    wait(waiter, 0);
    return meter::AdmissionHandle{static_cast<std::uint32_t>(drafts.size() - 1)};
  }
  void checkpoint(meter::AdmissionHandle, const meter::Progress& progress) override {
    checkpoints.push_back(progress.usage.totals().output);
  }
  void settle(meter::AdmissionHandle, meter::UsageRecord& record, const meter::Annexes& annexes,
              meter::DurableWaiter* waiter) override {
    records.push_back(record);
    tenant_annexes.push_back(annexes.tenant);
    wait(waiter, records.size());
  }
  void refuse(meter::AdmissionHandle, Code) override { ++refused; }
  void delivered(std::uint64_t seq) override { sent.push_back(seq); }
  void flush() override {}

  // Everything asked for so far is on disk now.
  void sync() {
    std::deque<Pending> due;
    std::swap(due, pending_);
    for (Pending& entry : due) {
      if (entry.waiter != nullptr) {
        entry.waiter->finish(entry.seq);
      }
    }
  }

  bool full = false;
  bool automatic = true;  // durable at once
  std::vector<meter::UsageRecord> drafts;
  std::vector<bool> awaited;  // of the drafts: somebody waits for its being on disk
  std::vector<meter::TenantAnnex> tenant_annexes;
  std::vector<meter::UsageRecord> records;
  std::vector<std::uint64_t> checkpoints;
  std::vector<std::uint64_t> sent;
  int refused = 0;

 private:
  struct Pending {
    meter::DurableWaiter* waiter = nullptr;
    std::uint64_t seq = 0;
  };
  void wait(meter::DurableWaiter* waiter, std::uint64_t seq) {
    if (waiter == nullptr) {
      return;
    }
    pending_.push_back({nullptr, seq});
    waiter->wait_at(&pending_.back().waiter);
    if (automatic) {
      sync();
    }
  }
  std::deque<Pending> pending_;
};

inline std::string key_manifest(std::string_view name, const domain::NewApiKey& secret,
                                std::string_view spec) {
  return fmt::format(
      "---\n{{apiVersion: tdn/v1, kind: Key, metadata: {{name: {}}}, spec: {{secrets: [{{id: {}, "
      "sha256: {}}}]{}}}}}\n",
      name, secret.id.to_string(), codec::to_hex(secret.sha256), spec);
}

class GatewayFixture : public ::testing::Test {
 protected:
  static constexpr std::string_view kWorld = R"(
{apiVersion: tdn/v1, kind: Zone, metadata: {name: de}, spec: {countries: [DE]}}
---
{apiVersion: tdn/v1, kind: Site, metadata: {name: frankfurt}, spec: {location: {country: DE, city: F, latitude: 50.11, longitude: 8.68}, gateway: "http://127.0.0.1:1"}}
---
{apiVersion: tdn/v1, kind: Site, metadata: {name: paris}, spec: {location: {country: FR, city: P, latitude: 48.86, longitude: 2.35}, gateway: "http://127.0.0.1:2"}}
---
{apiVersion: tdn/v1, kind: Model, metadata: {name: m}, spec: {aliases: [alias], price: {currency: USD, perMillion: {input: "1", cachedInput: "0.5", output: "2"}}}}
---
{apiVersion: tdn/v1, kind: Model, metadata: {name: other}, spec: {price: {currency: USD, perMillion: {input: "1", output: "2"}}}}
---
{apiVersion: tdn/v1, kind: Endpoint, metadata: {name: near}, spec: {site: frankfurt, kind: openai, url: "http://127.0.0.1:1001", models: [{model: m, as: engine-m}]}}
---
{apiVersion: tdn/v1, kind: Endpoint, metadata: {name: far}, spec: {site: paris, kind: openai, url: "http://127.0.0.1:1002", models: [{model: m, as: engine-m}]}}
---
{apiVersion: tdn/v1, kind: Tenant, metadata: {name: t}, spec: {}}
---
{apiVersion: tdn/v1, kind: Tenant, metadata: {name: fenced}, spec: {}}
---
{apiVersion: tdn/v1, kind: Project, metadata: {name: t/p}, spec: {}}
---
{apiVersion: tdn/v1, kind: Project, metadata: {name: fenced/p}, spec: {}}
---
{apiVersion: tdn/v1, kind: Policy, metadata: {name: fence}, spec: {rules: [{match: {tenants: [fenced]}, require: {zones: [de]}}]}}
)";
  static constexpr std::string_view kDone = "data: [DONE]\n\n";

  // `key_spec`: further fields of the key t/p/k.
  void start(std::string_view key_spec = "", std::string_view here = "frankfurt") {
    key = domain::make_api_key(random);
    fenced_key = domain::make_api_key(random);
    const std::string keys =
        key_manifest("t/p/k", *key, key_spec) + key_manifest("fenced/p/k", *fenced_key, "");
    const domain::Source source{"world.yaml", std::string(kWorld) + more_manifests + keys};
    auto manifests = domain::parse_manifests(std::span(&source, 1));
    ASSERT_TRUE(manifests.has_value()) << manifests.error().detail();
    domain::update(identities, *manifests, test.clock.wall(), random);
    const auto snapshot = domain::Snapshot::compile(*manifests, identities);
    auto catalogue = Catalogue::create(snapshot, *snapshot->find_site(here), nullptr);
    ASSERT_TRUE(catalogue.has_value());
    gateway.emplace(test.loop, engines, random, books, options);
    gateway->publish(*catalogue);
    auto pipes = std::make_unique<http::PipeListener>();
    listener = pipes.get();
    server.emplace(test.loop, std::move(pipes), *gateway, limits, budget);
    server->start();
    test.settle();
  }
  ~GatewayFixture() override { stop(); }
  // Nothing runs afterwards: for those whose members the gateway uses.
  void stop() {
    if (server) {
      test.group.spawn(server->drain(Duration::zero()));
      test.advance(std::chrono::seconds(60));
      server.reset();
    }
    engines.far.clear();
    test.settle();
  }
  // A client's connection that has sent a request.
  std::unique_ptr<io::Stream> request(std::string_view body, std::string_view fields = "",
                                      std::string_view path = "/v1/chat/completions") {
    std::unique_ptr<io::Stream> client = listener->connect();
    write(*client, fmt::format("POST {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{}"
                               "content-length: {}\r\n\r\n{}",
                               path, use_fenced_key ? fenced_key->text : key->text, fields,
                               body.size(), body));
    return client;
  }
  void write(io::Stream& stream, std::string_view bytes) {
    const io::Slice slice(bytes);
    ASSERT_EQ(stream.try_write(std::span(&slice, 1)), static_cast<ssize_t>(bytes.size()));
    test.settle();
  }
  static std::string read(io::Stream& stream) {
    std::string all;
    char buffer[4096];
    while (true) {
      const ssize_t count = stream.try_read(buffer);
      if (count <= 0) {
        return all;
      }
      all.append(buffer, static_cast<std::size_t>(count));
    }
  }
  route::EndpointState& state(std::string_view endpoint) {
    const route::Table& table = gateway->catalogue()->table();
    for (std::uint32_t i = 0; i < table.snapshot().endpoints().size(); ++i) {
      if (table.snapshot().endpoints()[i].name == endpoint) {
        return table.state({i});
      }
    }
    ADD_FAILURE() << endpoint;
    return table.state({0});
  }
  io::Stream& engine(std::size_t index = 0) { return *engines.far.at(index).second; }
  // The engine's answer: a whole one, or the head of a stream and one event.
  void answer(std::string_view body, int status = 200, std::size_t index = 0,
              std::string_view fields = "") {
    write(engine(index), fmt::format("HTTP/1.1 {} X\r\ncontent-type: application/json\r\n{}"
                                     "content-length: {}\r\n\r\n{}",
                                     status, fields, body.size(), body));
  }
  void begin_stream(std::size_t index = 0) {
    write(
        engine(index),
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
  }
  void event(std::string_view bytes, std::size_t index = 0) {
    write(engine(index), fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes));
  }
  static std::string text_event(int completion_tokens) {
    return fmt::format(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"x\"}}}}],\"usage\":{{"
        "\"prompt_tokens\":10,\"completion_tokens\":{}}}}}\n\n",
        completion_tokens);
  }
  static std::string finish_event(int completion_tokens) {
    return fmt::format(
        "data: "
        "{{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}],\"usage\":{{"
        "\"prompt_tokens\":10,\"completion_tokens\":{}}}}}\n\n",
        completion_tokens);
  }
  static std::string usage_event(int completion_tokens) {
    return fmt::format(
        "data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":10,\"completion_tokens\":{}}}}}\n\n",
        completion_tokens);
  }

  io::TestLoop test;
  SeededRandom random{1};
  TestEngines engines;
  TestBooks books;
  GatewayOptions options;
  http::ServerLimits limits;
  http::BodyBudget budget;
  domain::Identities identities;
  std::optional<domain::NewApiKey> key;
  std::optional<domain::NewApiKey> fenced_key;
  bool use_fenced_key = false;
  std::string more_manifests;
  std::optional<Gateway> gateway;
  http::PipeListener* listener = nullptr;
  std::optional<http::Server> server;
};

inline constexpr std::string_view kPlain = R"({"model":"m","messages":[]})";
inline constexpr std::string_view kStream = R"({"model":"m","stream":true,"messages":[]})";
inline constexpr std::string_view kWhole =
    R"({"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}})";

}  // namespace tdn::gateway
