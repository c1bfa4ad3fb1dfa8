// SHA-256 and HMAC-SHA256 over OpenSSL, and comparison of secrets.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"

namespace tdn::codec {

using Digest = std::array<std::uint8_t, 32>;

[[nodiscard]] Digest sha256(ByteView bytes);

[[nodiscard]] Digest hmac_sha256(ByteView key, ByteView message);

// Takes as long for a difference in the first byte as for one in the last. Lengths are not secret.
[[nodiscard]] bool equal_in_constant_time(ByteView a, ByteView b);

// For input that arrives in pieces. `finish` starts over, so one object serves many messages.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(ByteView bytes);
  [[nodiscard]] Digest finish();

 private:
  friend Digest sha256(ByteView bytes);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tdn::codec
