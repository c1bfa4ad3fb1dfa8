// Where a client is, as a trusted proxy says it in `tdn-client-location`: `DE`, `50.11,8.68` or
// `DE;50.11,8.68`.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "domain/country.h"
#include "domain/geo.h"

namespace tdn::gateway {

struct ClientLocation {
  domain::Country country;  // unknown if not said
  std::optional<domain::Coordinates> coordinates;
};

// As a peer is told, to five decimals of a degree; empty if nothing is known.
using LocationRoom = std::array<char, 40>;
[[nodiscard]] std::string_view write_client_location(const ClientLocation& location,
                                                     LocationRoom& room);

// kInvalidRequest for anything else: a proxy that is misunderstood must not weaken a policy by it.
[[nodiscard]] Result<ClientLocation> parse_client_location(std::string_view text);

}  // namespace tdn::gateway
