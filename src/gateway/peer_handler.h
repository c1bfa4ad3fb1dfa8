// What the peer listener does with each request: the gateway, by its other door.
#pragma once

#include "gateway/gateway.h"
#include "http/server.h"

namespace tdn::gateway {

class PeerHandler final : public http::Handler {
 public:
  // Borrowed; has a membership.
  explicit PeerHandler(Gateway& gateway) : gateway_(gateway) {}
  io::Task<> handle(http::ServerConnection& client) override {
    return gateway_.handle_peer(client);
  }
  io::Task<> refuse(http::ServerConnection& client, Error error) override {
    return gateway_.refuse_peer(client, std::move(error));
  }

 private:
  Gateway& gateway_;
};

}  // namespace tdn::gateway
