#include "sim/detail/network_stage.h"

#include <fmt/format.h>

#include "codec/hex.h"
#include "sim/detail/network_manifests.h"

namespace tdn::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kEnginePort = 8000;
constexpr std::uint16_t kGatewayPort = 8080;
constexpr std::uint16_t kPeerPort = 8083;
constexpr const char* kState = "edge";

}  // namespace

NetworkStage::NetworkStage(const NetworkStory& story)
    : random_(story.seed),
      trace_(clock_, story.print),
      bug_(story.bug),
      people_(machines_.add("people", {})),
      control_machine_(machines_.add("control", draw_wrong_clock())),
      old_control_(people_.loop(), network_.add_host("old-control"), old_control_address()),
      operator_(people_.loop(), people_.host(), trace_,
                control_machine_.host().address(kControlPort), kOperatorToken) {
  old_control_.start();
  for (std::size_t i = 0; i < kSites.size(); ++i) {
    make_site(sites_[i], kSites[i]);
  }
  draw_links();
  draw_keys();
  draw_clients();
}

WrongBy NetworkStage::draw_wrong_clock() {
  const auto days = static_cast<std::int64_t>(random_.below(800)) - 400;
  return {.boot_ahead = up_to(20h), .wall_ahead = days * 24h + up_to(1h)};
}

io::Address NetworkStage::old_control_address() {
  io::Address address;
  address.ip = {127, 0, 0, 3};
  address.port = kControlPort;
  return address;
}

void NetworkStage::make_site(StagedSite& site, const SiteFacts& facts) {
  site.name = facts.name;
  site.machine = &machines_.add(facts.name, draw_wrong_clock());
  site.engine_host = &network_.add_host(std::string(facts.name) + "-engine");
  const EngineOptions options{.first_token = up_to(10ms) + 1us,
                              .token = up_to(4ms) + 1us,
                              .most_tokens = one_of({4, 16, 16, 120}),
                              .fault_percent = one_of({0, 15, 50}),
                              .idle = up_to(1s) + 1us};
  site.engine =
      std::make_unique<SimEngine>(people_.loop(), *site.engine_host,
                                  site.engine_host->address(kEnginePort), random_, trace_, options);
  site.engine->start();
  rules_.add({facts.name, facts.inside, site.engine.get()});
}

LinkOptions NetworkStage::draw_link(Duration slowest) {
  return {.latency = 50us + up_to(slowest),
          .jitter = 1us + up_to(slowest),
          .piece = one_of({1460, 1460, 4000, 300}),
          .cut_percent = random_.below(40)};
}

void NetworkStage::draw_links() {
  for (const StagedSite& site : sites_) {
    network_.set_link(site.machine->host(), *site.engine_host, draw_link(2ms));
    network_.set_link(site.machine->host(), control_machine_.host(), draw_link(20ms));
    for (const StagedSite& other : sites_) {
      if (&site < &other) {
        network_.set_link(site.machine->host(), other.machine->host(), draw_link(8ms));
      }
    }
  }
}

void NetworkStage::draw_keys() {
  disk_.secrets = control::rotated({}, random_);
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    keys_[i] = domain::make_api_key(random_);
  }
  for (StagedSite& site : sites_) {
    std::string secret;
    while (secret.size() < 43) {
      secret += static_cast<char>('a' + random_.below(26));
    }
    disk_.nodes.add(site.name, secret);
    site.options = {.site = site.name,
                    .port = kGatewayPort,
                    .peer_port = kPeerPort,
                    .dial = dial_of(site),
                    .node_secret = secret,
                    .control_key = disk_.signing_key.public_key(),
                    .machine_boot = "boot-" + site.name,
                    .books = {.state_dir = kState, .segment_bytes = 65'536},
                    .disk = {.write = 1us + up_to(200us),
                             .sync = 1us + Duration(one_of({400'000, 3'000'000, 12'000'000}))}};
    plant(site.options);
  }
}

io::DialMap NetworkStage::dial_of(const StagedSite& site) {
  io::DialMap dial;
  dial[std::string(io::kControlPeer)] = control_machine_.host().address(kControlPort);
  for (const StagedSite& other : sites_) {
    if (&other != &site) {
      dial[other.name] = other.machine->host().address(kPeerPort);
    }
  }
  return dial;
}

void NetworkStage::plant(NetworkEdgeOptions& options) const {
  switch (bug_) {
    case NetworkBug::kSettleBeforeJournal:
      options.books.bug = books::PlantedBug::kReleaseBeforeSync;
      break;
    case NetworkBug::kRetryAfterFirstByte:
      options.gateway_bug = gateway::PlantedBug::kRetryAfterFirstByte;
      break;
    case NetworkBug::kFenceNotRechecked:
      options.gateway_bug = gateway::PlantedBug::kFenceNotRechecked;
      break;
    case NetworkBug::kTokenAcceptedTwice:
      options.gateway_bug = gateway::PlantedBug::kTokenAcceptedTwice;
      break;
    case NetworkBug::kStaleSnapshotAccepted:
      options.agent_bug = agent::PlantedBug::kStaleSnapshotAccepted;
      break;
    case NetworkBug::kAckBeforeCommit:
    case NetworkBug::kNone:
      break;
  }
}

void NetworkStage::draw_clients() {
  for (const StagedSite& site : sites_) {
    const std::uint64_t count = 1 + random_.below(3);
    for (std::uint64_t i = 0; i < count; ++i) {
      SimHost& host = network_.add_host(fmt::format("{}-client-{}", site.name, i));
      network_.set_link(site.machine->host(), host, draw_link(5ms));
      const std::uint64_t tenant = random_.below(3);
      const ClientOptions options{.key = keys_[tenant]->text,
                                  .most_requests = 4 + random_.below(25),
                                  .think = one_of({5, 40, 400}) * 1ms};
      clients_.push_back(std::make_unique<SimClient>(
          people_.loop(), host, site.machine->host().address(kGatewayPort),
          fmt::format("{}{}", site.name[0], i), random_, trace_, options));
      rules_.add({clients_.back().get(), static_cast<Fence>(tenant)});
      client_hosts_.push_back(&host);
    }
  }
}

std::string NetworkStage::manifests() {
  std::array<KeyText, 3> keys;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i] = {keys_[i]->id.to_string(), codec::to_hex(keys_[i]->sha256)};
  }
  std::array<std::string, 3> engines;
  for (std::size_t i = 0; i < engines.size(); ++i) {
    engines[i] = to_string(sites_[i].engine_host->address(kEnginePort));
  }
  return network_manifests(engines, keys, one_of({1, 1, 2, 64}));
}

}  // namespace tdn::sim
