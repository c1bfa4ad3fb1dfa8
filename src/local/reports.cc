#include "local/reports.h"

#include <optional>

#include "base/assert.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace tdn::local {
namespace {

using codec::JsonReader;
using codec::JsonWriter;

void write_site(JsonWriter& json, const SiteReport& site) {
  json.begin_object().key("name").string(site.name);
  json.key("gateway").string(site.edge.gateway).key("admin").string(site.edge.admin);
  json.key("engine").string(site.engine.engine);
  json.key("pids").begin_object().key("edge").number(site.edge.pid);
  json.key("engine").number(site.engine.pid).end_object().end_object();
}

void write_city(JsonWriter& json, const CityReport& city) {
  json.begin_object().key("name").string(city.name).key("country").string(city.country);
  json.key("latitude").number(city.latitude).key("longitude").number(city.longitude);
  json.key("gateways").begin_object();
  for (const auto& [site, url] : city.gateways) {
    json.key(site).string(url);
  }
  json.end_object().end_object();
}

std::optional<int> pid_of(JsonReader& json) {
  const std::optional<std::uint64_t> number = json.count();
  return number && *number <= 0x7fffffff ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

}  // namespace

std::string to_json(const EdgeReport& report) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("gateway").string(report.gateway);
  json.key("admin").string(report.admin);
  if (!report.peers.empty()) {
    json.key("peers").string(report.peers);
  }
  json.key("pid").number(report.pid).end_object();
  return text;
}

std::string to_json(const ControlReport& report) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("control").string(report.control);
  json.key("controlKey").string(report.control_key).key("pid").number(report.pid).end_object();
  return text;
}

std::string to_json(const EngineReport& report) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("engine").string(report.engine);
  json.key("model").string(report.model.engine_name);
  json.key("contextLength").number(report.model.context_length);
  json.key("simulated").boolean(report.model.simulated);
  json.key("pid").number(report.pid).end_object();
  return text;
}

std::string to_json(const NetworkReport& report) {
  TDN_ASSERT(!report.sites.empty());
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("gateway").string(report.sites.front().edge.gateway);
  json.key("control").string(report.control.control);
  json.key("console").null().key("dns").null();
  json.key("key").string(report.key.reveal());
  json.key("operatorToken").string(report.operator_token.reveal());
  json.key("model").string(report.model);
  json.key("sites").begin_array();
  for (const SiteReport& site : report.sites) {
    write_site(json, site);
  }
  json.end_array();
  if (!report.scenario.empty()) {
    json.key("scenario").string(report.scenario).key("cities").begin_array();
    for (const CityReport& city : report.cities) {
      write_city(json, city);
    }
    json.end_array();
  }
  json.key("pids").begin_object().key("up").number(report.pid);
  json.key("control").number(report.control.pid).key("wan");
  if (report.wan_pid > 0) {
    json.number(report.wan_pid);
  } else {
    json.null();
  }
  json.end_object().end_object();
  return text;
}

std::string to_json(const std::vector<CityReport>& cities) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("cities").begin_array();
  for (const CityReport& city : cities) {
    json.begin_object().key("name").string(city.name).key("country").string(city.country);
    json.key("latitude").number(city.latitude).key("longitude").number(city.longitude);
    json.key("entries").begin_array();
    for (const auto& [site, url] : city.gateways) {
      json.begin_object().key("site").string(site).key("url").string(url).end_object();
    }
    json.end_array().end_object();
  }
  json.end_array().end_object();
  return text;
}

Result<EdgeReport> parse_edge_report(std::string_view text) {
  EdgeReport report;
  JsonReader json(text);
  json.enter_object();
  while (const auto key = json.next_key()) {
    if (JsonReader::matches(*key, "gateway")) {
      report.gateway = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "admin")) {
      report.admin = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "peers")) {
      report.peers = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "pid")) {
      report.pid = pid_of(json).value_or(0);
    } else {
      json.skip();
    }
  }
  TDN_TRY_VOID(json.finish());
  if (report.gateway.empty() || report.admin.empty()) {
    return fail(Code::kInvalid, "an edge's ready file lacks its addresses");
  }
  return report;
}

Result<ControlReport> parse_control_report(std::string_view text) {
  ControlReport report;
  JsonReader json(text);
  json.enter_object();
  while (const auto key = json.next_key()) {
    if (JsonReader::matches(*key, "control")) {
      report.control = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "controlKey")) {
      report.control_key = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "pid")) {
      report.pid = pid_of(json).value_or(0);
    } else {
      json.skip();
    }
  }
  TDN_TRY_VOID(json.finish());
  if (report.control.empty() || report.control_key.empty()) {
    return fail(Code::kInvalid, "control's ready file lacks its address or its key");
  }
  return report;
}

Result<EngineReport> parse_engine_report(std::string_view text) {
  EngineReport report;
  JsonReader json(text);
  json.enter_object();
  while (const auto key = json.next_key()) {
    if (JsonReader::matches(*key, "engine")) {
      report.engine = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "model")) {
      report.model.engine_name = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "contextLength")) {
      report.model.context_length = static_cast<std::int64_t>(json.count().value_or(0));
    } else if (JsonReader::matches(*key, "simulated")) {
      report.model.simulated = json.boolean().value_or(false);
    } else if (JsonReader::matches(*key, "pid")) {
      report.pid = pid_of(json).value_or(0);
    } else {
      json.skip();
    }
  }
  TDN_TRY_VOID(json.finish());
  if (report.engine.empty() || report.model.engine_name.empty()) {
    return fail(Code::kInvalid, "an engine's ready file lacks its address or model");
  }
  return report;
}

}  // namespace tdn::local
