// What parts of a network tell programs when they serve (FORMATS §12): the ready files.
#pragma once

#include <string>
#include <string_view>
#include <utility>
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

// `tdn control --ready-file`, and always in its state folder: operators' commands look there.
inline constexpr std::string_view kControlReadyFile = "ready.json";
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

// Where clients are, and where they enter the network from there.
struct CityReport {
  std::string name;
  std::string country;
  double latitude = 0;
  double longitude = 0;
  std::vector<std::pair<std::string, std::string>> gateways = {};  // site, URL; the nearest first
};

// `tdn up --ready-file`. The whole holds the demo key and the operator token.
struct NetworkReport {
  Secret key;
  Secret operator_token;
  std::string model;
  ControlReport control;
  std::vector<SiteReport> sites;  // at least one
  std::string scenario = {};      // its name; empty: none
  std::vector<CityReport> cities = {};
  int pid = 0;
  int wan_pid = 0;  // 0: none runs
};

[[nodiscard]] std::string to_json(const EdgeReport& report);
[[nodiscard]] std::string to_json(const ControlReport& report);
[[nodiscard]] std::string to_json(const EngineReport& report);
[[nodiscard]] std::string to_json(const NetworkReport& report);
// {"cities":[{"name","country","latitude","longitude","entries":[{"site","url"}]}]}: cities.json of
// the state folder, which holds no secret; `tdn demo` reads it.
[[nodiscard]] std::string to_json(const std::vector<CityReport>& cities);

// kInvalid if the text is not such a report.
[[nodiscard]] Result<EdgeReport> parse_edge_report(std::string_view json);
[[nodiscard]] Result<ControlReport> parse_control_report(std::string_view json);
[[nodiscard]] Result<EngineReport> parse_engine_report(std::string_view json);

}  // namespace tdn::local
