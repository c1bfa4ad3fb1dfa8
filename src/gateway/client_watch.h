// Listens for a client that leaves while its request is busy elsewhere, and cancels the request.
//
// A reset is certain. A client's end (FIN) is not: it may have closed only its own half and still
// wait for the answer. While a stream flows, the next event tells, because a closed client answers
// it with a reset. A request without output so far is asked after a moment with an interim `100
// Continue`, which a waiting client must ignore (RFC 9110 §15.2) and a closed one answers with a
// reset (docs/decisions/0007-half-close.md).
#pragma once

#include "http/server_connection.h"
#include "io/context.h"
#include "io/loop.h"

namespace tdn::gateway {

class ClientWatch final : private io::StreamWatcher, private io::Timer {
 public:
  // What an end of the client's side of the connection says.
  enum class End : std::uint8_t {
    kAsk,   // it may still wait for its answer
    kGone,  // another edge, which ends its side only when it wants nothing more
  };
  // Watches until destroyed. Both are borrowed.
  ClientWatch(http::ServerConnection& client, io::Context& context, End end)
      : client_(client), context_(context), end_(end) {
    client_.stream().watch(this);
    if (client_.stream().peer_finished()) {
      ended();
    }
    if (client_.stream().peer_gone()) {
      context_.cancel(Code::kClosed);
    }
  }
  ~ClientWatch() {
    client_.stream().watch(nullptr);
    context_.loop().timers().disarm(*this);
  }
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;

 private:
  void on_event(io::Stream&, io::StreamEvent event) override {
    if (event == io::StreamEvent::kGone) {
      context_.cancel(Code::kClosed);
    } else if (event == io::StreamEvent::kFinished) {
      ended();
    }
  }
  void ended() {
    if (end_ == End::kGone) {
      context_.cancel(Code::kClosed);
    } else {
      arm();
    }
  }
  void fire() override { client_.probe_client(); }
  void arm() {
    context_.loop().timers().arm(*this, context_.loop().now() + std::chrono::milliseconds(250));
  }

  http::ServerConnection& client_;
  io::Context& context_;
  const End end_;
};

}  // namespace tdn::gateway
