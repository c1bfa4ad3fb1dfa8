#include "protocol/sync.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/json_writer.h"

namespace tdn::protocol {
namespace {

using codec::JsonWriter;

// A sync without records, of a site with a handful of endpoints.
constexpr std::size_t kUsualBytes = 2048;

constexpr std::array<std::string_view, 4> kHealths = {"unknown", "up", "down", "ejected"};

struct FaultInfo {
  std::string_view name;
  int status;
  std::string_view type;
};
constexpr std::array<FaultInfo, 7> kFaults = {{
    {"gap", 409, "conflict_error"},
    {"clone", 409, "conflict_error"},
    {"rollback", 409, "conflict_error"},
    {"quarantined", 409, "conflict_error"},
    {"stale", 409, "conflict_error"},
    {"protocol_mismatch", 400, "invalid_request_error"},
    {"invalid_node_secret", 401, "authentication_error"},
}};

std::string to_decimal(std::uint64_t value) { return fmt::format("{}", value); }

void write_order(JsonWriter& json, const SnapshotOrder& order) {
  json.begin_object().key("controlEpoch").string(to_decimal(order.control_epoch));
  json.key("version").string(to_decimal(order.version)).end_object();
}

void write(JsonWriter& json, const EndpointReport& report) {
  json.begin_object().key("uid").string(to_string(report.uid));
  json.key("health").string(to_string(report.health));
  json.key("running").number(std::uint64_t{report.running});
  json.key("waiting").number(std::uint64_t{report.waiting});
  if (report.slots > 0) {
    json.key("slots").number(std::uint64_t{report.slots});
  }
  json.key("tokensPerSecond").number(std::uint64_t{report.tokens_per_second});
  json.key("ttftMs").number(std::uint64_t{report.ttft_ms}).end_object();
}

void write(JsonWriter& json, const RouteKeyGrant& grant) {
  json.begin_object().key("id").string(grant.id);
  json.key("version").number(std::uint64_t{grant.version});
  json.key("from").string(to_string(grant.from)).key("to").string(to_string(grant.to));
  json.key("key").string(codec::to_hex(grant.key)).end_object();
}

const FaultInfo& info_of(SyncFault fault) { return kFaults[static_cast<std::size_t>(fault)]; }

}  // namespace

std::string_view to_string(EndpointHealth health) {
  return kHealths[static_cast<std::size_t>(health)];
}

std::optional<EndpointHealth> parse_endpoint_health(std::string_view text) {
  const auto found = std::ranges::find(kHealths, text);
  if (found == kHealths.end()) {
    return std::nullopt;
  }
  return static_cast<EndpointHealth>(found - kHealths.begin());
}

std::string_view to_string(SyncFault fault) { return info_of(fault).name; }

int status_of(SyncFault fault) { return info_of(fault).status; }

std::optional<SyncFault> parse_sync_fault(std::string_view name) {
  const auto found = std::ranges::find(kFaults, name, &FaultInfo::name);
  if (found == kFaults.end()) {
    return std::nullopt;
  }
  return static_cast<SyncFault>(found - kFaults.begin());
}

std::string to_json(const SyncRequest& request) {
  std::string text;
  text.reserve(kUsualBytes +
               (request.upload ? codec::base64_size(request.upload->records.size()) : 0));
  JsonWriter json(text);
  json.begin_object().key("site").string(request.site);
  json.key("edge").string(to_string(request.edge)).key("boot").string(to_string(request.boot));
  json.key("n").string(to_decimal(request.n)).key("protocols").begin_array();
  json.number(std::uint64_t{request.protocols.lowest});
  json.number(std::uint64_t{request.protocols.highest}).end_array();
  json.key("version").string(request.version).key("journal").begin_object();
  json.key("epoch").number(std::uint64_t{request.journal.epoch});
  json.key("log").string(to_string(request.journal.log));
  json.key("lastSeq").string(to_decimal(request.journal.last_seq)).end_object();
  if (request.upload) {
    json.key("upload").begin_object();
    json.key("epoch").number(std::uint64_t{request.upload->epoch});
    json.key("from").string(to_decimal(request.upload->from));
    json.key("records").base64(request.upload->records);
    json.end_object();
  }
  if (request.complete_through) {
    json.key("completeThrough").string(fmt::format("{}", request.complete_through->us));
  }
  json.key("snapshot");
  write_order(json, request.snapshot);
  json.key("endpoints").begin_array();
  for (const EndpointReport& report : request.endpoints) {
    write(json, report);
  }
  json.end_array();
  if (!request.refused_snapshot.empty()) {
    json.key("refusedSnapshot").string(request.refused_snapshot);
  }
  if (request.network_time_ms) {
    json.key("networkTimeMs").string(to_decimal(*request.network_time_ms));
  }
  json.end_object();
  return text;
}

std::string to_json(const SyncReply& reply) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("boot").string(to_string(reply.boot));
  json.key("n").string(to_decimal(reply.n));
  json.key("networkTimeMs").string(to_decimal(reply.network_time_ms));
  json.key("epoch").number(std::uint64_t{reply.epoch});
  json.key("acked").string(to_decimal(reply.acked));
  json.key("keepFrom").string(to_decimal(reply.keep_from)).key("snapshot");
  write_order(json, reply.snapshot);
  json.key("keys").begin_array();
  for (const RouteKeyGrant& grant : reply.keys) {
    write(json, grant);
  }
  json.end_array();
  if (reply.user_secret) {
    json.key("userSecret").string(codec::to_hex(*reply.user_secret));
  }
  json.key("sites").begin_array();
  for (const PeerEdge& peer : reply.sites) {
    json.begin_object().key("site").string(peer.site);
    json.key("edge").string(to_string(peer.edge)).end_object();
  }
  json.end_array().end_object();
  return text;
}

std::string to_json(const SyncRefusal& refusal) {
  const FaultInfo& info = info_of(refusal.fault);
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("error").begin_object();
  json.key("message").string(refusal.message).key("type").string(info.type);
  json.key("code").string(info.name).key("param").null().end_object();
  if (refusal.fault == SyncFault::kGap) {
    json.key("expected").string(to_decimal(refusal.expected));
  }
  if (refusal.fault == SyncFault::kRollback) {
    json.key("epoch").number(std::uint64_t{refusal.epoch});
  }
  json.end_object();
  return text;
}

}  // namespace tdn::protocol
