// The manifests of the simulated network: three sites, one model, three tenants, of which one is
// fenced in always and one by a policy that the operator changes.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "control/publisher.h"
#include "meter/price.h"

namespace tdn::sim {

struct KeyText {
  std::string id;
  std::string sha256;
};

// `engines`, their addresses: of Frankfurt, inside the fence, Paris and Ashburn. `keys`: of the
// tenants free, fenced and moving. `room`: requests that Frankfurt's engine takes together.
[[nodiscard]] std::string network_manifests(const std::array<std::string, 3>& engines,
                                            const std::array<KeyText, 3>& keys, std::uint64_t room);
// The policy of the tenant moving: within the fence, or anywhere.
[[nodiscard]] std::string fence_manifest(bool closed);
// Whether a snapshot has it closed, by its text.
[[nodiscard]] bool is_fenced(const control::Published& snapshot);

// What the model costs.
extern const meter::ListPrice kNetworkPrice;

}  // namespace tdn::sim
