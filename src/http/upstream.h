// One upstream (an engine) as this shard sees it: a pool of connections, and exchanges over them.
//
//   Upstream upstream(loop, network, address, limits);
//   TDN_CO_TRY(Exchange exchange, co_await upstream.open());
//   TDN_CO_TRY_VOID(co_await exchange.send(head_and_body));
//   TDN_CO_TRY(const codec::ResponseHead* head, co_await exchange.read_head());
//   while (true) {
//     TDN_CO_TRY(const std::optional<std::string_view> piece, co_await exchange.read_body());
//     if (!piece) break;
//     …
//   }
//
// Idle connections are used last in, first out; one that the upstream closes, or sends bytes on, is
// dropped at once. An exchange whose answer was read to its end gives its connection back when it
// is destroyed; any other resets it, so that the engine stops working for nobody.
//
// Belongs to its loop's thread. The upstream outlives its exchanges.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/http1.h"
#include "http/limits.h"
#include "io/maybe_task.h"
#include "io/network.h"
#include "io/peer_link.h"
#include "io/tls.h"

namespace tdn::http {

class Upstream;
struct UpstreamConnection;

// How connections to an https engine are made: `host` is whom the certificate must be for.
struct TlsEnd {
  std::shared_ptr<io::TlsClient> client;
  std::string host;
};

// Whoever waits for an answer looks now and then whether it can still be hoped for.
class AnswerWatch {
 public:
  // `heard`: something came from the other side already, if only an interim answer. An error ends
  // the wait with it.
  [[nodiscard]] virtual Result<void> look(bool heard, Instant now) = 0;

 protected:
  ~AnswerWatch() = default;
};

// One request and its answer. Movable; what was moved from may only be destroyed.
class Exchange {
 public:
  Exchange(Exchange&& other) noexcept;
  ~Exchange();
  Exchange& operator=(Exchange&&) = delete;

  // Head and body, written in one go. Errors have Retry::kSameRoute when the connection was a
  // pooled one that turned out dead: nothing was answered, so sending again on a fresh one is safe.
  [[nodiscard]] io::MaybeTask<Result<void>> send(std::span<const io::Slice> slices);
  // The head stays valid until the exchange ends. Errors: kTimeout (`first_byte`), kClosed with the
  // same hint as above if nothing at all was received, upstream_error (not HTTP), kCancelled.
  // A watch (borrowed) looks every kLookEvery while this waits.
  [[nodiscard]] io::Task<Result<const codec::ResponseHead*>> read_head(
      bool to_head_request = false, AnswerWatch* watch = nullptr);
  static constexpr Duration kLookEvery = std::chrono::milliseconds(250);
  // The next piece of body without its framing, valid until the next suspension and followed by
  // kScratchPadding readable bytes; nullopt at the end. Errors: kTimeout (`between_bytes`), kClosed
  // (reset), upstream_error (the body broke off, or is malformed), kCancelled.
  using Piece = std::optional<std::string_view>;
  [[nodiscard]] io::MaybeTask<Result<Piece>> read_body();
  // The whole body, if all of it came together with the head; then nothing is left to read. Valid
  // until the exchange ends, followed by kScratchPadding readable bytes.
  [[nodiscard]] Piece take_whole_body();
  // True once read_body has given nullopt, or take_whole_body the body.
  [[nodiscard]] bool complete() const { return complete_; }
  // The connection had been used before.
  [[nodiscard]] bool reused() const { return reused_; }

  // The engine's answer comes in many small pieces: saves an acknowledgement per piece.
  void expect_stream();
  // How long the body may pause from now on, instead of `between_bytes`.
  void set_patience(Duration patience) { patience_ = patience; }

 private:
  friend class Upstream;
  Exchange(Upstream& upstream, std::unique_ptr<UpstreamConnection> connection, bool reused);
  [[nodiscard]] std::optional<Result<std::string_view>> take_arrived(io::Wake wake,
                                                                     std::string_view doing);
  // What was received and not yet decoded. Nothing: more must be received first.
  [[nodiscard]] std::optional<Result<Piece>> decode();
  [[nodiscard]] io::Task<Result<Piece>> receive_body();
  void keep_unread();
  [[nodiscard]] io::Task<Result<void>> finish_sending(io::MaybeTask<Result<void>> sending);
  [[nodiscard]] Error lost(const Error& error) const;

  Upstream& upstream_;
  std::unique_ptr<UpstreamConnection> connection_;
  codec::BodyDecoder decoder_;
  std::string_view unread_;  // received, not yet decoded: in the connection's own memory
  Duration patience_;
  bool reused_;
  bool answered_ = false;  // at least one byte was received
  bool complete_ = false;
  bool keep_alive_ = false;
};

class Upstream {
 public:
  // All borrowed. The second kind opens its connections through the link to a peer.
  Upstream(io::Loop& loop, io::Network& network, io::Address address, const ClientLimits& limits,
           std::optional<TlsEnd> tls = std::nullopt);
  Upstream(io::Loop& loop, io::PeerLink& link, std::string site, const ClientLimits& limits);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // `fresh`: not a pooled connection. Errors: kUnavailable (refused, also by us: `untrusted`),
  // kTimeout (`connect`), kOverloaded (all connections in use), kCancelled.
  [[nodiscard]] io::MaybeTask<Result<Exchange>> open(bool fresh = false);

  // Closes idle connections; those in use are not kept afterwards.
  void close_idle();
  // Closes those idle since before `now - limits.idle`; called now and then by the owner.
  void close_stale(Instant now);

  [[nodiscard]] std::size_t idle() const { return idle_.size(); }
  [[nodiscard]] std::size_t in_use() const { return in_use_; }
  [[nodiscard]] std::uint64_t opened() const { return opened_; }
  // The last attempt to connect ended because its certificate was not accepted.
  [[nodiscard]] bool untrusted() const { return untrusted_; }

 private:
  friend class Exchange;
  [[nodiscard]] io::Task<Result<Exchange>> connect();
  [[nodiscard]] io::Task<Result<std::unique_ptr<io::Stream>>> reach();
  void give_back(std::unique_ptr<UpstreamConnection> connection);
  void drop_dead();

  io::Loop& loop_;
  io::Network* network_ = nullptr;  // either this and the address
  io::Address address_;
  std::optional<TlsEnd> tls_;
  io::PeerLink* link_ = nullptr;  // or this and the site
  std::string site_;
  const ClientLimits& limits_;
  std::vector<std::unique_ptr<UpstreamConnection>> idle_;  // most recently used last
  codec::KnownResponse known_answer_;
  std::size_t in_use_ = 0;
  std::uint64_t opened_ = 0;
  bool closing_ = false;
  bool untrusted_ = false;
};

}  // namespace tdn::http
