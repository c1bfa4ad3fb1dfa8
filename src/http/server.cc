#include "http/server.h"

#include <chrono>
#include <utility>

#include "base/log.h"
#include "io/loop.h"

namespace tdn::http {

using namespace std::chrono_literals;

// An open connection in the server's list, for as long as `serve` runs.
struct Server::Open {
  Open(Server& its_server, ServerConnection& its_connection, io::Context& its_context)
      : server(its_server), connection(its_connection), context(its_context), next(server.first_) {
    if (next != nullptr) {
      next->previous = this;
    }
    server.first_ = this;
  }
  ~Open() {
    (previous != nullptr ? previous->next : server.first_) = next;
    if (next != nullptr) {
      next->previous = previous;
    }
  }
  Server& server;
  ServerConnection& connection;
  io::Context& context;
  Open* previous = nullptr;
  Open* next;
};

Server::Server(io::Loop& loop, std::unique_ptr<io::Listener> listener, Handler& handler,
               const ServerLimits& limits, BodyBudget& budget)
    : listener_(std::move(listener)),
      handler_(handler),
      limits_(limits),
      budget_(budget),
      acceptor_(loop),
      connections_(loop) {}

Server::~Server() = default;

void Server::start() { acceptor_.spawn(accept_loop()); }

io::Task<> Server::accept_loop() {
  while (true) {
    Result<std::unique_ptr<io::Stream>> stream = co_await listener_->accept();
    if (!stream) {
      co_return;  // closed or cancelled: the server stops
    }
    if (connections_.size() >= limits_.connections && !co_await make_room()) {
      co_return;
    }
    connections_.spawn(serve(std::move(*stream)));
  }
}

// At the limit the next client waits, those after it in the listener's queue. Connections that say
// nothing for a second give way to them.
io::Task<bool> Server::make_room() {
  ++full_;
  io::Context& context = co_await io::this_context();
  const Instant now = context.loop().now();
  if (now >= tell_full_) {
    tell_full_ = now + 1min;
    log_warning("http",
                "all connections are in use: new clients wait; raise the limit of open files",
                {{"connections", limits_.connections}});
  }
  while (connections_.size() >= limits_.connections) {
    for (Open* open = first_; open != nullptr; open = open->next) {
      if (open->connection.idle() && open->connection.idle_since() <= context.loop().now() - 1s) {
        open->context.cancel();
      }
    }
    const io::DeadlineScope look_again(context, context.loop().now() + 1s);
    const io::Wake wake = co_await connections_.shrink_to(limits_.connections - 1);
    if (wake == io::Wake::kCancelled) {
      co_return false;
    }
  }
  co_return true;
}

io::Task<> Server::serve(std::unique_ptr<io::Stream> stream) {
  ServerConnection connection(std::move(stream), limits_, budget_);
  const Open open(*this, connection, co_await io::this_context());
  co_await converse(connection);
}

io::Task<> Server::converse(ServerConnection& connection) {
  while (!draining_) {
    Result<bool> head = co_await connection.read_head();
    if (!head) {
      if (info(head.error().code()).status != 0) {
        connection.close_after_answer();
        co_await handler_.refuse(connection, std::move(head).error());
        co_await connection.finish();
      }
      co_return;
    }
    if (!*head) {
      co_return;
    }
    if (draining_) {
      connection.close_after_answer();
    }
    co_await handler_.handle(connection);
    if (!connection.answer_begun() || !co_await connection.finish()) {
      co_return;
    }
  }
}

void Server::stop_accepting() {
  draining_ = true;
  listener_->close();
  acceptor_.cancel();
  for (Open* open = first_; open != nullptr; open = open->next) {
    if (open->connection.idle()) {
      open->context.cancel();
    } else {
      open->connection.close_after_answer();
    }
  }
}

io::Task<> Server::drain(Duration grace) {
  stop_accepting();
  co_await acceptor_.join();
  io::Context& context = co_await io::this_context();
  {
    const io::DeadlineScope deadline(context, context.loop().now() + grace);
    co_await connections_.join();
  }
  connections_.cancel();
  co_await connections_.join();
}

void Server::destroy_all() {
  acceptor_.destroy_all();
  connections_.destroy_all();
}

}  // namespace tdn::http
