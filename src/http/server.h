// Accepts connections on one shard and runs a handler for each request of each.
//
//   Server server(loop, std::move(listener), handler, limits, budget);
//   server.start();
//   …
//   co_await server.drain(5s);   // no new connections or requests; open answers get 5 s, then
//                                // their strands are cancelled; returns when all are gone
//
// Belongs to its loop's thread.
#pragma once

#include <memory>

#include "http/server_connection.h"
#include "io/network.h"
#include "io/task_group.h"

namespace tdn::http {

class Handler {
 public:
  // One request: its head was read; the handler reads the body if it wants it and answers.
  // Returning without an answer closes the connection. A cancelled strand should return soon; it
  // may first `clear_cancel` its context to end an answer properly.
  virtual io::Task<> handle(ServerConnection& connection) = 0;
  // A head that cannot be understood, or a body that cannot be read: answers it, if only to say so.
  virtual io::Task<> refuse(ServerConnection& connection, Error error) = 0;

 protected:
  ~Handler() = default;
};

class Server {
 public:
  // `handler`, `limits` and `budget` are borrowed.
  Server(io::Loop& loop, std::unique_ptr<io::Listener> listener, Handler& handler,
         const ServerLimits& limits, BodyBudget& budget);
  // Drained (asserted by the task group).
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start();
  // Stops accepting and closes idle connections; answers from now on say `connection: close`.
  void stop_accepting();
  // stop_accepting, then waits up to `grace` for requests to end, cancels those that remain and
  // returns when every connection is gone.
  [[nodiscard]] io::Task<> drain(Duration grace);
  // Simulated crash: drops every connection where it stands, after Loop::forget_ready.
  void destroy_all();

  [[nodiscard]] io::Address address() const { return listener_->address(); }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  // Times accepting paused at the limit of connections, and for lack of descriptors.
  [[nodiscard]] std::uint64_t times_full() const { return full_; }
  [[nodiscard]] std::uint64_t pauses() const { return listener_->pauses(); }
  [[nodiscard]] bool draining() const { return draining_; }

 private:
  struct Open;
  io::Task<> accept_loop();
  io::Task<bool> make_room();  // false: cancelled
  io::Task<> serve(std::unique_ptr<io::Stream> stream);
  io::Task<> converse(ServerConnection& connection);

  std::unique_ptr<io::Listener> listener_;
  Handler& handler_;
  const ServerLimits& limits_;
  BodyBudget& budget_;
  io::TaskGroup acceptor_;
  io::TaskGroup connections_;
  Open* first_ = nullptr;
  std::uint64_t full_ = 0;
  Instant tell_full_{};  // not to log it again before
  bool draining_ = false;
};

}  // namespace tdn::http
