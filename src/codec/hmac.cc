#include "codec/hmac.h"

#include <algorithm>
#include <array>

// As in sha256.cc: these functions are meant, not EVP.
#define OPENSSL_API_COMPAT 0x10101000L

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/assert.h"

namespace tdn::codec {
namespace {

constexpr std::size_t kBlock = 64;  // of SHA-256, RFC 2104's B
using Block = std::array<std::uint8_t, kBlock>;

void begin(SHA256_CTX& state, Block block, std::uint8_t pad) {
  for (std::uint8_t& byte : block) {
    byte ^= pad;
  }
  TDN_ASSERT(SHA256_Init(&state) == 1 && SHA256_Update(&state, block.data(), block.size()) == 1);
  OPENSSL_cleanse(block.data(), block.size());
}

}  // namespace

// The hash after the first block of either pass.
struct HmacKey::Pads {
  Pads() = default;
  Pads(const Pads&) = delete;
  Pads& operator=(const Pads&) = delete;
  ~Pads() {
    OPENSSL_cleanse(&inner, sizeof inner);
    OPENSSL_cleanse(&outer, sizeof outer);
  }
  SHA256_CTX inner{};
  SHA256_CTX outer{};
};

HmacKey::HmacKey(ByteView key) {
  Block block{};
  if (key.size() <= kBlock) {
    std::ranges::copy(key, block.begin());
  } else {
    std::ranges::copy(sha256(key), block.begin());
  }
  const auto pads = std::make_shared<Pads>();
  begin(pads->inner, block, 0x36);
  begin(pads->outer, block, 0x5c);
  OPENSSL_cleanse(block.data(), block.size());
  pads_ = pads;
}

Digest HmacKey::of(std::span<const ByteView> pieces) const {
  Digest digest{};
  SHA256_CTX state = pads_->inner;
  for (const ByteView piece : pieces) {
    TDN_ASSERT(SHA256_Update(&state, piece.data(), piece.size()) == 1);
  }
  TDN_ASSERT(SHA256_Final(digest.data(), &state) == 1);
  state = pads_->outer;
  TDN_ASSERT(SHA256_Update(&state, digest.data(), digest.size()) == 1);
  TDN_ASSERT(SHA256_Final(digest.data(), &state) == 1);
  return digest;
}

}  // namespace tdn::codec
