// An agent over in-memory books, disk and control, on a clock that tests move.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "agent/agent.h"
#include "agent/fake_control_test.h"
#include "agent/fake_outbox_test.h"
#include "io/memory_disk.h"
#include "io/test_loop.h"
#include "protocol/sample_test.h"

namespace tdn::agent {

// Refuses connections while control is away.
class FakeLink final : public io::PeerLink {
 public:
  [[nodiscard]] bool knows(std::string_view site) const override {
    return site == io::kControlPeer;
  }
  io::Task<Result<std::unique_ptr<io::Stream>>> open(std::string_view site) override {
    EXPECT_EQ(site, io::kControlPeer);
    ++opened;
    if (listener == nullptr) {
      co_return fail(Code::kUnavailable, "connection refused");
    }
    co_return listener->connect();
  }
  http::PipeListener* listener = nullptr;
  int opened = 0;
};

class FakeHost final : public AgentHost {
 public:
  io::Task<Result<void>> prepare(std::shared_ptr<const domain::Snapshot> snapshot) override {
    if (!refuse.empty()) {
      co_return fail(refuse_code, refuse);
    }
    prepared = std::move(snapshot);
    co_return Result<void>();
  }
  io::Task<> switch_over() override {
    in_use = prepared;
    ++switches;
    co_return;
  }
  std::vector<protocol::EndpointReport> endpoints() override { return own; }
  void peers_report(const std::vector<protocol::PeerEndpoint>& endpoints) override {
    peers = endpoints;
  }
  void use_keys(std::shared_ptr<const protocol::RouteKeys> used) override {
    keys = std::move(used);
    ++key_changes;
  }
  void use_user_secret(const codec::Digest& secret) override { user_secret = secret; }
  void set_admitting(bool now) override { admitting = now; }
  void restart(std::string_view /*why*/) override { ++restarts; }

  std::string refuse;
  Code refuse_code = Code::kInvalid;
  std::shared_ptr<const domain::Snapshot> prepared;
  std::shared_ptr<const domain::Snapshot> in_use;
  int switches = 0;
  std::vector<protocol::EndpointReport> own;
  std::vector<protocol::PeerEndpoint> peers;
  std::shared_ptr<const protocol::RouteKeys> keys;
  int key_changes = 0;
  codec::Digest user_secret{};
  bool admitting = true;
  int restarts = 0;
};

class AgentFixture : public testing::Test {
 protected:
  static constexpr std::string_view kState = "/edge";

  AgentFixture() {
    outbox.start(1);
    edge.bytes[15] = 9;
  }
  ~AgentFixture() override {
    end();
    control_down();
  }

  void control_up() {
    auto pipes = std::make_unique<http::PipeListener>();
    link.listener = pipes.get();
    server.emplace(test.loop, std::move(pipes), control, limits, budget);
    server->start();
  }
  void control_down() {
    link.listener = nullptr;
    if (server) {
      control.hang_up();
      test.group.spawn(server->drain(Duration::zero()));
      test.advance(std::chrono::seconds(2));
      server.reset();
    }
  }

  // What control offers from now on, to those who watch as well.
  void publish(const protocol::SampleNetwork& published, protocol::SnapshotOrder order,
               std::uint8_t key = 1,
               const std::function<void(protocol::SnapshotManifest&)>& change = {}) {
    const codec::Ed25519PublicKey trusted[] = {protocol::sample_key(key).public_key()};
    publish(protocol::write_sections(published.manifests, published.identities, trusted), order,
            key, change);
  }
  void publish(const std::vector<protocol::Section>& sections, protocol::SnapshotOrder order,
               std::uint8_t key = 1,
               const std::function<void(protocol::SnapshotManifest&)>& change = {}) {
    for (const protocol::Section& section : sections) {
      control.sections[codec::to_hex(section.ref.sha256)] = section.json;
    }
    protocol::SnapshotManifest manifest = protocol::manifest_of(sections, order);
    if (change) {
      change(manifest);
    }
    offer(sign_snapshot(manifest, protocol::sample_key(key)));
  }
  void offer(std::string envelope) {
    control.envelope = std::move(envelope);
    control.push(to_sse(protocol::SnapshotOffered{control.envelope}));
  }

  // As a process starts; false if it could not, with the reason in `start_error`.
  bool begin(std::uint8_t pinned = 1) {
    store.emplace(disk, std::string(kState));
    const auto opened = store->open(protocol::sample_key(pinned).public_key());
    if (!opened) {
      start_error = opened.error().detail();
      return false;
    }
    agent.emplace(
        AgentParts{test.loop, pool, link, disk, test.clock, random, outbox, time, host, *store},
        AgentOptions{.site = "frankfurt",
                     .edge = edge,
                     .version = "test",
                     .state_dir = std::string(kState),
                     .authority = "control",
                     .machine_boot = machine_boot},
        Secret("node-secret"));
    host.admitting = true;
    begun.reset();
    starting.emplace(test.loop);
    starting->spawn(io::TestLoop::keep(agent->begin(), begun));
    test.settle();
    return true;
  }
  void start_in_network() {
    publish(network, {1, 1});
    control_up();
    ASSERT_TRUE(begin());
    seconds(1);
    ASSERT_EQ(begun, true);
    ASSERT_EQ(agent->keeper().order(), (protocol::SnapshotOrder{1, 1}));
  }
  // With a tenant of that display name, so that a section differs.
  protocol::SampleNetwork changed(const std::string& name) {
    std::string text(protocol::kSampleManifests);
    text.replace(text.find("name: demo}"), 11, "name: demo}\nspec: {displayName: " + name + "}");
    protocol::SampleNetwork other;
    other.load(text);
    return other;
  }
  // As kill -9.
  void kill() {
    starting->cancel();
    test.settle();
    agent->destroy_all();
    starting.reset();
    agent.reset();
    store.reset();
    outbox.crash();
  }
  // In an orderly way, with its last sync.
  void end() {
    if (agent) {
      starting->cancel();
      test.settle();
      starting.reset();
      test.group.spawn(agent->stop());
      test.advance(std::chrono::seconds(2));
      agent.reset();
      store.reset();
    }
  }
  void seconds(double count) { test.advance(Duration(static_cast<std::int64_t>(count * 1e9))); }
  [[nodiscard]] double metric(std::string_view name) const {
    for (const Sample& sample : agent->samples()) {
      if (sample.metric->name == name) {
        return sample.value;
      }
    }
    ADD_FAILURE() << "no metric " << name;
    return 0;
  }
  [[nodiscard]] const protocol::SyncRequest& last_request() const {
    return control.requests.back();
  }

  io::TestLoop test;
  io::BlockingPool pool{0};
  io::MemoryDisk disk;
  SeededRandom random{1};
  http::ServerLimits limits;
  http::BodyBudget budget;
  FakeOutbox outbox;
  FakeHost host;
  FakeControl control;
  FakeLink link;
  protocol::NetworkTime time;
  protocol::SampleNetwork network;
  std::optional<http::Server> server;
  std::optional<SnapshotStore> store;
  std::optional<Agent> agent;
  std::optional<bool> begun;
  std::optional<io::TaskGroup> starting;
  std::string start_error;
  std::string machine_boot = "boot-1";
  Uid edge;
};

}  // namespace tdn::agent
