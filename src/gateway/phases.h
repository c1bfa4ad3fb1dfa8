// The phases of a request that need no waiting, in their order. Each fills in its part of the
// request or says why the request ends here; a later phase may rely on all earlier ones.
#pragma once

#include "gateway/request.h"

namespace tdn::gateway {

class Peers;

// accept: what is asked of us. not_found, method_not_allowed, invalid_request (a header is
// malformed).
[[nodiscard]] Result<void> accept(Request& request);

// authenticate: `Authorization: Bearer` or `x-api-key`. invalid_api_key.
[[nodiscard]] Result<void> authenticate(Request& request);

// policy 1: may this site open the body? wrong_site, policy_denied.
[[nodiscard]] Result<void> may_open_body(const Request& request);

// parse: the body is what the operation takes. invalid_request.
[[nodiscard]] Result<void> parse(Request& request);

// policy 2: the model exists, the key may use it, policy lets it be processed somewhere.
// model_not_found, model_not_allowed, policy_denied.
[[nodiscard]] Result<void> narrow(Request& request);

// In place of accept to policy 2, for a request from a peer: its route token instead of a key, and
// policy asked again for this site and the token's model, before anything of the body is read.
// not_found, invalid_api_key (the token), invalid_request, overloaded, wrong_site.
[[nodiscard]] Result<void> take_hop(Request& request, Peers& peers, PlantedBug bug);

// The token of a peer that asks how this site's endpoints are. method_not_allowed,
// invalid_api_key, overloaded.
[[nodiscard]] Result<void> take_state_request(Request& request, Peers& peers);

// Answers of our own to GET /v1/models and /v1/models/{id}: the models that the key may use.
[[nodiscard]] Result<std::string> list_models(const Request& request);
[[nodiscard]] Result<std::string> show_model(const Request& request);

}  // namespace tdn::gateway
