#include "control/edge_api.h"

#include <fmt/format.h>

#include "base/fail_point.h"
#include "base/log.h"
#include "control/api_answer.h"

namespace tdn::control {
namespace {

using store::Transaction;

// Hears that an edge has left its watch. Its end counts, too: an edge has nothing more to say
// there, and closes the watch only when it stops.
class Departure final : private io::StreamWatcher {
 public:
  Departure(io::Stream& stream, Watcher& watcher) : stream_(stream), watcher_(watcher) {
    stream_.watch(this);
    gone_ = stream_.peer_gone() || stream_.peer_finished();
  }
  ~Departure() { stream_.watch(nullptr); }
  Departure(const Departure&) = delete;
  Departure& operator=(const Departure&) = delete;
  [[nodiscard]] bool gone() const { return gone_; }

 private:
  void on_event(io::Stream& /*stream*/, io::StreamEvent event) override {
    if (event != io::StreamEvent::kReadable) {
      gone_ = true;
      watcher_.wake.set();
    }
  }
  io::Stream& stream_;
  Watcher& watcher_;
  bool gone_ = false;
};

class Attached {
 public:
  Attached(Hub& hub, Watcher& watcher) : hub_(hub), watcher_(watcher) { hub_.attach(watcher_); }
  ~Attached() { hub_.detach(watcher_); }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  Hub& hub_;
  Watcher& watcher_;
};

protocol::SyncRefusal mismatch(std::string message) {
  return {.fault = protocol::SyncFault::kProtocolMismatch,
          .message = std::move(message),
          .expected = 0,
          .epoch = 0};
}

Error wrong_site(std::string_view named, std::string_view site) {
  return {Code::kInvalidRequest,
          fmt::format("site: `{}`, but the node secret is that of {}; give each edge the secret of "
                      "its own site",
                      named.substr(0, 80), site)};
}

}  // namespace

io::Task<> EdgeApi::handle(http::ServerConnection& client, Target target, std::string site) {
  const std::string named(client.head().find("tdn-site").value_or(site));
  if (named != site) {
    log_warning("control", "an edge shows the node secret of another site",
                {{"edge", std::string_view(named).substr(0, 80)}, {"secret", site}});
    co_await answer_error(client, wrong_site(named, site));
    co_return;
  }
  switch (target.endpoint) {
    case Endpoint::kSync:
      co_await sync(client, std::move(site));
      break;
    case Endpoint::kWatch:
      co_await watch(client, std::move(site));
      break;
    default:
      co_await section(client, std::move(target.name));
  }
}

io::Task<> EdgeApi::refuse(http::ServerConnection& client, const protocol::SyncRefusal& refusal) {
  shared_.metrics.refusals[static_cast<std::size_t>(refusal.fault)].add();
  co_await answer(client, protocol::status_of(refusal.fault), protocol::to_json(refusal));
}

io::Task<> EdgeApi::sync(http::ServerConnection& client, std::string site) {
  const std::string spoken(client.head().find("tdn-protocol").value_or(""));
  const std::uint64_t announced = client.head().framing().length;
  if (announced > protocol::kMostSyncBytes) {
    co_await answer_error(client, Error(Code::kRequestTooLarge, "a sync holds at most 4 MiB"));
    co_return;
  }
  const Result<std::string_view> body = co_await client.read_body();
  if (!body || body->size() > protocol::kMostSyncBytes) {
    co_await answer_error(client, body ? Error(Code::kRequestTooLarge, "a sync holds at most 4 MiB")
                                       : Error(body.error()));
    co_return;
  }
  if (spoken != std::to_string(protocol::kProtocol)) {
    co_await refuse(client, mismatch(fmt::format("the header tdn-protocol says `{}`, this control "
                                                 "speaks {}; use tdn of the same version at both",
                                                 spoken.substr(0, 40), protocol::kProtocol)));
    co_return;
  }
  auto parsed = protocol::parse_sync_request(*body);
  client.release_request();
  if (!parsed) {
    shared_.metrics.malformed_syncs.add();
    co_await answer_error(client, Error(Code::kInvalidRequest, parsed.error().detail()));
    co_return;
  }
  const auto request = std::make_shared<protocol::SyncRequest>(*std::move(parsed));
  if (!request->protocols.contains(protocol::kProtocol)) {
    co_await refuse(client, mismatch("the edge does not speak protocol 1; use tdn of the same "
                                     "version at both"));
    co_return;
  }
  if (request->site != site) {
    co_await answer_error(client, wrong_site(request->site, site));
    co_return;
  }
  Core& core = shared_.core;
  std::function<Result<SyncAnswer>(Transaction&)> operation =
      [&core, site, request](Transaction& tx) { return core.sync(tx, site, *request); };
  Result<SyncAnswer> result = co_await shared_.committer.run<SyncAnswer>(std::move(operation));
  if (!result) {
    shared_.metrics.malformed_syncs.add();
    co_await answer_error(client, result.error());
    co_return;
  }
  co_await taken(client, site, *request, *result);
}

io::Task<> EdgeApi::taken(http::ServerConnection& client, const std::string& site,
                          const protocol::SyncRequest& request, const SyncAnswer& result) {
  if (result.taken.records > 0) {
    fail_point("control.after_commit");
  }
  if (const auto* refusal = std::get_if<protocol::SyncRefusal>(&result.answer)) {
    log_warning("control", "a sync was refused",
                {{"site", site},
                 {"fault", protocol::to_string(refusal->fault)},
                 {"reason", refusal->message}});
    co_await refuse(client, *refusal);
    co_return;
  }
  ControlMetrics& metrics = shared_.metrics;
  metrics.syncs.add();
  metrics.records.add(result.taken.records);
  metrics.repeated.add(result.taken.repeated);
  metrics.recycled.add(result.taken.recycled);
  if (result.published != nullptr) {
    shared_.publish(result.published);
  }
  if (!request.refused_snapshot.empty()) {
    log_warning("control", "an edge refused a snapshot",
                {{"site", site}, {"reason", request.refused_snapshot}});
  }
  shared_.hub.synced(site, request, request.complete_through.has_value());
  co_await answer(client, 200, protocol::to_json(std::get<protocol::SyncReply>(result.answer)));
}

io::Task<> EdgeApi::section(http::ServerConnection& client, std::string sha256) {
  const std::shared_ptr<const std::string> bytes = shared_.hub.section(sha256);
  if (bytes == nullptr) {
    co_await answer_error(
        client,
        Error(Code::kNotFound, fmt::format("no snapshot in force has a section {}; take the "
                                           "newest manifest",
                                           sha256.substr(0, 64))));
    co_return;
  }
  http::Answer whole;
  whole.body = *bytes;  // held by `bytes`: a copy per edge would be dear
  const Result<void> sent = co_await client.respond(whole);
  if (!sent) {
    client.abort();
  }
}

std::string EdgeApi::news(Watcher& watcher, Instant& peers_due) {
  std::string text;
  const Snapshot& snapshot = shared_.hub.snapshot();
  if (snapshot != nullptr && watcher.sent != snapshot->order) {
    watcher.sent = snapshot->order;
    text += protocol::to_sse(protocol::SnapshotOffered{snapshot->envelope});
  }
  if (std::exchange(watcher.sync_asked, false)) {
    text += protocol::to_sse(protocol::SyncAsked());
  }
  const Instant now = shared_.loop.clock().now();
  if (now >= peers_due && shared_.hub.has_peers_for(watcher)) {
    peers_due = now + kBetweenPeers;
    text += protocol::to_sse(shared_.hub.peers_for(watcher));
  }
  return text;
}

io::Task<> EdgeApi::watch(http::ServerConnection& client, std::string site) {
  codec::FieldLines fields;
  fields.add("content-type", "text/event-stream").add("cache-control", "no-store");
  client.close_after_answer();
  if (!client.begin(200, fields)) {
    client.abort();
    co_return;
  }
  client.release_request();
  shared_.metrics.watches.add();
  Watcher watcher;
  watcher.site = std::move(site);
  const Departure departure(client.stream(), watcher);
  const Attached attached(shared_.hub, watcher);
  io::Context& context = co_await io::this_context();
  Instant peers_due{};
  std::string text(protocol::alive_comment());  // so that the head leaves at once
  while (!departure.gone() && !watcher.cut && !shared_.draining) {
    text += news(watcher, peers_due);
    if (!text.empty()) {  // an empty chunk would end the answer
      const io::Slice slice(text);
      const Result<void> sent = co_await client.write(std::span(&slice, 1));
      if (!sent) {
        break;
      }
    }
    const Instant now = shared_.loop.clock().now();
    const Instant alive = now + std::chrono::seconds(protocol::kAliveSeconds);
    const bool peers_wait = shared_.hub.has_peers_for(watcher);
    io::Wake wake = io::Wake::kReady;
    {
      const io::DeadlineScope deadline(context, peers_wait ? std::min(alive, peers_due) : alive);
      wake = co_await watcher.wake.wait();
    }
    if (wake == io::Wake::kCancelled) {
      break;
    }
    text = wake == io::Wake::kTimeout && !peers_wait ? protocol::alive_comment() : "";
  }
  if (watcher.cut || !departure.gone()) {
    shared_.metrics.cut.add();
  }
  client.abort();
}

}  // namespace tdn::control
