// The manifests of the simulated network: the sites of its plan with an endpoint each, one model,
// the plan's tenants, of which one is fenced in always and one by a policy that the operator
// changes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/publisher.h"
#include "meter/price.h"
#include "sim/network_plan.h"

namespace tdn::sim {

struct KeyText {
  std::string id;
  std::string sha256;
};

struct EngineText {
  std::string address;
  std::uint64_t room = 0;  // requests that it takes together
};

// An engine per site and a key per tenant of the plan, in its order.
[[nodiscard]] std::string network_manifests(const NetworkPlan& plan,
                                            const std::vector<EngineText>& engines,
                                            const std::vector<KeyText>& keys);
// The policy of the tenant moving: within the fence, or anywhere.
[[nodiscard]] std::string fence_manifest(bool closed);
// Whether a snapshot has it closed, by its text.
[[nodiscard]] bool is_fenced(const control::Published& snapshot);

// What the model costs.
extern const meter::ListPrice kNetworkPrice;

}  // namespace tdn::sim
