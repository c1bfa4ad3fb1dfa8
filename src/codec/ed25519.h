// Ed25519 signatures (RFC 8032) over OpenSSL: 32-byte keys, 64-byte signatures, about 26 µs to sign
// and 64 µs to verify, so for what is signed rarely: snapshots, checkpoints. Verification is strict
// about the signature's form (S below the order of the group), so one signature has one text.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/random.h"

namespace tdn::codec {

using Ed25519PublicKey = std::array<std::uint8_t, 32>;
using Ed25519Signature = std::array<std::uint8_t, 64>;

// The secret half. Its memory is wiped when it goes.
class Ed25519Key {
 public:
  using Seed = std::array<std::uint8_t, 32>;

  [[nodiscard]] static Ed25519Key make(Random& random);
  // The 32 bytes that RFC 8032 calls the private key.
  explicit Ed25519Key(const Seed& seed);
  ~Ed25519Key();
  Ed25519Key(const Ed25519Key&) = default;
  Ed25519Key& operator=(const Ed25519Key&) = default;

  [[nodiscard]] const Seed& seed() const { return seed_; }  // to be stored, mode 0600
  [[nodiscard]] const Ed25519PublicKey& public_key() const { return public_; }
  [[nodiscard]] Ed25519Signature sign(ByteView message) const;

 private:
  Seed seed_;
  Ed25519PublicKey public_{};
};

[[nodiscard]] bool ed25519_verify(const Ed25519PublicKey& key, ByteView message,
                                  const Ed25519Signature& signature);

// Standard base64 of exactly 32 bytes, as `--control-key` has it.
[[nodiscard]] std::optional<Ed25519PublicKey> parse_ed25519_public_key(std::string_view base64);

}  // namespace tdn::codec
