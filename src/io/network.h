// Where connections come from: the machine's TCP (tcp.h) or the simulated network. Code that dials
// or listens gets a `Network&` and cannot tell.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "io/stream.h"

namespace tdn::io {

// An IPv4 or IPv6 address and port.
struct Address {
  std::array<std::uint8_t, 16> ip{};  // IPv4 in the first four bytes
  bool is_v6 = false;
  std::uint16_t port = 0;

  auto operator<=>(const Address&) const = default;
  [[nodiscard]] bool is_loopback() const;
  // "127.0.0.1:8080", "[::1]:8080"; numbers only, names are resolved by `Network::resolve`.
  [[nodiscard]] static Result<Address> parse(std::string_view text);
};
[[nodiscard]] std::string to_string(const Address& address);

class Listener {
 public:
  virtual ~Listener() = default;
  // The next connection. Out of descriptors or memory: pauses, counts, and goes on by itself when
  // some are free again. Errors: kTimeout, kCancelled, kClosed after `close`.
  [[nodiscard]] virtual Task<Result<std::unique_ptr<Stream>>> accept() = 0;
  // Refuses new connections from now on.
  virtual void close() = 0;
  // As bound: the port is known even when 0 was asked for.
  [[nodiscard]] virtual Address address() const = 0;
  // How often accepting was paused for lack of descriptors.
  [[nodiscard]] virtual std::uint64_t pauses() const = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  // Under the context's deadline. Errors: kUnavailable (refused, unreachable), kTimeout,
  // kCancelled.
  [[nodiscard]] virtual Task<Result<std::unique_ptr<Stream>>> connect(Address to) = 0;
  // Several listeners (one per shard) may share an address with `shared`.
  [[nodiscard]] virtual Result<std::unique_ptr<Listener>> listen(Address at, bool shared) = 0;
  // A host name or number; the first address found, IPv4 preferred.
  [[nodiscard]] virtual Task<Result<Address>> resolve(std::string host, std::uint16_t port) = 0;
};

}  // namespace tdn::io
