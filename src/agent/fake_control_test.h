// A control in memory, for tests: it takes records as FORMATS §8 says, serves sections, keeps
// watches open, and breaks its connections when it is told to.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "codec/hex.h"
#include "codec/packed.h"
#include "http/server.h"
#include "http/server_test_fixture.h"
#include "protocol/sync.h"
#include "protocol/watch.h"

namespace tdn::agent {

class FakeControl final : public http::Handler {
 public:
  enum class Fault : std::uint8_t {
    kNone,
    kLoseRequest,  // closed before it was looked at
    kLoseReply,    // done, then closed
    kTwice,        // done twice, as if the request had come again
    kOldReply,     // answered with the reply to the sync before
  };

  io::Task<> handle(http::ServerConnection& client) override {
    const std::string target(client.head().target());
    authorized = authorized && client.head().find("authorization") == "Bearer node-secret" &&
                 client.head().find("tdn-protocol") == "1";
    if (target == "/edge/v1/sync") {
      co_await sync(client);
    } else if (target == "/edge/v1/watch") {
      co_await watch(client);
    } else {
      const std::string hash = target.substr(target.rfind('/') + 1);
      ++sections_asked;
      const bool here = sections.contains(hash);
      co_await say(client, here ? 200 : 404, here ? sections.at(hash) : "no such section");
    }
  }
  io::Task<> refuse(http::ServerConnection& client, Error error) override {
    const std::string text = error.detail();
    co_await say(client, 400, text);
  }

  static io::Task<> say(http::ServerConnection& client, int status, std::string body) {
    const http::Answer answer{.status = status, .fields = {}, .body = body};
    [[maybe_unused]] const Result<void> sent = co_await client.respond(answer);
  }

  io::Task<> sync(http::ServerConnection& client) {
    const Result<std::string_view> body = co_await client.read_body();
    if (!body) {
      co_return;
    }
    const Fault fault = next_fault ? next_fault() : Fault::kNone;
    if (fault == Fault::kLoseRequest) {
      client.abort();
      co_return;
    }
    const auto request = protocol::parse_sync_request(*body);
    EXPECT_TRUE(request.has_value()) << request.error().detail();
    requests.push_back(*request);
    auto [status, reply] = take(*request);
    if (fault == Fault::kTwice) {
      std::tie(status, reply) = take(*request);
    }
    if (fault == Fault::kLoseReply) {
      client.abort();
      co_return;
    }
    if (fault == Fault::kOldReply && !last_reply.empty()) {
      std::swap(reply, last_reply);
      status = 200;
    } else if (status == 200) {
      last_reply = reply;
    }
    co_await say(client, status, reply);
  }

  std::pair<int, std::string> take(const protocol::SyncRequest& request) {
    if (scripted) {
      return {protocol::status_of(scripted->fault), to_json(*scripted)};
    }
    if (request.boot == boot && request.n < n) {
      return refusal(protocol::SyncFault::kStale, 0);
    }
    boot = request.boot;
    n = request.n;
    const std::uint32_t epoch = request.upload ? request.upload->epoch : request.journal.epoch;
    std::vector<std::string>& log = logs[epoch];
    if (request.upload) {
      std::uint64_t seq = request.upload->from;
      if (seq > log.size() + 1) {
        return refusal(protocol::SyncFault::kGap, log.size() + 1);
      }
      ByteView rest = request.upload->records;
      for (auto record = *codec::unpack(rest); record; record = *codec::unpack(rest), ++seq) {
        const std::string text(text_of(*record));
        if (seq <= log.size()) {
          clones += log[static_cast<std::size_t>(seq - 1)] != text ? 1U : 0U;
        } else {
          log.push_back(text);
        }
      }
    }
    if (request.complete_through && *request.complete_through > complete_through) {
      complete_through = *request.complete_through;
    }
    protocol::SyncReply reply;
    reply.boot = request.boot;
    reply.n = request.n;
    reply.network_time_ms = network_time_ms;
    reply.epoch = ordered_epoch;
    reply.acked = log.size();
    reply.keep_from = log.size() + 1;
    reply.keys = keys;
    reply.sites = sites;
    reply.user_secret = codec::Digest{7};
    return {200, to_json(reply)};
  }

  static std::pair<int, std::string> refusal(protocol::SyncFault fault, std::uint64_t expected) {
    const protocol::SyncRefusal refused{fault, "refused by a test", expected, 0};
    return {protocol::status_of(fault), to_json(refused)};
  }

  // Each watch says the current snapshot first, then what is pushed.
  io::Task<> watch(http::ServerConnection& client) {
    codec::FieldLines type;
    type.add("content-type", "text/event-stream");
    EXPECT_TRUE(client.begin(200, type).has_value());
    client.release_request();
    ++watches;
    std::string text = envelope.empty() ? std::string(protocol::alive_comment())
                                        : to_sse(protocol::SnapshotOffered{envelope});
    for (Watcher* other : watchers) {
      other->leave = true;
      other->wake.set();
    }
    Watcher me;
    watchers.push_back(&me);
    while (true) {
      const io::Slice slice(text);
      const Result<void> sent = co_await client.write(std::span(&slice, 1));
      bool leaving = !sent;
      while (!leaving && pushed.empty()) {
        leaving = co_await me.wake.wait() != io::Wake::kReady || me.leave;
      }
      if (leaving) {
        std::erase(watchers, &me);
        client.abort();
        co_return;
      }
      text = pushed.front();
      pushed.pop_front();
    }
  }
  void push(std::string event) {
    pushed.push_back(std::move(event));
    for (Watcher* watcher : watchers) {
      watcher->wake.set();
    }
  }
  void hang_up() {
    for (Watcher* watcher : watchers) {
      watcher->leave = true;
      watcher->wake.set();
    }
  }
  struct Watcher {
    io::Event wake;
    bool leave = false;
  };

  std::function<Fault()> next_fault;
  std::optional<protocol::SyncRefusal> scripted;
  std::vector<protocol::SyncRequest> requests;
  std::string last_reply;
  std::map<std::uint32_t, std::vector<std::string>> logs;
  Uid boot;
  std::uint64_t n = 0;
  std::uint64_t clones = 0;
  WallTime complete_through;
  std::uint64_t network_time_ms = 1'000'000;
  std::uint32_t ordered_epoch = 1;
  std::vector<protocol::RouteKeyGrant> keys;
  std::vector<protocol::PeerEdge> sites;
  std::map<std::string, std::string> sections;
  std::string envelope;
  std::uint64_t sections_asked = 0;
  std::uint64_t watches = 0;
  std::deque<std::string> pushed;
  std::vector<Watcher*> watchers;
  bool authorized = true;
};

}  // namespace tdn::agent
