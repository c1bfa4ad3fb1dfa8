// The request path of one shard: an HTTP handler that takes each request through the phases
//
//   accept → authenticate → policy 1 → read body → parse → policy 2 → admit → choose → attempt →
//   relay → settle
//
// and answers it. Phases are functions (phases.h for those without waiting, attempt.h, relay.h);
// this class holds what they share on a shard: the catalogue of the moment, the pools, the books,
// counters.
//
// Belongs to its loop's thread.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "codec/field_lines.h"
#include "gateway/attempt.h"
#include "gateway/attribution.h"
#include "gateway/catalogue.h"
#include "gateway/leg.h"
#include "gateway/metrics.h"
#include "gateway/peers.h"
#include "gateway/request.h"
#include "gateway/routing.h"
#include "gateway/upstreams.h"
#include "http/server.h"
#include "meter/books.h"

namespace tdn::gateway {

struct GatewayOptions {
  http::ClientLimits upstream;
  Duration total = std::chrono::minutes(30);  // whole request; then upstream_timeout or interrupted
  int attempts = 3;                           // at different endpoints, before the first byte
  // A stream that has begun and pauses for longer is over: stream_interrupted. Another edge, which
  // watches its engine so itself, gets kStallMargin more.
  Duration stall = std::chrono::seconds(30);
  PlantedBug bug = PlantedBug::kNone;
  // Borrowed; false while the snapshot is older than it may be. Null: always admitting.
  const std::atomic<bool>* admitting = nullptr;
  route::PrefixTable* prefixes = nullptr;  // borrowed; of all shards together; may be null
  requests::ShardLog* log = nullptr;       // borrowed; of this shard; may be null
};

// Another edge says at once that it has the request, by an interim answer. One that is silent for
// longer is as good as gone: what is more than this there and back is no way.
inline constexpr Duration kSignOfLife = std::chrono::seconds(1);
inline constexpr Duration kStallMargin = std::chrono::seconds(5);
// The log line of each attempt in vain, with request, endpoint and why.
inline constexpr std::string_view kEngineFailed = "an engine failed at a request";

class Gateway final : public http::Handler {
 public:
  // All borrowed. With a membership this edge is one of a network: endpoints of other sites are
  // reached through those sites' edges, and theirs may send here.
  Gateway(io::Loop& loop, io::Network& network, Random& random, meter::Books& books,
          const GatewayOptions& options, const Membership* membership = nullptr);

  // New requests use it from now on; those under way keep theirs.
  void publish(std::shared_ptr<const Catalogue> catalogue);
  [[nodiscard]] const std::shared_ptr<const Catalogue>& catalogue() const { return catalogue_; }
  // The keys shared with other edges; of a member only.
  void publish(std::shared_ptr<const protocol::RouteKeys> keys);
  // Users are recorded from now on, by their hash; without it they are not.
  void publish(std::shared_ptr<const UserHasher> hasher) { user_hasher_ = std::move(hasher); }

  io::Task<> handle(http::ServerConnection& client) override;
  io::Task<> refuse(http::ServerConnection& client, Error error) override;
  // A request from the peer listener (peer_handler.h); of a member only.
  io::Task<> handle_peer(http::ServerConnection& client);
  io::Task<> refuse_peer(http::ServerConnection& client, Error error);

  [[nodiscard]] GatewayMetrics& metrics() { return metrics_; }
  // Closes idle upstream connections: before the end.
  void close_idle();

  // For the relay.
  // Writes the answer's head as far as it is known now, to leave with the first bytes.
  [[nodiscard]] Result<void> begin_answer(Request& request, const Leg& leg,
                                          const codec::ResponseHead& head,
                                          std::optional<std::uint64_t> length);
  // Waits until the admission is on disk, which a stream's first byte must.
  [[nodiscard]] io::Task<Result<void>> admission_durable(Request& request);
  // Journals progress if a checkpoint is due.
  void checkpoint(const Request& request, Leg& leg);
  // Ends the admission with a record, without waiting for it.
  void settle(Request& request, const Leg& leg, meter::End end);
  // Ends it as complete and waits until the record is durable; its seq. An error: the client must
  // not be told that the answer is complete.
  [[nodiscard]] io::Task<Result<std::uint64_t>> settle_durably(Request& request, const Leg& leg);
  void delivered(std::uint64_t seq) { books_.delivered(seq); }
  // Ends it without a record: nothing came of it.
  void refuse_admission(Request& request, Code code);
  [[nodiscard]] PlantedBug bug() const { return options_.bug; }
  // How long an answer may pause: before its first token, and after.
  [[nodiscard]] Duration patience(const Leg& leg, bool begun) const;
  // What a client is told of an upstream's failure.
  [[nodiscard]] static Error upstream_error(Error error, bool of_site);

  // An answer of which something was sent ends before its end; `why` without the engine's words.
  static void note_interrupted(Request& request, const Leg& leg, std::string_view why);

 private:
  void begin(Request& request);
  [[nodiscard]] io::Task<Result<void>> answer_models(Request& request);
  [[nodiscard]] io::Task<Result<void>> explain(Request& request);
  [[nodiscard]] std::string tell_decision(const Request& request);
  [[nodiscard]] io::Task<Result<void>> take(Request& request);
  [[nodiscard]] io::Task<Result<void>> generate(Request& request);
  [[nodiscard]] io::Task<Result<void>> serve(Request& request);
  [[nodiscard]] io::Task<Result<void>> serve_hop(Request& request);
  [[nodiscard]] io::Task<Result<void>> answer_peer_state(Request& request);
  // Until the client leaves or time is up.
  [[nodiscard]] io::Task<Result<void>> serve_watched(Request& request);
  [[nodiscard]] io::Task<Result<void>> attempt(Request& request, Leg& leg);
  [[nodiscard]] io::Task<Result<void>> forward(Request& request, Leg& leg);
  [[nodiscard]] static bool take_served(Request& request, Leg& leg,
                                        const codec::ResponseHead& head);
  [[nodiscard]] Error note_refusal(Request& request, const Leg& leg,
                                   const codec::ResponseHead& head);
  [[nodiscard]] Error note_site_failure(Request& request, const Leg& leg, Error error,
                                        const io::Context& context);
  void observe_site(const Request& request, domain::SiteIndex site, route::Observation observation);
  // What became of a relay, told to the health of the endpoint.
  void note_relayed(const Request& request, const Leg& leg);
  [[nodiscard]] bool another_may_follow(const Request& request, const route::Decision& decision,
                                        int attempts) const;
  [[nodiscard]] bool worth_another(const Request& request, const io::Context& context,
                                   const route::Decision& decision, Instant now) const;
  [[nodiscard]] static route::Requester requester(const Request& request);
  [[nodiscard]] Result<void> accepting() const;
  // Whether the site takes work of other sites.
  [[nodiscard]] static Result<void> in_service(const Request& request);
  [[nodiscard]] Result<void> reserve(Request& request);
  void note_user(Request& request) const;
  // For the operator; `why` likewise.
  static void tell_failure(std::string_view what, const Request& request, const Leg& leg,
                           std::string_view why);
  // Why no answer began. That this edge has no descriptors left is for its operator alone.
  [[nodiscard]] static Error why_not_begun(const Request& request, const Leg& leg, Error error);
  [[nodiscard]] Error note_failure(Request& request, const Leg& leg, Error error,
                                   const io::Context& context);
  [[nodiscard]] static std::optional<route::Observation> failure_seen(Code code);
  [[nodiscard]] Error failure_told(Error error, bool of_site, const io::Context& context);
  // `foreign`: another owner will do the work; then somebody waits for its being on disk.
  [[nodiscard]] Result<void> open_admission(Request& request, const Leg& leg, bool foreign);
  [[nodiscard]] io::Task<> answer_error(Request& request, const Error& error);
  void settle(Request& request, const Leg& leg, meter::End end, meter::DurableWaiter* waiter);
  [[nodiscard]] meter::UsageRecord close_record(Request& request, const Leg& leg, meter::End end);

  io::Loop& loop_;
  Random& random_;
  meter::Books& books_;
  const GatewayOptions options_;
  Upstreams upstreams_;
  std::optional<Peers> peers_;  // of a member
  std::shared_ptr<const UserHasher> user_hasher_;
  GatewayMetrics metrics_;
  RequestLogger logger_;
  Routing routing_;
  codec::FieldLines lines_;  // of the answer being begun
  std::shared_ptr<const Catalogue> catalogue_;
};

}  // namespace tdn::gateway
