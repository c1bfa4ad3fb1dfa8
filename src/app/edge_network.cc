#include "app/edge_network.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/catalogue.h"
#include "base/log.h"
#include "http/fetch.h"
#include "local/files.h"

namespace tdn::app {
namespace {

constexpr const char* kMachineBoot = "/proc/sys/kernel/random/boot_id";
constexpr std::size_t kNodeSecretLength = 43;

std::string first_line(std::string text) {
  text.erase(std::min(text.find('\n'), text.size()));
  return text;
}

Result<Secret> read_node_secret(const std::string& path) {
  TDN_TRY(std::string text, local::read_text(path));
  text = first_line(std::move(text));
  const bool good =
      text.size() == kNodeSecretLength && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      });
  if (!good) {
    return fail(
        Code::kInvalid,
        fmt::format("--node-secret {}: it does not hold 43 letters and digits; give the file "
                    "with the secret whose hash control's nodes.json lists",
                    path));
  }
  return Secret(std::move(text));
}

}  // namespace

EdgeNetwork::EdgeNetwork(MainLoop& main, const EdgeCommand& command, EdgeShards& shards)
    : main_(main), command_(command), shards_(shards), link_(main.network, dial_) {}

EdgeNetwork::~EdgeNetwork() = default;

Result<std::unique_ptr<EdgeNetwork>> EdgeNetwork::create(MainLoop& main, const EdgeCommand& command,
                                                         books::BooksService& books,
                                                         EdgeShards& shards) {
  std::unique_ptr<EdgeNetwork> edge(new EdgeNetwork(main, command, shards));
  TDN_TRY(const Secret secret, read_node_secret(command.node_secret_file));
  TDN_TRY(const http::Url url, http::parse_url(command.control));
  TDN_TRY(const io::Address control, io::Address::parse(url.authority()));
  edge->dial_.emplace(io::kControlPeer, control);
  edge->store_ = std::make_unique<agent::SnapshotStore>(io::system_disk(), command.state);
  TDN_TRY_VOID(edge->store_->open(command.control_key));
  const Result<std::string> boot = local::read_text(kMachineBoot);
  edge->agent_ = std::make_unique<agent::Agent>(
      agent::AgentParts{.loop = main.loop,
                        .pool = main.pool,
                        .link = edge->link_,
                        .disk = io::system_disk(),
                        .clock = system_clock(),
                        .random = system_random(),
                        .outbox = books.outbox(),
                        .time = shards.network_time(),
                        .host = *edge,
                        .store = *edge->store_},
      agent::AgentOptions{.site = command.site,
                          .edge = books.identity().edge,
                          .version = TDN_VERSION,
                          .state_dir = command.state,
                          .authority = url.authority(),
                          .machine_boot = first_line(boot ? *boot : std::string())},
      secret);
  return edge;
}

io::Task<bool> EdgeNetwork::begin(Listeners listeners) {
  listeners_ = std::move(listeners);
  return agent_->begin();
}

void EdgeNetwork::serve() {
  serving_ = true;
  listeners_.catalogue(catalogue_);
  if (keys_) {
    shards_.publish(keys_);
    listeners_.keys(keys_);
  }
  if (hasher_) {
    shards_.publish(hasher_);
  }
}

Result<void> EdgeNetwork::ready() const {
  if (!catalogue_) {
    return fail(Code::kUnavailable, agent_->keeper().refused().empty()
                                        ? std::string("waiting for a first snapshot from control")
                                        : "no snapshot is in force: " + agent_->keeper().refused());
  }
  if (agent_->keeper().site_is_gone()) {
    return fail(Code::kUnavailable, "this edge's site was deleted: " + agent_->keeper().refused());
  }
  if (!agent_->fresh()) {
    return fail(Code::kUnavailable,
                "the snapshot is older than it may be without contact to control");
  }
  return {};
}

io::Task<Result<std::shared_ptr<const gateway::Catalogue>>> EdgeNetwork::make(
    std::shared_ptr<const domain::Snapshot> snapshot) {
  const std::optional<domain::SiteIndex> here = snapshot->find_site(command_.site);
  if (!here) {
    co_return fail(Code::kWrongSite,
                   fmt::format("it holds no site {}; apply the Site, or start this edge with the "
                               "right --site",
                               command_.site));
  }
  using Made = std::shared_ptr<const gateway::Catalogue>;
  std::function<Result<Made>()> job = [snapshot, site = *here, before = catalogue_,
                                       reach = reach_of(command_), ca = command_.upstream_ca] {
    return gateway::Catalogue::create(snapshot, site, before.get(), reach, ca);
  };
  co_return co_await main_.pool.run(std::move(job), main_.loop);
}

io::Task<Result<void>> EdgeNetwork::prepare(std::shared_ptr<const domain::Snapshot> snapshot) {
  switching_ = true;
  Result<std::shared_ptr<const gateway::Catalogue>> made = co_await make(std::move(snapshot));
  if (!made) {
    switching_ = false;
    co_return fail(std::move(made).error());
  }
  prepared_ = *std::move(made);
  co_return Result<void>();
}

io::Task<> EdgeNetwork::switch_over() {
  catalogue_ = prepared_;
  switching_ = false;
  if (serving_) {
    co_await shards_.switch_to(catalogue_);
    listeners_.catalogue(catalogue_);
  }
}

io::Task<> EdgeNetwork::reread() {
  const std::shared_ptr<const gateway::Catalogue> before = catalogue_;
  if (!before || switching_) {
    co_return;  // the next snapshot reads them
  }
  Result<std::shared_ptr<const gateway::Catalogue>> made =
      co_await make(before->table().shared_snapshot());
  if (!made) {
    log_error("app", "credentials and certificates were not read again; the former ones stay",
              {{"reason", made.error().detail()}});
  } else if (catalogue_ == before && !switching_) {
    catalogue_ = *std::move(made);
    if (serving_) {
      shards_.publish(catalogue_);
      listeners_.catalogue(catalogue_);
    }
    log_info("app", "credentials and certificates read again");
  }
}

std::vector<protocol::EndpointReport> EdgeNetwork::endpoints() {
  std::vector<protocol::EndpointReport> reports;
  if (!catalogue_) {
    return reports;
  }
  const std::vector<domain::Endpoint>& endpoints = catalogue_->snapshot().endpoints();
  for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
    if (endpoints[i].site != catalogue_->here()) {
      continue;
    }
    const route::EndpointState& state = catalogue_->table().state({i});
    // What an engine said before it went down is over.
    const auto reported = state.health() == route::Health::kDown ? std::nullopt : state.reported();
    const std::uint32_t running = reported ? reported->report.running : state.in_flight();
    const std::uint64_t us_per_token = state.decode_us_per_token();
    reports.push_back(
        {.uid = endpoints[i].uid,
         .health = static_cast<protocol::EndpointHealth>(state.health()),
         .running = running,
         .waiting = reported ? reported->report.waiting : 0,
         .slots = reported ? reported->report.slots : 0,
         .tokens_per_second = us_per_token == 0
                                  ? 0
                                  : static_cast<std::uint32_t>(std::min<std::uint64_t>(
                                        running * 1'000'000ULL / us_per_token, UINT32_MAX)),
         .ttft_ms = state.first_token_us() / 1'000});
  }
  return reports;
}

// Loads, and that an endpoint is down. That one is up this edge believes only of the way that it
// has itself.
void EdgeNetwork::peers_report(const std::vector<protocol::PeerEndpoint>& endpoints) {
  if (!catalogue_) {
    return;
  }
  const Instant now = main_.loop.now();
  for (const protocol::PeerEndpoint& endpoint : endpoints) {
    const auto index = catalogue_->snapshot().find_endpoint(endpoint.uid);
    if (!index || catalogue_->snapshot()[*index].site == catalogue_->here()) {
      continue;
    }
    const bool down = endpoint.health == protocol::EndpointHealth::kDown;
    route::EndpointReport report;
    report.running = endpoint.running;
    report.waiting = endpoint.waiting;
    report.slots = endpoint.slots;
    report.health = down ? route::Health::kDown : route::Health::kUnknown;
    catalogue_->table().state(*index).report(report,
                                             now - std::chrono::milliseconds(endpoint.age_ms), now);
  }
}

void EdgeNetwork::use_keys(std::shared_ptr<const protocol::RouteKeys> keys) {
  keys_ = std::move(keys);
  if (serving_) {
    shards_.publish(keys_);
    listeners_.keys(keys_);
  }
}

void EdgeNetwork::use_user_secret(const codec::Digest& secret) {
  hasher_ = std::make_shared<const gateway::UserHasher>(ByteView(secret));
  if (serving_) {
    shards_.publish(hasher_);
  }
}

void EdgeNetwork::restart(std::string_view why) {
  log_warning("app", "ending in order to start again", {{"reason", why}});
  listeners_.restart();
}

}  // namespace tdn::app
