#include "codec/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/assert.h"

namespace tdn::codec {
namespace {

// Fetched once: looking the algorithm up costs more than hashing a record.
const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  TDN_ASSERT(fetched != nullptr);
  return fetched;
}

}  // namespace

struct Sha256::Context {
  EVP_MD_CTX* digest = EVP_MD_CTX_new();

  Context() {
    TDN_ASSERT(digest != nullptr);
    start();
  }
  ~Context() { EVP_MD_CTX_free(digest); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void start() const { TDN_ASSERT(EVP_DigestInit_ex2(digest, algorithm(), nullptr) == 1); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteView bytes) {
  TDN_ASSERT(EVP_DigestUpdate(context_->digest, bytes.data(), bytes.size()) == 1);
}

Digest Sha256::finish() {
  Digest digest{};
  TDN_ASSERT(EVP_DigestFinal_ex(context_->digest, digest.data(), nullptr) == 1);
  context_->start();
  return digest;
}

Digest sha256(ByteView bytes) {
  // One context per thread: making one costs as much as hashing 200 bytes.
  static thread_local Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Digest hmac_sha256(ByteView key, ByteView message) {
  Digest digest{};
  unsigned length = 0;
  const unsigned char* made = HMAC(algorithm(), key.data(), static_cast<int>(key.size()),
                                   message.data(), message.size(), digest.data(), &length);
  TDN_ASSERT(made != nullptr && length == digest.size());
  return digest;
}

bool equal_in_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace tdn::codec
