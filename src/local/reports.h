// What parts of a network tell programs when they serve (FORMATS §12): the ready files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "local/manifests.h"

namespace tdn::local {

// `tdn edge --ready-file`. Addresses are URLs.
struct EdgeReport {
  std::string gateway;
  std::string admin;
  std::string peers = {};  // left out if empty: the edge is alone
  int pid = 0;
};

// `tdn control --ready-file`.
struct ControlReport {
  std::string control;
  std::string control_key;  // base64: what snapshots are verified with
  int pid = 0;
};

// `tdn engine --ready-file`.
struct EngineReport {
  std::string engine;
  ServedModel model;
  int pid = 0;
};

struct SiteReport {
  std::string name;
  EdgeReport edge;
  EngineReport engine;
};

// `tdn up --ready-file`. The whole holds the demo key and the operator token.
struct NetworkReport {
  Secret key;
  Secret operator_token;
  std::string model;
  ControlReport control;
  std::vector<SiteReport> sites;  // at least one
  int pid = 0;
};

[[nodiscard]] std::string to_json(const EdgeReport& report);
[[nodiscard]] std::string to_json(const ControlReport& report);
[[nodiscard]] std::string to_json(const EngineReport& report);
[[nodiscard]] std::string to_json(const NetworkReport& report);

// kInvalid if the text is not such a report.
[[nodiscard]] Result<EdgeReport> parse_edge_report(std::string_view json);
[[nodiscard]] Result<ControlReport> parse_control_report(std::string_view json);
[[nodiscard]] Result<EngineReport> parse_engine_report(std::string_view json);

}  // namespace tdn::local
