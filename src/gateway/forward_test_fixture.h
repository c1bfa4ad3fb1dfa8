// For tests: two edges of one network, Frankfurt and Paris, with their books, and a third site that
// only the catalogue knows. Clients and engines are the test itself; between the edges are pipes.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gateway/gateway_test_fixture.h"
#include "gateway/peer_handler.h"

namespace tdn::gateway {

// Sites by name: a listener, or nobody; of a site in `held` the test gets the far end.
class TestPeers final : public io::PeerLink {
 public:
  [[nodiscard]] bool knows(std::string_view site) const override { return !unknown.contains(site); }
  io::Task<Result<std::unique_ptr<io::Stream>>> open(std::string_view site) override {
    opened.emplace_back(site);
    if (exhausted) {
      co_return fail(Code::kOverloaded, "no descriptors are left");
    }
    if (held.contains(site)) {
      io::PipeEnds ends = io::make_pipe();
      far.push_back(std::move(ends.second));
      co_return std::move(ends.first);
    }
    const auto found = listeners.find(site);
    if (found == listeners.end()) {
      co_return fail(Code::kUnavailable, "connection refused");
    }
    co_return found->second->connect();
  }
  std::map<std::string, http::PipeListener*, std::less<>> listeners;
  std::set<std::string, std::less<>> held;
  std::set<std::string, std::less<>> unknown;
  std::vector<std::string> opened;
  bool exhausted = false;  // this side has no descriptors left
  std::vector<std::unique_ptr<io::Stream>> far;
};

// One edge: its gateway behind a public and a peer listener.
struct TestEdge {
  void start(io::TestLoop& test, Random& random, const GatewayOptions& options,
             const std::shared_ptr<const Catalogue>& catalogue) {
    gateway.emplace(test.loop, engines, random, books, options, &membership);
    handler.emplace(*gateway);
    gateway->publish(catalogue);
    auto clients = std::make_unique<http::PipeListener>();
    auto peers = std::make_unique<http::PipeListener>();
    public_door = clients.get();
    peer_door = peers.get();
    public_server.emplace(test.loop, std::move(clients), *gateway, limits, budget);
    peer_server.emplace(test.loop, std::move(peers), *handler, limits, budget);
    public_server->start();
    peer_server->start();
  }
  TestPeers link;
  protocol::NetworkTime time;
  protocol::SeenTokens seen;
  TestEngines engines;
  TestBooks books;
  http::ServerLimits limits;
  http::BodyBudget budget;
  Membership membership{link, time, seen, {}};
  std::optional<Gateway> gateway;
  std::optional<PeerHandler> handler;
  http::PipeListener* public_door = nullptr;
  http::PipeListener* peer_door = nullptr;
  std::optional<http::Server> public_server;
  std::optional<http::Server> peer_server;
};

class ForwardFixture : public ::testing::Test {
 protected:
  // Model m at Frankfurt and Paris, p at Paris and Oslo.
  static constexpr std::string_view kWorld = R"(
{apiVersion: tdn/v1, kind: Zone, metadata: {name: de}, spec: {countries: [DE]}}
---
{apiVersion: tdn/v1, kind: Site, metadata: {name: frankfurt}, spec: {location: {country: DE, city: F, latitude: 50.11, longitude: 8.68}}}
---
{apiVersion: tdn/v1, kind: Site, metadata: {name: paris}, spec: {location: {country: FR, city: P, latitude: 48.86, longitude: 2.35}, owner: accounts/paris-colo}}
---
{apiVersion: tdn/v1, kind: Site, metadata: {name: oslo}, spec: {location: {country: NO, city: O, latitude: 59.91, longitude: 10.75}}}
---
{apiVersion: tdn/v1, kind: Model, metadata: {name: m}, spec: {aliases: [alias], price: {currency: USD, perMillion: {input: "1", cachedInput: "0.5", output: "2"}}}}
---
{apiVersion: tdn/v1, kind: Model, metadata: {name: p}, spec: {price: {currency: USD, perMillion: {input: "1", output: "2"}}}}
---
{apiVersion: tdn/v1, kind: Endpoint, metadata: {name: near}, spec: {site: frankfurt, kind: openai, url: "http://127.0.0.1:1001", models: [{model: m, as: engine-m}]}}
---
{apiVersion: tdn/v1, kind: Endpoint, metadata: {name: far}, spec: {site: paris, kind: openai, url: "http://127.0.0.1:1002", models: [{model: m, as: engine-m}, {model: p, as: engine-p}]}}
---
{apiVersion: tdn/v1, kind: Endpoint, metadata: {name: north}, spec: {site: oslo, kind: openai, url: "http://127.0.0.1:1003", models: [{model: p, as: engine-p}]}}
---
{apiVersion: tdn/v1, kind: Tenant, metadata: {name: t}, spec: {}}
---
{apiVersion: tdn/v1, kind: Project, metadata: {name: t/p}, spec: {}}
)";
  static constexpr std::string_view kFence = R"(---
{apiVersion: tdn/v1, kind: Policy, metadata: {name: fence}, spec: {rules: [{match: {tenants: [t]}, require: {zones: [de]}}]}}
)";

  struct Worlds {
    std::string_view at_frankfurt = "";  // further manifests that only this edge knows yet
    std::string_view at_paris = "";
    PlantedBug bug = PlantedBug::kNone;
  };
  void start() { start(Worlds{}); }
  void start(const Worlds& worlds) {
    key = domain::make_api_key(random);
    options.bug = worlds.bug;
    frankfurt.start(test, random, options, catalogue("frankfurt", worlds.at_frankfurt));
    paris.start(test, random, options, catalogue("paris", worlds.at_paris));
    frankfurt.link.listeners = {{"paris", paris.peer_door}};
    share_keys();
    test.settle();
  }
  ~ForwardFixture() override {
    for (TestEdge* edge : {&frankfurt, &paris}) {
      if (edge->gateway) {
        test.group.spawn(edge->public_server->drain(Duration::zero()));
        test.group.spawn(edge->peer_server->drain(Duration::zero()));
      }
    }
    test.advance(std::chrono::seconds(60));
    for (TestEdge* edge : {&frankfurt, &paris}) {
      edge->engines.far.clear();
      edge->link.far.clear();
    }
    test.settle();
  }
  std::shared_ptr<const Catalogue> catalogue(std::string_view here, std::string_view more) {
    return catalogue_of(std::string(kWorld) + std::string(more), here);
  }
  std::shared_ptr<const Catalogue> catalogue_of(const std::string& world, std::string_view here) {
    const domain::Source source{"world.yaml", world + key_manifest("t/p/k", *key, "")};
    auto manifests = domain::parse_manifests(std::span(&source, 1));
    EXPECT_TRUE(manifests.has_value()) << manifests.error().detail();
    domain::update(identities, *manifests, test.clock.wall(), random);
    snapshot = domain::Snapshot::compile(*manifests, identities);
    auto made = Catalogue::create(snapshot, *snapshot->find_site(here), nullptr);
    EXPECT_TRUE(made.has_value());
    return *made;
  }
  void share_keys() {
    const std::vector<protocol::RouteKeyGrant> grants{{"k1", 1, frankfurt_edge, paris_edge, {1}},
                                                      {"k1", 1, frankfurt_edge, oslo_edge, {2}},
                                                      {"k1", 1, paris_edge, frankfurt_edge, {3}}};
    const std::vector<protocol::PeerEdge> edges{
        {"frankfurt", frankfurt_edge}, {"paris", paris_edge}, {"oslo", oslo_edge}};
    frankfurt_keys = *protocol::RouteKeys::create(frankfurt_edge, grants, edges);
    frankfurt.gateway->publish(frankfurt_keys);
    paris.gateway->publish(*protocol::RouteKeys::create(paris_edge, grants, edges));
  }

  std::unique_ptr<io::Stream> request(std::string_view body, std::string_view fields = "") {
    std::unique_ptr<io::Stream> client = frankfurt.public_door->connect();
    write(*client, fmt::format("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: "
                               "Bearer {}\r\n{}content-length: {}\r\n\r\n{}",
                               key->text, fields, body.size(), body));
    return client;
  }
  // A request at Paris' peer listener as Frankfurt's edge would send it, or not quite.
  protocol::RouteToken token(std::string_view body) {
    protocol::RouteToken made;
    made.request = {Uid::make(test.clock.wall(), random)};
    made.from = frankfurt_edge;
    made.to = paris_edge;
    made.owners = {{1, snapshot->tenants()[0].uid},
                   {2, snapshot->projects()[0].uid},
                   {3, snapshot->keys()[0].uid}};
    made.model = (*snapshot)[*snapshot->find_model("m")].uid;
    made.path = "/v1/chat/completions";
    made.body_length = body.size();
    made.issued_ms = frankfurt.time.at(test.clock.now());
    made.expiry_ms = made.issued_ms + protocol::kLifetimeMs;
    return made;
  }
  std::string signed_text(const protocol::RouteToken& made) const {
    protocol::TokenRoom room;
    return std::string(
        protocol::write_route_token(made, *frankfurt_keys->signing(paris_edge), room));
  }
  std::unique_ptr<io::Stream> knock(std::string_view token_text, std::string_view body,
                                    std::string_view fields = "") {
    std::unique_ptr<io::Stream> peer = paris.peer_door->connect();
    const std::string token_field =
        token_text.empty() ? "" : fmt::format("tdn-route-token: {}\r\n", token_text);
    write(*peer, fmt::format("POST /v1/chat/completions HTTP/1.1\r\nhost: paris\r\n{}{}"
                             "content-length: {}\r\n\r\n{}",
                             token_field, fields, body.size(), body));
    return peer;
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
  static io::Stream& engine(TestEdge& edge, std::size_t index = 0) {
    return *edge.engines.far.at(index).second;
  }
  void answer(io::Stream& from, std::string_view body, int status = 200,
              std::string_view fields = "") {
    write(from, fmt::format("HTTP/1.1 {} X\r\ncontent-type: application/json\r\n{}content-length: "
                            "{}\r\n\r\n{}",
                            status, fields, body.size(), body));
  }
  void begin_stream(io::Stream& from, std::string_view fields = "") {
    write(from, fmt::format("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{}"
                            "transfer-encoding: chunked\r\n\r\n",
                            fields));
  }
  void event(io::Stream& from, std::string_view bytes) {
    write(from, fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes));
  }
  std::string served(std::string_view endpoint) const {
    for (const domain::Endpoint& each : snapshot->endpoints()) {
      if (each.name == endpoint) {
        return fmt::format("tdn-served: {}\r\n", to_string(each.uid));
      }
    }
    return "";
  }

  io::TestLoop test;
  SeededRandom random{1};
  GatewayOptions options;
  domain::Identities identities;
  std::optional<domain::NewApiKey> key;
  std::shared_ptr<const domain::Snapshot> snapshot;  // Paris'
  const Uid frankfurt_edge = Uid::make(test.clock.wall(), random);
  const Uid paris_edge = Uid::make(test.clock.wall(), random);
  const Uid oslo_edge = Uid::make(test.clock.wall(), random);
  std::shared_ptr<const protocol::RouteKeys> frankfurt_keys;
  TestEdge frankfurt;
  TestEdge paris;
};

}  // namespace tdn::gateway
