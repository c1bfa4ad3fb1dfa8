#include "protocol/watch.h"

#include <fmt/format.h>

#include "codec/json_writer.h"
#include "protocol/detail/message.h"

namespace tdn::protocol {
namespace {

using detail::MessageReader;

std::string sse(std::string_view type, std::string_view data) {
  return fmt::format("event: {}\ndata: {}\n\n", type, data);
}

PeerEndpoint read_peer_endpoint(MessageReader& in) {
  PeerEndpoint endpoint;
  in.object([&](std::string_view name) {
    if (name == "uid") {
      endpoint.uid = in.uid(name);
    } else if (name == "health") {
      endpoint.health = parse_endpoint_health(in.text(name, 16)).value_or(EndpointHealth::kUnknown);
    } else if (name == "running") {
      endpoint.running = in.number32(name);
    } else if (name == "waiting") {
      endpoint.waiting = in.number32(name);
    } else if (name == "slots") {
      endpoint.slots = in.number32(name);
    } else if (name == "ageMs") {
      endpoint.age_ms = in.number32(name);
    } else {
      in.skip();
    }
  });
  if (endpoint.uid.is_zero()) {
    in.wrong("endpoints", "holds one without uid");
  }
  return endpoint;
}

Result<WatchEvent> parse_peers(std::string_view data) {
  PeersReported event;
  MessageReader in(data);
  in.object([&](std::string_view name) {
    if (name == "endpoints") {
      in.array(name, kMostEndpoints, [&] { event.endpoints.push_back(read_peer_endpoint(in)); });
    } else {
      in.skip();
    }
  });
  in.need("endpoints");
  if (const auto finished = in.finish(); !finished) {
    return fail(finished.error().with("watch event `peers`"));
  }
  return event;
}

}  // namespace

std::string to_sse(const SnapshotOffered& event) { return sse("snapshot", event.envelope); }

std::string to_sse(const PeersReported& event) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("endpoints").begin_array();
  for (const PeerEndpoint& endpoint : event.endpoints) {
    json.begin_object().key("uid").string(to_string(endpoint.uid));
    json.key("health").string(to_string(endpoint.health));
    json.key("running").number(std::uint64_t{endpoint.running});
    json.key("waiting").number(std::uint64_t{endpoint.waiting});
    if (endpoint.slots > 0) {
      json.key("slots").number(std::uint64_t{endpoint.slots});
    }
    json.key("ageMs").number(std::uint64_t{endpoint.age_ms}).end_object();
  }
  json.end_array().end_object();
  return sse("peers", text);
}

std::string to_sse(const SyncAsked& /*event*/) { return sse("sync", "{}"); }

std::string_view alive_comment() { return ": alive\n\n"; }

Result<WatchEvent> parse_watch_event(std::string_view type, std::string_view data) {
  if (type == "snapshot") {
    if (data.size() > kMostEnvelopeBytes) {
      return fail(Code::kInvalid,
                  fmt::format("watch event `snapshot` has {} bytes; {} are the most", data.size(),
                              kMostEnvelopeBytes));
    }
    return SnapshotOffered{std::string(data)};
  }
  if (type == "peers") {
    return parse_peers(data);
  }
  if (type == "sync") {
    return SyncAsked{};
  }
  return UnknownEvent{};
}

}  // namespace tdn::protocol
