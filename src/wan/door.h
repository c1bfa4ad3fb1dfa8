// The door of a process to the tools of the machine that it runs on: HTTP and JSON on loopback,
// behind a bearer token that stands in a file of mode 0600. `tdn wan` and `tdn up` have one each.
//
//   GET /healthz      200, without a token
//   anything else     with the token: the host's answer, or its error in the envelope of the
//                     gateway
//
// At most 64 connections, bodies to 256 KiB. Belongs to its loop's thread.
#pragma once

#include <memory>
#include <string>

#include "base/secret.h"
#include "codec/tree.h"
#include "http/server.h"

namespace tdn::wan {

struct DoorRequest {
  std::string method;
  std::string path;
  std::string body;
};

// Who answers: JSON, or an error whose code has a status.
class DoorHost {
 public:
  virtual io::Task<Result<std::string>> answer(DoorRequest request) = 0;

 protected:
  ~DoorHost() = default;
};

class Door final : private http::Handler {
 public:
  // `host` is borrowed.
  Door(io::Loop& loop, std::unique_ptr<io::Listener> listener, Secret token, DoorHost& host);
  // Drained.
  ~Door();

  void start() { server_.start(); }
  [[nodiscard]] io::Task<> drain() { return server_.drain(std::chrono::milliseconds(500)); }
  [[nodiscard]] io::Address address() const { return server_.address(); }

 private:
  io::Task<> handle(http::ServerConnection& client) override;
  io::Task<> refuse(http::ServerConnection& client, Error error) override;
  [[nodiscard]] io::Task<Result<std::string>> reply(http::ServerConnection& client);
  [[nodiscard]] bool authorised(const http::ServerConnection& client) const;

  Secret token_;
  DoorHost& host_;
  http::ServerLimits limits_;
  http::BodyBudget budget_{std::size_t{4} << 20};
  http::Server server_;
};

// The other side of one.
struct DoorKey {
  std::string url;  // "http://127.0.0.1:PORT"
  Secret token;
};
// The answer of status 200. Errors: kUnavailable if nobody is there, kTimeout, kInvalidApiKey if
// the token is not taken; kInvalid with the other side's own words for its refusals; kUpstreamError
// for what is no answer of a door.
[[nodiscard]] io::Task<Result<codec::yaml::Node>> ask_door(io::Network& network, DoorKey key,
                                                           DoorRequest request, Duration patience);

}  // namespace tdn::wan
