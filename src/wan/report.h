// What `tdn wan` tells programs once it serves: its ready file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/network.h"

namespace tdn::wan {

struct LinkReport {
  std::string from;
  std::string to;
  io::Address address;  // where it listens

  bool operator==(const LinkReport&) const = default;
};

// {"wan":"http://127.0.0.1:PORT","links":[{"from","to","address":"127.0.0.1:PORT"}],"pid"}
struct WanReport {
  std::string wan;  // the URL of its door
  std::vector<LinkReport> links;
  int pid = 0;
};

[[nodiscard]] std::string to_json(const WanReport& report);
// kInvalid if the text is no such report.
[[nodiscard]] Result<WanReport> parse_wan_report(std::string_view json);

}  // namespace tdn::wan
