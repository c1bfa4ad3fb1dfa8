#include "gateway/prober.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "codec/json_reader.h"
#include "io/loop.h"

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;
using route::Observation;

constexpr Duration kWhenDown = 1s;
constexpr Duration kWhenUp = 5s;
constexpr Duration kBetweenReports = 1s;
constexpr Duration kPatience = 2s;
// vLLM's and SGLang's metrics are a hundred KiB, most of it histograms.
constexpr std::size_t kBodyLimit = std::size_t{1024} * 1024;

http::ClientLimits probe_limits() {
  http::ClientLimits limits;
  limits.connect = 1s;
  limits.first_byte = kPatience;
  limits.between_bytes = kPatience;
  return limits;
}

// `"simulated": true` of a model in the engine's list.
bool says_simulated(std::string_view body) {
  using codec::JsonReader;
  JsonReader json(body);
  bool said = false;
  json.enter_object();
  while (const auto key = json.next_key()) {
    if (!JsonReader::matches(*key, "data") || json.peek() != JsonReader::Type::kArray) {
      json.skip();
      continue;
    }
    json.enter_array();
    while (json.next_element()) {
      json.enter_object();
      while (const auto member = json.next_key()) {
        if (JsonReader::matches(*member, "simulated")) {
          said = json.boolean().value_or(false) || said;
        } else {
          json.skip();
        }
      }
    }
  }
  return json.finish().has_value() && said;
}

// For the log; nothing of an endpoint that is well.
std::string why(const Result<int>& status) {
  if (!status) {
    return status.error().detail();
  }
  return *status / 100 == 2
             ? std::string()
             : fmt::format("it answers probes with status {}{}", *status,
                           *status == 401 || *status == 403 ? ": is its credential right?" : "");
}

// Whether its certificate was accepted when a connection to it was wanted.
void note_trust(route::EndpointState& state, const http::Upstream& upstream, bool opened) {
  if (!opened && upstream.untrusted()) {
    state.set_trouble(route::Trouble::kCertificate);
  } else if (state.trouble() == route::Trouble::kCertificate) {
    state.set_trouble(route::Trouble::kNone);
  }
}

}  // namespace

Prober::Prober(io::Loop& loop, io::Network& network, bool own_only)
    : loop_(loop),
      own_only_(own_only),
      limits_(probe_limits()),
      upstreams_(loop, network, limits_),
      group_(loop) {}

void Prober::publish(std::shared_ptr<const Catalogue> catalogue) {
  catalogue_ = std::move(catalogue);
  upstreams_.trust(catalogue_->trust());
  upstreams_.tidy(catalogue_->snapshot());
  std::map<Uid, Watched> kept;
  for (const domain::Endpoint& endpoint : catalogue_->snapshot().endpoints()) {
    const auto before = watched_.find(endpoint.uid);
    kept[endpoint.uid] = before == watched_.end() ? Watched{} : before->second;
  }
  watched_ = std::move(kept);
}

void Prober::start() { group_.spawn(run()); }

io::Task<> Prober::stop() {
  group_.cancel();
  co_await group_.join();
}

io::Task<> Prober::run() {
  while (true) {
    const std::shared_ptr<const Catalogue> catalogue = catalogue_;
    const std::vector<domain::Endpoint>& endpoints = catalogue->snapshot().endpoints();
    for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
      look_after(catalogue, {i});
    }
    if (co_await io::sleep_until(loop_.now() + 250ms) != io::Wake::kReady) {
      co_return;
    }
  }
}

void Prober::look_after(const std::shared_ptr<const Catalogue>& catalogue,
                        domain::EndpointIndex index) {
  const domain::Endpoint& endpoint = catalogue->snapshot()[index];
  Watched& watched = watched_[endpoint.uid];
  const bool ours = !own_only_ || endpoint.site == catalogue->here();
  if (watched.busy || !ours) {
    return;
  }
  // One that a request has found away since the last probe is not left so for five seconds.
  if (catalogue->table().state(index).health() != route::Health::kUp) {
    watched.next = std::min(watched.next, loop_.now() + kWhenDown);
  }
  if (watched.next <= loop_.now()) {
    watched.busy = true;
    group_.spawn(probe(catalogue, index));
  } else if (engine_kind(endpoint.kind).metrics != nullptr && watched.next_report <= loop_.now() &&
             catalogue->table().state(index).health() == route::Health::kUp) {
    watched.busy = true;
    group_.spawn(ask_report(catalogue, index));
  }
}

// An engine that does not tell is no worse for it: what it said before gets old.
io::Task<> Prober::ask_report(std::shared_ptr<const Catalogue> catalogue,
                              domain::EndpointIndex index) {
  const Instant asked = loop_.now();
  std::string body;
  const Result<int> status = co_await get(*catalogue, index, "/metrics", &body);
  const auto watched = watched_.find(catalogue->snapshot()[index].uid);
  if (watched == watched_.end()) {
    co_return;
  }
  watched->second.busy = false;
  watched->second.next_report = loop_.now() + kBetweenReports;
  if (!status || *status != 200) {
    co_return;
  }
  const EngineMetrics& metrics = *engine_kind(catalogue->snapshot()[index].kind).metrics;
  if (const auto report = read_engine_metrics(metrics, body, watched->second.counters)) {
    catalogue->table().state(index).report(*report, asked, loop_.now());
  }
}

io::Task<> Prober::probe(std::shared_ptr<const Catalogue> catalogue, domain::EndpointIndex index) {
  const domain::Endpoint& endpoint = catalogue->snapshot()[index];
  route::EndpointState& state = catalogue->table().state(index);
  const route::Health before = state.health();
  const EngineKind& kind = engine_kind(endpoint.kind);
  std::string body;
  const Result<int> status =
      catalogue->unusable(index).empty()
          ? co_await get(*catalogue, index, kind.health, &body)
          : Result<int>(fail(Code::kUnavailable, catalogue->unusable(index)));
  Observation observation = Observation::kProbeFailed;
  if (!status && status.error().code() == Code::kUnavailable) {
    observation = Observation::kProbeRefused;
  } else if (status && (*status / 100 == 2 || (kind.health_optional && *status == 404))) {
    observation = Observation::kProbeAnswered;
  }
  if (observation == Observation::kProbeAnswered && kind.ours && before != route::Health::kUp) {
    body.clear();
    const Result<int> models = co_await get(*catalogue, index, "/v1/models", &body);
    if (models && *models == 200) {
      catalogue->simulated(index).store(says_simulated(body), std::memory_order_relaxed);
    }
  }
  if (!status && status.error().code() == Code::kCancelled) {
    co_return;
  }
  if (status || status.error().code() != Code::kOverloaded) {  // else it is this edge that cannot
    state.observe(observation, loop_.now());
  }
  const route::Health after = state.health();
  if (after != before) {
    log_info("gateway", after == route::Health::kUp ? "endpoint is up" : "endpoint is down",
             {{"endpoint", endpoint.name}, {"reason", why(status)}});
  }
  const auto watched = watched_.find(endpoint.uid);
  if (watched != watched_.end()) {
    const bool well = after == route::Health::kUp && observation == Observation::kProbeAnswered;
    watched->second.next = loop_.now() + (well ? kWhenUp : kWhenDown);
    watched->second.busy = false;
  }
}

io::Task<Result<int>> Prober::get(const Catalogue& catalogue, domain::EndpointIndex index,
                                  std::string_view path, std::string* body) {
  const domain::Endpoint& endpoint = catalogue.snapshot()[index];
  TDN_CO_TRY(http::Upstream * upstream, co_await upstreams_.find(endpoint));
  std::array<char, 10 * 1024> buffer;
  codec::HeadWriter writer(buffer);
  writer.request("GET", endpoint.path + std::string(path)).field("host", endpoint.authority);
  if (const std::string& credential = catalogue.credential(index); !credential.empty()) {
    writer.field("authorization", credential);
  }
  TDN_CO_TRY(const std::string_view request, writer.finish());
  const io::Slice slice(request);
  for (bool fresh = false;; fresh = true) {
    Result<http::Exchange> opened = co_await upstream->open(fresh);
    note_trust(catalogue.table().state(index), *upstream, opened.has_value());
    if (!opened) {
      co_return fail(std::move(opened).error());
    }
    http::Exchange exchange = *std::move(opened);
    Result<void> sent = co_await exchange.send(std::span(&slice, 1));
    if (!sent) {
      if (fresh) {
        co_return fail(std::move(sent).error());
      }
      continue;
    }
    const Result<const codec::ResponseHead*> head = co_await exchange.read_head();
    if (!head) {
      if (fresh || head.error().retry() != Retry::kSameRoute) {
        co_return fail(head.error());
      }
      continue;
    }
    const int status = (*head)->status();
    while (true) {
      TDN_CO_TRY(const std::optional<std::string_view> piece, co_await exchange.read_body());
      if (!piece || body->size() > kBodyLimit) {
        co_return status;
      }
      body->append(*piece);
    }
  }
}

}  // namespace tdn::gateway
