#include "control/service.h"

#include "base/log.h"
#include "control/api_answer.h"

namespace tdn::control {
namespace {

http::ServerLimits limits_of_control() {
  http::ServerLimits limits;
  limits.connections = Service::kMostConnections;
  limits.write = std::chrono::seconds(10);  // a watch that takes nothing for so long is cut
  return limits;
}

bool is_public(Endpoint endpoint) {
  return endpoint == Endpoint::kHealth || endpoint == Endpoint::kReady ||
         endpoint == Endpoint::kMetrics;
}

bool is_of_edges(Endpoint endpoint) {
  return endpoint == Endpoint::kSync || endpoint == Endpoint::kWatch ||
         endpoint == Endpoint::kSection;
}

}  // namespace

io::Task<> answer(http::ServerConnection& client, int status, std::string body,
                  std::string_view type) {
  http::Answer whole;
  whole.status = status;
  whole.content_type = type;
  whole.body = body;
  const Result<void> sent = co_await client.respond(whole);
  if (!sent) {
    client.abort();
  }
}

io::Task<> answer_error(http::ServerConnection& client, Error error) {
  const int status = info(error.code()).status;
  if (status == 0) {
    log_error("control", "a request failed", {{"reason", error.detail()}});
  }
  co_await answer(client, status == 0 ? 500 : status, error_json(error));
}

Result<std::unique_ptr<Core>> open_core(store::Store& store, CoreOptions options) {
  TDN_TRY_VOID(store.begin());
  auto core = Core::open(store, std::move(options));
  if (!core) {
    store.roll_back();
    return core;
  }
  TDN_TRY_VOID(store.commit());
  return core;
}

Service::Service(io::Loop& loop, io::BlockingPool& pool, store::Store& store,
                 std::unique_ptr<Core> core, ServiceOptions options)
    : loop_(loop),
      limits_(limits_of_control()),
      core_(std::move(core)),
      committer_(loop, pool, store, std::move(options.on_store_failure), options.bug),
      shared_(loop, committer_, *core_),
      operator_token_(options.operator_token),
      operators_(shared_),
      edges_(shared_) {
  shared_.nodes = std::move(options.nodes);
  shared_.clock = options.clock;
  shared_.on_published = std::move(options.on_published);
  shared_.rotate_secret = std::move(options.rotate_secret);
}

void Service::start(std::unique_ptr<io::Listener> listener) {
  shared_.publish(core_->snapshot());
  committer_.start();
  http::Handler& handler = *this;
  server_ = std::make_unique<http::Server>(loop_, std::move(listener), handler, limits_, budget_);
  server_->start();
}

io::Task<> Service::drain(Duration grace) {
  shared_.draining = true;
  shared_.hub.end_watches();
  co_await server_->drain(grace);
  co_await committer_.stop();
}

void Service::destroy_all() {
  server_->destroy_all();
  committer_.destroy_all();
}

Result<std::string> Service::authorise(const http::ServerConnection& client, const Target& target) {
  if (is_public(target.endpoint)) {
    return "";
  }
  const auto token = bearer_of(client.head().find("authorization").value_or(""));
  if (!is_of_edges(target.endpoint)) {
    if (token && operator_token_.matches(*token)) {
      return "";
    }
    return fail(Code::kInvalidToken,
                "this needs the operator's token, `authorization: Bearer …`; it stands in "
                "operator-token of control's state folder");
  }
  auto site = token ? shared_.nodes.authenticate(*token) : std::nullopt;
  if (!site) {
    return fail(Code::kInvalidToken, "no node has this secret; add its hash to nodes.json");
  }
  return *std::move(site);
}

io::Task<> Service::handle(http::ServerConnection& client) {
  auto target = parse_target(client.head().method(), client.head().path());
  if (!target) {
    co_await answer_error(client, target.error());
    co_return;
  }
  Result<std::string> site = authorise(client, *target);
  if (!site) {
    shared_.metrics.unauthorised.add();
    if (is_of_edges(target->endpoint)) {
      const protocol::SyncRefusal refusal{.fault = protocol::SyncFault::kInvalidNodeSecret,
                                          .message = site.error().detail(),
                                          .expected = 0,
                                          .epoch = 0};
      co_await answer(client, protocol::status_of(refusal.fault), protocol::to_json(refusal));
    } else {
      co_await answer_error(client, site.error());
    }
    co_return;
  }
  co_await dispatch(client, *std::move(target), *std::move(site));
}

io::Task<> Service::dispatch(http::ServerConnection& client, Target target, std::string site) {
  switch (target.endpoint) {
    case Endpoint::kHealth:
      co_await answer(client, 200, "ok\n", "text/plain; charset=utf-8");
      break;
    case Endpoint::kReady:
      co_await answer(client, shared_.draining ? 503 : 200,
                      shared_.draining ? "draining\n" : "ok\n", "text/plain; charset=utf-8");
      break;
    case Endpoint::kMetrics: {
      std::string page = metrics_page();
      co_await answer(client, 200, std::move(page), "text/plain; version=0.0.4; charset=utf-8");
      break;
    }
    case Endpoint::kSync:
    case Endpoint::kWatch:
    case Endpoint::kSection:
      co_await edges_.handle(client, std::move(target), std::move(site));
      break;
    default:
      co_await operators_.handle(client, std::move(target));
  }
}

io::Task<> Service::refuse(http::ServerConnection& client, Error error) {
  co_await answer_error(client, std::move(error));
}

std::string Service::metrics_page() const {
  const Snapshot& snapshot = shared_.hub.snapshot();
  const Levels levels{.connected = shared_.hub.connected(),
                      .snapshot_version = snapshot->order.version,
                      .snapshot_bytes = snapshot->bytes,
                      .waiting = committer_.waiting()};
  std::vector<Sample> samples;
  sample(shared_.metrics, levels, committer_.metrics(), samples);
  return render(samples);
}

}  // namespace tdn::control
