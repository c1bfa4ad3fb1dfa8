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
      plan_(story.plan == nullptr ? three_sites() : *story.plan),
      people_(machines_.add("people", {})),
      control_machine_(machines_.add("control", draw_wrong_clock())),
      old_control_(people_.loop(), network_.add_host("old-control"), old_control_address()),
      operator_(people_.loop(), people_.host(), trace_,
                control_machine_.host().address(kControlPort), kOperatorToken),
      sites_(plan_.sites.size()) {
  old_control_.start();
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    make_site(sites_[i], plan_.sites[i]);
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

void NetworkStage::make_site(StagedSite& site, const PlannedSite& planned) {
  const bool fixed = planned.room > 0;
  site.name = planned.name;
  site.place = planned.place;
  site.room = fixed ? planned.room : one_of({1, 4, 64});
  site.machine = &machines_.add(site.name, draw_wrong_clock());
  site.engine_host = &network_.add_host(site.name + "-engine");
  const EngineOptions options{.first_token = fixed ? planned.first_token : up_to(10ms) + 1us,
                              .token = fixed ? planned.token : up_to(4ms) + 1us,
                              .most_tokens = one_of({4, 16, 16, 120}),
                              .fault_percent = one_of({0, 15, 50}),
                              .idle = up_to(1s) + 1us};
  site.engine =
      std::make_unique<SimEngine>(people_.loop(), *site.engine_host,
                                  site.engine_host->address(kEnginePort), random_, trace_, options);
  site.engine->start();
  rules_.add({site.name, planned.inside, site.engine.get()});
}

LinkOptions NetworkStage::draw_link(Duration slowest) {
  return {.latency = 50us + up_to(slowest),
          .jitter = 1us + up_to(slowest),
          .piece = one_of({1460, 1460, 4000, 300}),
          .cut_percent = random_.below(40),
          .loss_per_mille = one_of({0, 0, 0, 20})};
}

LinkOptions NetworkStage::draw_link(const scenario::Place& from, const scenario::Place& to,
                                    Duration slowest) {
  LinkOptions link = draw_link(slowest);
  if (plan_.scenario != nullptr) {
    link.latency = plan_.scenario->rtt(from, to) / 2;
    link.jitter = plan_.scenario->jitter / 2;
    link.bytes_per_second = plan_.scenario->bytes_per_second;
  }
  return link;
}

void NetworkStage::draw_links() {
  const scenario::Place& control =
      plan_.scenario == nullptr ? sites_[0].place : plan_.scenario->control;
  for (const StagedSite& site : sites_) {
    network_.set_link(site.machine->host(), *site.engine_host, draw_link(2ms));
    network_.set_link(site.machine->host(), control_machine_.host(),
                      draw_link(site.place, control, 20ms));
    for (const StagedSite& other : sites_) {
      if (&site < &other) {
        network_.set_link(site.machine->host(), other.machine->host(),
                          draw_link(site.place, other.place, 8ms));
      }
    }
  }
}

void NetworkStage::draw_keys() {
  disk_.secrets = control::rotated({}, random_);
  for (std::size_t i = 0; i < plan_.tenants.size(); ++i) {
    keys_.push_back(domain::make_api_key(random_));
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
  for (const PlannedCity& city : plan_.cities) {
    const StagedSite& entry = sites_[city.entry];
    add_client(entry, city.name, draw_link(city.place, entry.place, 5ms), city.location);
  }
  for (std::size_t i = 0; plan_.cities.empty() && i < sites_.size(); ++i) {
    const std::uint64_t count = 1 + random_.below(3);
    for (std::uint64_t each = 0; each < count; ++each) {
      add_client(sites_[i], fmt::format("{}{}", sites_[i].name[0], each), draw_link(5ms), {});
    }
  }
}

void NetworkStage::add_client(const StagedSite& site, std::string name, const LinkOptions& link,
                              std::string location) {
  SimHost& host = network_.add_host(name + "-client");
  network_.set_link(site.machine->host(), host, link);
  const std::size_t tenant = random_.below(plan_.tenants.size());
  const ClientOptions options{.key = keys_[tenant].text,
                              .location = std::move(location),
                              .most_requests = 4 + random_.below(25),
                              .think = one_of({5, 40, 400}) * 1ms};
  clients_.push_back(std::make_unique<SimClient>(people_.loop(), host,
                                                 site.machine->host().address(kGatewayPort),
                                                 std::move(name), random_, trace_, options));
  rules_.add({clients_.back().get(), plan_.tenants[tenant].fence, &plan_.tenants[tenant].only});
  client_hosts_.push_back(&host);
}

std::string NetworkStage::manifests() const {
  std::vector<KeyText> keys;
  for (const domain::NewApiKey& key : keys_) {
    keys.push_back({key.id.to_string(), codec::to_hex(key.sha256)});
  }
  std::vector<EngineText> engines;
  for (const StagedSite& site : sites_) {
    engines.push_back({to_string(site.engine_host->address(kEnginePort)), site.room});
  }
  return network_manifests(plan_, engines, keys);
}

}  // namespace tdn::sim
