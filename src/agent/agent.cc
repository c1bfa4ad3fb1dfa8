#include "agent/agent.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/fail_point.h"
#include "base/log.h"
#include "codec/sse.h"
#include "protocol/sync.h"

namespace tdn::agent {
namespace {

using namespace std::chrono_literals;
using protocol::SyncFault;

constexpr Duration kTick = 100ms;
constexpr Duration kBetweenSyncs = 150ms;  // at least
constexpr Duration kWithRecords = 500ms;
constexpr Duration kWithoutRecords = 2s;
constexpr Duration kFirstBackOff = 100ms;
constexpr Duration kLongestBackOff = 5s;
constexpr unsigned kMostDoublings = 6;
constexpr Duration kGoodWatch = 10s;    // after which a lost one is tried again at once
constexpr Duration kFirstContact = 2s;  // that a start with a snapshot waits for control
constexpr Duration kLastSync = 1s;
constexpr Duration kBetweenSigns = 10s;  // of waiting for a first snapshot
constexpr Duration kContactPeriod = 60s;
constexpr int kOk = 200;

bool same(const std::vector<protocol::RouteKeyGrant>& a,
          const std::vector<protocol::RouteKeyGrant>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.id == y.id && x.version == y.version && x.from == y.from && x.to == y.to &&
           x.key == y.key;
  });
}

bool same(const std::vector<protocol::PeerEdge>& a, const std::vector<protocol::PeerEdge>& b) {
  return std::ranges::equal(
      a, b, [](const auto& x, const auto& y) { return x.site == y.site && x.edge == y.edge; });
}

// Rates change all the time and are told with the next sync.
bool same_state(const std::vector<protocol::EndpointReport>& a,
                const std::vector<protocol::EndpointReport>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.uid == y.uid && x.health == y.health && x.running == y.running &&
           x.waiting == y.waiting;
  });
}

}  // namespace

Agent::Agent(const AgentParts& parts, AgentOptions options, const Secret& node_secret)
    : parts_(parts),
      options_(std::move(options)),
      control_(parts.loop, parts.link, options_.authority, options_.site, node_secret),
      uploader_(parts.loop, parts.pool, parts.outbox),
      keeper_({parts.loop, parts.pool, control_, parts.host, parts.store, options_.bug},
              options_.site, options_.state_dir,
              [this] {
                heard();
                check_freshness();
                due_.set();
                first_.set();
              }),
      boot_(Uid::make(parts.clock.wall(), parts.random)),
      tasks_(parts.loop) {}

Agent::~Agent() = default;

io::Task<bool> Agent::begin() {
  const bool here = co_await keeper_.start();
  const Instant now = parts_.clock.now();
  freshness_.set_valid_for(std::chrono::seconds(keeper_.valid_for_s()));
  freshness_.start(
      now, contact_age(parts_.store.read_contact(), options_.machine_boot, now, kContactPeriod));
  tasks_.spawn(keeper_.run());
  tasks_.spawn(sync_loop());
  tasks_.spawn(watch_loop());
  tasks_.spawn(tick_loop());
  io::Context& context = co_await io::this_context();
  if (here) {
    // Learns before the first request whether this journal is the one that control knows.
    const io::DeadlineScope patience(context, parts_.loop.now() + kFirstContact);
    const io::Wake wake = co_await first_.wait();
    check_freshness();
    co_await write_contact(parts_.clock.now());
    begun_ = true;
    co_return wake != io::Wake::kCancelled;
  }
  while (keeper_.order() == protocol::SnapshotOrder{}) {
    const io::DeadlineScope patience(context, parts_.loop.now() + kBetweenSigns);
    const io::Wake wake = co_await first_.wait();
    if (wake == io::Wake::kCancelled) {
      co_return false;
    }
    if (wake == io::Wake::kTimeout) {
      log_warning("agent", "waiting for a first snapshot from control",
                  {{"connected", connected_}, {"refused", keeper_.refused()}});
    }
  }
  // Before the first request: killed right after it, the next start must know of this contact.
  co_await write_contact(parts_.clock.now());
  begun_ = true;
  co_return true;
}

io::Task<> Agent::stop() {
  tasks_.cancel();
  static_cast<void>(co_await tasks_.join());
  if (connected_ && !restarting_) {
    io::Context& context = co_await io::this_context();
    const io::DeadlineScope patience(context, parts_.loop.now() + kLastSync);
    static_cast<void>(co_await sync());
  }
  control_.close_idle();
}

void Agent::check_freshness() {
  const bool fresh = this->fresh();
  if (fresh == admitting_ || keeper_.order() == protocol::SnapshotOrder{}) {
    return;
  }
  admitting_ = fresh;
  if (fresh) {
    log_info("agent", "control was heard again: admitting requests");
  } else if (keeper_.site_is_gone()) {
    log_error("agent", "this edge's site was deleted: nothing new is admitted",
              {{"site", options_.site}, {"reason", keeper_.refused()}});
  } else {
    log_error("agent",
              "the snapshot is older than it may be without contact to control: nothing new is "
              "admitted",
              {{"snapshot", to_string(keeper_.order())},
               {"validForS", keeper_.valid_for_s()},
               {"refused", keeper_.refused()}});
  }
  parts_.host.set_admitting(fresh);
}

Duration Agent::backed_off(unsigned failures) {
  const unsigned doublings = std::min(failures > 0 ? failures - 1 : 0, kMostDoublings);
  const Duration longest = std::min<Duration>(kFirstBackOff * (1U << doublings), kLongestBackOff);
  const auto half = static_cast<std::uint64_t>((longest / 2).count());
  return longest / 2 + Duration(static_cast<Duration::rep>(parts_.random.below(half + 1)));
}

Instant Agent::next_sync() const {
  if (uploader_.has_backlog()) {
    return last_sync_;
  }
  if (last_change_ != kNever) {
    return last_sync_ + kBetweenSyncs;
  }
  const bool waiting = !uploader_.stopped() && uploader_.unacknowledged() > 0;
  return last_sync_ + (waiting ? kWithRecords : kWithoutRecords);
}

io::Task<> Agent::sync_loop() {
  io::Context& context = co_await io::this_context();
  while (true) {
    syncing_ = true;
    const Result<void> outcome = co_await sync();
    syncing_ = false;
    if (context.cancelled()) {
      co_return;
    }
    last_sync_ = parts_.clock.now();
    first_.set();
    if (!outcome) {
      connected_ = false;
      ++failures_;
      ++failed_syncs_;
      note_failure(outcome.error());
      const Duration pause = backed_off(failures_);
      if (co_await io::sleep_for(pause) == io::Wake::kCancelled) {
        co_return;
      }
      continue;
    }
    failures_ = 0;
    const io::DeadlineScope until(context, next_sync());
    if (co_await due_.wait() == io::Wake::kCancelled) {
      co_return;
    }
  }
}

// Looks what changed, without being told: the books and the shards need not know of the agent.
io::Task<> Agent::tick_loop() {
  while (co_await io::sleep_for(kTick) == io::Wake::kReady) {
    const Instant now = parts_.clock.now();
    if (last_change_ == kNever && !same_state(parts_.host.endpoints(), told_)) {
      last_change_ = now;
    }
    if (!syncing_ && now >= next_sync()) {
      due_.set();
    }
    check_freshness();
    if (begun_) {  // until then that is `begin`'s
      co_await write_contact(now);
    }
  }
}

// Each minute, and when control was heard after a while: what is on disk must not be younger than
// the truth, nor much older.
io::Task<> Agent::write_contact(Instant now) {
  if (!freshness_.known()) {
    co_return;
  }
  const Duration period =
      std::min<Duration>(kContactPeriod, std::chrono::seconds(keeper_.valid_for_s()) / 10);
  const Duration age = freshness_.age(now);
  const bool is_old = now >= contact_written_.at + period;
  const bool is_wrong = contact_written_.age + (now - contact_written_.at) >= age + period;
  if (!is_old && !is_wrong) {
    co_return;
  }
  contact_written_ = {options_.machine_boot, now, age};
  SnapshotStore& store = parts_.store;
  std::function<Result<io::Done>()> job = [&store, contact = contact_written_] {
    return store.write_contact(contact).map([] { return io::Done{}; });
  };
  const Result<io::Done> written = co_await parts_.pool.run(std::move(job), parts_.loop);
  if (!written && written.error().code() != Code::kCancelled) {
    log_warning("agent", "cannot write down when control was heard",
                {{"reason", written.error().detail()}});
  }
}

io::Task<Result<void>> Agent::sync() {
  due_.reset();
  protocol::SyncRequest request;
  request.site = options_.site;
  request.edge = options_.edge;
  request.boot = boot_;
  request.n = ++n_;
  request.version = options_.version;
  const Result<void> filled = co_await uploader_.fill(request);
  if (!filled) {
    if (filled.error().code() == Code::kMissing || filled.error().code() == Code::kCorrupt) {
      quarantine(filled.error().detail());
    }
    co_return filled;
  }
  request.snapshot = keeper_.order();
  request.refused_snapshot = keeper_.refused().substr(0, 1'000);
  request.endpoints = parts_.host.endpoints();
  const Instant sent = parts_.clock.now();
  if (parts_.time.is_learnt()) {
    request.network_time_ms = parts_.time.at(sent);
  }
  Result<ControlClient::Reply> reply = co_await control_.sync(to_json(request));
  if (!reply) {
    co_return fail(reply.error());
  }
  Result<void> outcome = co_await answered(request, *std::move(reply), sent);
  if (outcome) {
    ++syncs_;
    connected_ = true;
    told_ = request.endpoints;
    last_change_ = kNever;
    if (!last_failure_.empty()) {
      last_failure_.clear();
      log_info("agent", "control answers again");
    }
  }
  co_return outcome;
}

io::Task<Result<void>> Agent::answered(const protocol::SyncRequest& request,
                                       ControlClient::Reply reply, Instant sent) {
  const Instant received = parts_.clock.now();
  last_took_ = received - sent;
  if (reply.status != kOk) {
    const auto refusal = protocol::parse_sync_refusal(reply.body);
    if (!refusal) {
      co_return fail(ControlClient::refused("a sync", reply));
    }
    Result<void> outcome = co_await refused(request, *refusal);
    co_return outcome;
  }
  Result<protocol::SyncReply> parsed = protocol::parse_sync_reply(reply.body);
  if (!parsed) {
    co_return fail(parsed.error().with("control's answer to a sync"));
  }
  if (parsed->boot != boot_ || parsed->n != request.n) {
    co_return fail(Code::kUpstreamError, "control answered another sync than the one under way");
  }
  heard();
  parts_.time.learn(parsed->network_time_ms, sent + last_took_ / 2);
  Result<void> taken = co_await uploader_.taken(request, *parsed, last_took_);
  if (!taken) {
    if (taken.error().code() == Code::kCorrupt) {
      quarantine(taken.error().detail());
    }
    co_return taken;
  }
  take_keys(*parsed);
  if (parsed->epoch > request.journal.epoch && !restarting_) {
    taken = co_await begin_epoch(parsed->epoch, false);
  }
  co_return taken;
}

io::Task<Result<void>> Agent::refused(const protocol::SyncRequest& request,
                                      const protocol::SyncRefusal& refusal) {
  switch (refusal.fault) {
    case SyncFault::kGap: {
      heard();
      const Result<void> known = uploader_.gap(request, refusal.expected);
      if (!known) {
        quarantine(known.error().detail());
      }
      co_return known;
    }
    case SyncFault::kRollback: {
      heard();
      if (restarting_) {
        break;
      }
      Result<void> begun = co_await begin_epoch(refusal.epoch, true);
      co_return begun;
    }
    case SyncFault::kClone:
    case SyncFault::kQuarantined:
      heard();
      quarantine(refusal.message);
      break;
    case SyncFault::kStale:
    case SyncFault::kProtocolMismatch:
    case SyncFault::kInvalidNodeSecret:
      break;
  }
  co_return fail(Code::kUnavailable,
                 fmt::format("{}: {}", to_string(refusal.fault), refusal.message));
}

io::Task<Result<void>> Agent::begin_epoch(std::uint32_t epoch, bool forked) {
  meter::Outbox& outbox = parts_.outbox;
  std::function<Result<io::Done>()> job = [&outbox, epoch, forked] {
    return outbox.begin_epoch(epoch, forked).map([] { return io::Done{}; });
  };
  TDN_CO_TRY_VOID(co_await parts_.pool.run(std::move(job), parts_.loop));
  log_error("agent",
            forked
                ? "control knows a later state of these books: the state folder came back from a "
                  "backup. Starting again with a new epoch; what was settled since this start "
                  "stays in the old journal and is not uploaded"
                : "control orders a new epoch: starting again",
            {{"epoch", static_cast<std::uint64_t>(epoch)}});
  uploader_.stop();
  restarting_ = true;
  parts_.host.restart("control ordered a new epoch");
  co_return Result<void>();
}

void Agent::quarantine(std::string_view why) {
  if (!uploader_.stopped()) {
    log_error("agent",
              "usage is no longer uploaded: an operator must look. Requests are still served and "
              "their records kept",
              {{"reason", why}});
  }
  uploader_.stop();
}

// Whoever answers syncs may still know more than we do: only with an open watch, and if what it
// offered last is in force, is the snapshot confirmed.
void Agent::heard() {
  if (!watching_ || !keeper_.confirmed()) {
    return;
  }
  freshness_.set_valid_for(std::chrono::seconds(keeper_.valid_for_s()));
  freshness_.heard(parts_.clock.now());
}

void Agent::note_failure(const Error& error) {
  if (error.detail() != last_failure_) {
    last_failure_ = error.detail();
    log_warning("agent", "a sync with control failed; trying again", {{"reason", last_failure_}});
  }
}

void Agent::take_keys(const protocol::SyncReply& reply) {
  if (reply.user_secret && reply.user_secret != user_secret_) {
    user_secret_ = reply.user_secret;
    parts_.host.use_user_secret(*user_secret_);
  }
  if (same(reply.keys, keys_) && same(reply.sites, edges_)) {
    return;
  }
  auto made = protocol::RouteKeys::create(options_.edge, reply.keys, reply.sites);
  if (!made) {
    log_error("agent", "control's keys for other edges cannot be used; the former ones stay",
              {{"reason", made.error().detail()}});
    return;
  }
  keys_ = reply.keys;
  edges_ = reply.sites;
  parts_.host.use_keys(*std::move(made));
}

io::Task<> Agent::watch_loop() {
  io::Context& context = co_await io::this_context();
  unsigned failures = 0;
  while (true) {
    const Instant begin = parts_.clock.now();
    const Result<void> outcome = co_await watch();
    watching_ = false;
    if (context.cancelled()) {
      co_return;
    }
    failures = parts_.clock.now() - begin > kGoodWatch ? 1 : failures + 1;
    const Duration pause = backed_off(failures);
    if (co_await io::sleep_for(pause) == io::Wake::kCancelled) {
      co_return;
    }
  }
}

io::Task<Result<void>> Agent::watch() {
  TDN_CO_TRY(http::Exchange exchange, co_await control_.watch());
  codec::SseParser parser;
  while (true) {
    TDN_CO_TRY(const http::Exchange::Piece piece, co_await exchange.read_body());
    if (!piece) {
      co_return fail(Code::kClosed, "control ended the watch");
    }
    watching_ = true;
    parser.push(*piece);
    while (true) {
      TDN_CO_TRY(const std::optional<codec::SseEvent> event, parser.next());
      if (!event) {
        heard();
        break;
      }
      if (!event->has_data) {
        continue;
      }
      Result<protocol::WatchEvent> parsed = protocol::parse_watch_event(event->type, event->data);
      if (parsed) {
        take(*std::move(parsed));
      } else {
        log_warning("agent", "passing over an event that cannot be understood",
                    {{"reason", parsed.error().detail()}});
      }
    }
  }
}

void Agent::take(protocol::WatchEvent event) {
  if (auto* offered = std::get_if<protocol::SnapshotOffered>(&event)) {
    keeper_.offer(std::move(offered->envelope));
  } else if (const auto* peers = std::get_if<protocol::PeersReported>(&event)) {
    parts_.host.peers_report(peers->endpoints);
  } else if (std::holds_alternative<protocol::SyncAsked>(event)) {
    due_.set();
  }
}

}  // namespace tdn::agent
