#include "gateway/peer_state.h"

#include <algorithm>
#include <array>

#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace tdn::gateway {
namespace {

using codec::JsonReader;

// By number of route::Health.
constexpr std::array<std::string_view, 4> kHealth{"unknown", "up", "down", "ejected"};
// By number of route::Trouble.
constexpr std::array<std::string_view, 3> kTrouble{"", "credential", "certificate"};

std::uint32_t counted(JsonReader& json) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(json.count().value_or(0), route::EndpointReport::kMostCounted));
}

// Bounded where it is taken (EndpointState::report).
std::uint32_t rate(JsonReader& json) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(json.count().value_or(0), UINT32_MAX));
}

void write_known(codec::JsonWriter& json, std::string_view name, std::uint32_t value) {
  if (value > 0) {
    json.key(name).number(std::uint64_t{value});
  }
}

Result<PeerEndpointState> read_endpoint(JsonReader& json) {
  PeerEndpointState state;
  bool known = false;
  json.enter_object();
  while (const auto key = json.next_key()) {
    if (JsonReader::matches(*key, "uid")) {
      const std::optional<Uid> uid = Uid::parse(json.string());
      known = uid.has_value();
      state.uid = uid.value_or(Uid{});
    } else if (JsonReader::matches(*key, "health")) {
      const auto found = std::ranges::find(kHealth, json.string());
      state.report.health = found == kHealth.end()
                                ? route::Health::kUnknown
                                : static_cast<route::Health>(found - kHealth.begin());
    } else if (JsonReader::matches(*key, "running")) {
      state.report.running = counted(json);
    } else if (JsonReader::matches(*key, "waiting")) {
      state.report.waiting = counted(json);
    } else if (JsonReader::matches(*key, "slots")) {
      state.report.slots = counted(json);
    } else if (JsonReader::matches(*key, "trouble")) {
      const auto found = std::ranges::find(kTrouble, json.string());
      state.trouble = found == kTrouble.end()
                          ? route::Trouble::kNone
                          : static_cast<route::Trouble>(found - kTrouble.begin());
    } else if (JsonReader::matches(*key, "promptUs")) {
      state.report.prompt_us = rate(json);
    } else if (JsonReader::matches(*key, "prefillNsPerToken")) {
      state.report.prefill_ns_per_token = rate(json);
    } else if (JsonReader::matches(*key, "decodeUsPerToken")) {
      state.report.decode_us_per_token = rate(json);
    } else {
      json.skip();
    }
  }
  if (!known && !json.failed()) {
    return fail(Code::kInvalid, "an endpoint of a peer has no uid");
  }
  return state;
}

}  // namespace

std::string peer_state_json(const Catalogue& catalogue, Instant now) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("endpoints").begin_array();
  const std::vector<domain::Endpoint>& endpoints = catalogue.snapshot().endpoints();
  for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
    if (endpoints[i].site != catalogue.here()) {
      continue;
    }
    const route::EndpointState& state = catalogue.table().state({i});
    const auto reported = state.reported();
    json.begin_object().key("uid").string(to_string(endpoints[i].uid));
    json.key("health").string(kHealth[static_cast<std::size_t>(state.health())]);
    if (state.trouble() != route::Trouble::kNone) {
      json.key("trouble").string(kTrouble[static_cast<std::size_t>(state.trouble())]);
    }
    json.key("running").number(
        std::uint64_t{reported ? reported->report.running : state.in_flight()});
    json.key("waiting").number(std::uint64_t{reported ? reported->report.waiting : 0});
    write_known(json, "slots", reported ? reported->report.slots : 0);
    const route::EndpointState::Rates rates = state.rates(now);
    write_known(json, "promptUs", rates.prompt_us);
    write_known(json, "prefillNsPerToken", rates.prefill_ns_per_token);
    write_known(json, "decodeUsPerToken", rates.decode_us_per_token);
    json.end_object();
  }
  json.end_array().end_object();
  return text;
}

Result<std::vector<PeerEndpointState>> parse_peer_state(std::string_view text) {
  std::vector<PeerEndpointState> endpoints;
  JsonReader json(text);
  bool listed = false;
  json.enter_object();
  while (const auto key = json.next_key()) {
    if (!JsonReader::matches(*key, "endpoints") || listed) {
      json.skip();
      continue;
    }
    listed = true;
    json.enter_array();
    while (json.next_element()) {
      TDN_TRY(const PeerEndpointState endpoint, read_endpoint(json));
      endpoints.push_back(endpoint);
    }
  }
  TDN_TRY_VOID(json.finish());
  if (!listed) {
    return fail(Code::kInvalid, "a peer's answer lists no endpoints");
  }
  return endpoints;
}

}  // namespace tdn::gateway
