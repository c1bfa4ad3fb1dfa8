#include <fmt/format.h>

#include "protocol/detail/message.h"
#include "protocol/sync.h"

namespace tdn::protocol {
namespace {

using detail::MessageReader;

constexpr std::size_t kLongestSite = 63;
constexpr std::size_t kLongestVersion = 64;
constexpr std::size_t kLongestRefusal = 4'096;
constexpr std::size_t kMostKeys = 4 * kMostPeers;

SnapshotOrder read_order(MessageReader& in) {
  SnapshotOrder order;
  in.object([&](std::string_view name) {
    if (name == "controlEpoch") {
      order.control_epoch = in.decimal(name);
    } else if (name == "version") {
      order.version = in.decimal(name);
    } else {
      in.skip();
    }
  });
  return order;
}

ProtocolRange read_range(MessageReader& in, std::string_view name) {
  std::vector<std::uint32_t> ends;
  in.array(name, 2, [&] { ends.push_back(in.number32(name)); });
  if (ends.size() != 2 || ends[0] > ends[1]) {
    in.wrong(name, "is no range such as [1,1]");
    return {};
  }
  return {ends[0], ends[1]};
}

JournalHead read_journal(MessageReader& in) {
  JournalHead head;
  in.object([&](std::string_view name) {
    if (name == "epoch") {
      head.epoch = in.number32(name);
    } else if (name == "log") {
      head.log = in.uid(name);
    } else if (name == "lastSeq") {
      head.last_seq = in.decimal(name);
    } else {
      in.skip();
    }
  });
  if (head.epoch == 0) {
    in.wrong("journal", "has no epoch");
  }
  return head;
}

Upload read_upload(MessageReader& in) {
  Upload upload;
  upload.epoch = 0;
  upload.from = 0;
  in.object([&](std::string_view name) {
    if (name == "epoch") {
      upload.epoch = in.number32(name);
    } else if (name == "from") {
      upload.from = in.decimal(name);
    } else if (name == "records") {
      upload.records = in.base64(name);
    } else {
      in.skip();
    }
  });
  if (upload.epoch == 0 || upload.from == 0) {
    in.wrong("upload", "has no epoch or no `from`; both count from 1");
  }
  return upload;
}

EndpointReport read_endpoint(MessageReader& in) {
  EndpointReport report;
  in.object([&](std::string_view name) {
    if (name == "uid") {
      report.uid = in.uid(name);
    } else if (name == "health") {
      const auto health = parse_endpoint_health(in.text(name, 16));
      report.health = health.value_or(EndpointHealth::kUnknown);
    } else if (name == "running") {
      report.running = in.number32(name);
    } else if (name == "waiting") {
      report.waiting = in.number32(name);
    } else if (name == "slots") {
      report.slots = in.number32(name);
    } else if (name == "tokensPerSecond") {
      report.tokens_per_second = in.number32(name);
    } else if (name == "ttftMs") {
      report.ttft_ms = in.number32(name);
    } else {
      in.skip();
    }
  });
  if (report.uid.is_zero()) {
    in.wrong("endpoints", "holds one without uid");
  }
  return report;
}

RouteKeyGrant read_key(MessageReader& in) {
  RouteKeyGrant grant;
  in.object([&](std::string_view name) {
    if (name == "id") {
      grant.id = in.text(name, 16);
    } else if (name == "version") {
      grant.version = in.number32(name);
    } else if (name == "from") {
      grant.from = in.uid(name);
    } else if (name == "to") {
      grant.to = in.uid(name);
    } else if (name == "key") {
      grant.key = in.digest(name);
    } else {
      in.skip();
    }
  });
  if (grant.id.empty() || grant.from.is_zero() || grant.to.is_zero()) {
    in.wrong("keys", "holds one without id, from or to");
  }
  return grant;
}

PeerEdge read_peer(MessageReader& in) {
  PeerEdge peer;
  in.object([&](std::string_view name) {
    if (name == "site") {
      peer.site = in.text(name, kLongestSite);
    } else if (name == "edge") {
      peer.edge = in.uid(name);
    } else {
      in.skip();
    }
  });
  if (peer.site.empty() || peer.edge.is_zero()) {
    in.wrong("sites", "holds one without site or edge");
  }
  return peer;
}

std::uint64_t read_time_ms(MessageReader& in, std::string_view name) {
  constexpr std::uint64_t kLatest = 253'402'300'799'999;  // of the year 9999
  const std::uint64_t ms = in.decimal(name);
  if (ms > kLatest) {
    in.wrong(name, "lies after the year 9999");
    return 0;
  }
  return ms;
}

// What every message must pass before it is read.
Result<void> check_size(std::string_view json) {
  if (json.size() > kMostSyncBytes) {
    return fail(Code::kInvalid,
                fmt::format("{} bytes; {} are the most", json.size(), kMostSyncBytes));
  }
  return {};
}

template <class Message>
Result<Message> finish(MessageReader& in, Message message,
                       std::initializer_list<const char*> needed) {
  for (const char* name : needed) {
    in.need(name);
  }
  TDN_TRY_VOID(in.finish());
  return message;
}

}  // namespace

Result<SyncRequest> parse_sync_request(std::string_view json) {
  TDN_TRY_VOID(check_size(json));
  SyncRequest request;
  MessageReader in(json);
  in.object([&](std::string_view name) {
    if (name == "site") {
      request.site = in.text(name, kLongestSite);
    } else if (name == "edge") {
      request.edge = in.uid(name);
    } else if (name == "boot") {
      request.boot = in.uid(name);
    } else if (name == "n") {
      request.n = in.decimal(name);
    } else if (name == "protocols") {
      request.protocols = read_range(in, name);
    } else if (name == "version") {
      request.version = in.text(name, kLongestVersion);
    } else if (name == "journal") {
      request.journal = read_journal(in);
    } else if (name == "upload") {
      request.upload = read_upload(in);
    } else if (name == "completeThrough") {
      request.complete_through = WallTime{in.signed_decimal(name)};
    } else if (name == "snapshot") {
      request.snapshot = read_order(in);
    } else if (name == "endpoints") {
      in.array(name, kMostEndpoints, [&] { request.endpoints.push_back(read_endpoint(in)); });
    } else if (name == "refusedSnapshot") {
      request.refused_snapshot = in.text(name, kLongestRefusal);
    } else if (name == "networkTimeMs") {
      request.network_time_ms = read_time_ms(in, name);
    } else {
      in.skip();
    }
  });
  return finish(in, std::move(request),
                {"site", "edge", "boot", "n", "protocols", "journal", "snapshot", "endpoints"});
}

Result<SyncReply> parse_sync_reply(std::string_view json) {
  TDN_TRY_VOID(check_size(json));
  SyncReply reply;
  MessageReader in(json);
  in.object([&](std::string_view name) {
    if (name == "boot") {
      reply.boot = in.uid(name);
    } else if (name == "n") {
      reply.n = in.decimal(name);
    } else if (name == "networkTimeMs") {
      reply.network_time_ms = read_time_ms(in, name);
    } else if (name == "epoch") {
      reply.epoch = in.number32(name);
    } else if (name == "acked") {
      reply.acked = in.decimal(name);
    } else if (name == "keepFrom") {
      reply.keep_from = in.decimal(name);
    } else if (name == "snapshot") {
      reply.snapshot = read_order(in);
    } else if (name == "keys") {
      in.array(name, kMostKeys, [&] { reply.keys.push_back(read_key(in)); });
    } else if (name == "userSecret") {
      reply.user_secret = in.digest(name);
    } else if (name == "sites") {
      in.array(name, kMostPeers, [&] { reply.sites.push_back(read_peer(in)); });
    } else {
      in.skip();
    }
  });
  return finish(in, std::move(reply),
                {"boot", "n", "networkTimeMs", "epoch", "acked", "keepFrom", "snapshot"});
}

std::optional<SyncRefusal> parse_sync_refusal(std::string_view json) {
  SyncRefusal refusal;
  std::optional<SyncFault> fault;
  MessageReader in(json);
  in.object([&](std::string_view name) {
    if (name == "error") {
      in.object([&](std::string_view member) {
        if (member == "message") {
          refusal.message = in.text(member, kLongestRefusal);
        } else if (member == "code") {
          fault = parse_sync_fault(in.text(member, 64));
        } else {
          in.skip();
        }
      });
    } else if (name == "expected") {
      refusal.expected = in.decimal(name);
    } else if (name == "epoch") {
      refusal.epoch = in.number32(name);
    } else {
      in.skip();
    }
  });
  if (!in.finish() || !fault) {
    return std::nullopt;
  }
  refusal.fault = *fault;
  return refusal;
}

}  // namespace tdn::protocol
