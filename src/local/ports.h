// Which ports the parts of a local network listen on, all on loopback.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tdn::local {

// Site n starts at 8080 + 100·n: gateway, +1 admin, +2 engine, +3 peers. 0: not known yet.
struct SitePorts {
  std::uint16_t gateway = 0;
  std::uint16_t admin = 0;
  std::uint16_t engine = 0;
  std::uint16_t peers = 0;

  bool operator==(const SitePorts&) const = default;
};

struct PortPlan {
  std::uint16_t control = 0;
  std::map<std::string, SitePorts> sites;

  bool operator==(const PortPlan&) const = default;
};

// `--ports`: "auto", or the first port. kInvalid otherwise.
struct PortChoice {
  static constexpr std::uint16_t kFirst = 8080;
  static constexpr std::uint16_t kPerSite = 100;
  static constexpr std::uint16_t kControl = 10;  // behind the first
  std::uint16_t first = kFirst;                  // 0: auto
};
[[nodiscard]] Result<PortChoice> parse_port_choice(std::string_view text);

// All 0 for auto. kInvalid if the last site's ports would pass 65535.
[[nodiscard]] Result<PortPlan> plan_ports(PortChoice choice, const std::vector<std::string>& sites);

// For ports.json; reading gives nothing if the text is not such a file.
[[nodiscard]] std::string to_json(const PortPlan& plan);
[[nodiscard]] std::optional<PortPlan> parse_port_plan(std::string_view json);

}  // namespace tdn::local
