// One attempt at one endpoint: the request goes to the engine, the answer comes back and is judged.
// What reaches the client is the relay's business (relay.h); until its first byte another attempt
// may follow.
#pragma once

#include <optional>

#include "codec/http1.h"
#include "domain/snapshot.h"
#include "gateway/catalogue.h"
#include "gateway/leg.h"
#include "gateway/request.h"
#include "http/upstream.h"

namespace tdn::gateway {

class Gateway;

// What the head of the leg's answer means for the request.
enum class Verdict : std::uint8_t {
  kAnswer,   // 2xx: relay it
  kRefusal,  // its own 400, 413, 422, at last 404: the client's fault, passed on as it is
  kBusy,     // 429, 503: elsewhere, at last `overloaded`
  kFailed,   // everything else: elsewhere, at last `upstream_error`
};
// A 404 can mean that the engine lacks the model that its manifest names: others are asked first.
[[nodiscard]] Verdict judge(const codec::ResponseHead& head, const Leg& leg);

// A connection to the upstream, a fresh one or any. No connection in time: kUnavailable.
[[nodiscard]] io::Task<Result<http::Exchange>> open_way(http::Upstream& upstream, bool fresh);

// Whole seconds of an engine's Retry-After, 1–3600; nothing if there is none or it is a date.
[[nodiscard]] std::optional<std::uint64_t> retry_after_of(const codec::Head& head);

// The body with what must be changed in it for the endpoint.
[[nodiscard]] codec::SplicedBody splice(const Request& request, const domain::Served& served,
                                        bool continuous_usage);

// Sends the request to the leg's endpoint and reads the answer's head, by `leg.head_by`. A pooled
// connection that turns out dead unanswered is replaced once by a fresh one. Errors keep their code
// (kUnavailable, kTimeout, kClosed, kOverloaded, upstream_error, kCancelled), but for one: no
// connection in time is kUnavailable, for that is the way's fault and certain.
[[nodiscard]] io::Task<Result<http::Exchange>> dispatch(Request& request, const Leg& leg,
                                                        http::Upstream& upstream,
                                                        const Catalogue::EngineHead& common,
                                                        const codec::ResponseHead** head);

}  // namespace tdn::gateway
