// An engine's answer on its way to the client, and its settlement, which comes before the client
// can believe the answer complete (FORMATS §5).
//
// The result of a relay: nothing if the client has its answer, or left, or was told in-band that it
// was interrupted; in all those cases the request is settled. An error if nothing was sent yet:
// another endpoint may answer.
#pragma once

#include "codec/http1.h"
#include "gateway/leg.h"
#include "http/upstream.h"

namespace tdn::gateway {

class Gateway;

// One attempt as the relay sees it. All borrowed.
struct Answering {
  Gateway& gateway;
  Request& request;
  Leg& leg;
  http::Exchange& exchange;
  const codec::ResponseHead& head;
};

// `text/event-stream`: each event leaves when it arrives; the last is held.
[[nodiscard]] io::Task<Result<void>> relay_stream(Answering answering);

// Everything else. Held whole up to 1 MiB; beyond that, passed on but for its last read.
[[nodiscard]] io::Task<Result<void>> relay_whole(Answering answering);

// An engine's own refusal (400, 404, 413, 422): passed on, nothing is billed.
[[nodiscard]] io::Task<Result<void>> relay_refusal(Answering answering);

// Whichever of them the answer's head asks for; notes in the leg whether it is streamed. Of all
// four: an error is the engine's, and nothing of its answer has reached the client. What a client
// does that leaves is dealt with here.
[[nodiscard]] io::Task<Result<void>> relay(Answering answering);

}  // namespace tdn::gateway
