// Which ports the parts of a local network listen on, all on loopback.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tdn::local {

// Site n starts at 8080 + 100·n: gateway, +1 admin, +2 engine. 0: any free port.
struct SitePorts {
  std::uint16_t gateway = 0;
  std::uint16_t admin = 0;
  std::uint16_t engine = 0;

  bool operator==(const SitePorts&) const = default;
};

// The second site has no gateway of its own.
struct PortPlan {
  SitePorts frankfurt;
  SitePorts paris;

  bool operator==(const PortPlan&) const = default;
};

// `--ports`: "auto", or the first port. kInvalid otherwise.
struct PortChoice {
  static constexpr std::uint16_t kFirst = 8080;
  static constexpr std::uint16_t kPerSite = 100;
  std::uint16_t first = kFirst;  // 0: auto
};
[[nodiscard]] Result<PortChoice> parse_port_choice(std::string_view text);

// All 0 for auto.
[[nodiscard]] PortPlan plan_ports(PortChoice choice);

// For ports.json; reading gives nothing if the text is not such a file.
[[nodiscard]] std::string to_json(const PortPlan& plan);
[[nodiscard]] std::optional<PortPlan> parse_port_plan(std::string_view json);

}  // namespace tdn::local
