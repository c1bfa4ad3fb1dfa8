// What `tdn wan` is to be: its links, each with the way it takes and how far that is.
//
//   control: {listen: "127.0.0.1:0", tokenFile: wan/token}    # where faults are set
//   links:
//     - {from: berlin, to: frankfurt, listen: "127.0.0.1:0", target: "127.0.0.1:8080", rttMs: 9.4}
//     - {from: paris, to: frankfurt, target: "127.0.0.1:8083", rttMs: 10, jitterMs: 2,
//        bytesPerSecond: 125000000}
//
// Everything is on loopback. `listen` is any free port where it is left out; jitter and a bound of
// bytes there are none then.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/network.h"
#include "wan/faults.h"

namespace tdn::wan {

inline constexpr std::size_t kMostLinks = 4096;
inline constexpr std::int64_t kMostRttMs = 60'000;

struct LinkPlan {
  std::string from;  // a city, a site
  std::string to;    // a site, control
  io::Address listen = {};
  io::Address target = {};
  Duration rtt{};
  Duration jitter{};                   // at most so much on top, one way
  std::uint64_t bytes_per_second = 0;  // each way, of all connections together; 0: no bound

  bool operator==(const LinkPlan&) const = default;
};

struct Config {
  io::Address control;
  std::string token_file;  // holds the bearer token of `control`
  std::vector<LinkPlan> links;

  bool operator==(const Config&) const = default;
};

// Any port on 127.0.0.1.
[[nodiscard]] io::Address any_port();

// kInvalid, "file:line:column: what is wrong; what to do".
[[nodiscard]] Result<Config> parse_config(std::string_view text, const std::string& file);
// As JSON, which is YAML.
[[nodiscard]] std::string to_json(const Config& config);

// The nodes that links name.
[[nodiscard]] Names names_of(const std::vector<LinkPlan>& links);

}  // namespace tdn::wan
