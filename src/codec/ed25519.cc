#include "codec/ed25519.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "base/assert.h"
#include "base/secret.h"
#include "codec/base64.h"

namespace tdn::codec {
namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using OpenSslKey = std::unique_ptr<EVP_PKEY, FreeKey>;
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

OpenSslKey private_key(const Ed25519Key::Seed& seed) {
  OpenSslKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  TDN_ASSERT(key != nullptr);
  return key;
}

Context make_context() {
  Context context(EVP_MD_CTX_new());
  TDN_ASSERT(context != nullptr);
  return context;
}

}  // namespace

Ed25519Key Ed25519Key::make(Random& random) {
  Seed seed{};
  random.fill(std::as_writable_bytes(std::span(seed)));
  Ed25519Key key(seed);
  wipe({reinterpret_cast<char*>(seed.data()), seed.size()});
  return key;
}

Ed25519Key::Ed25519Key(const Seed& seed) : seed_(seed) {
  std::size_t size = public_.size();
  const OpenSslKey key = private_key(seed_);
  TDN_ASSERT(EVP_PKEY_get_raw_public_key(key.get(), public_.data(), &size) == 1 &&
             size == public_.size());
}

Ed25519Key::~Ed25519Key() { wipe({reinterpret_cast<char*>(seed_.data()), seed_.size()}); }

Ed25519Signature Ed25519Key::sign(ByteView message) const {
  Ed25519Signature signature{};
  std::size_t size = signature.size();
  const OpenSslKey key = private_key(seed_);
  const Context context = make_context();
  TDN_ASSERT(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  TDN_ASSERT(
      EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1 &&
      size == signature.size());
  return signature;
}

bool ed25519_verify(const Ed25519PublicKey& key, ByteView message,
                    const Ed25519Signature& signature) {
  const OpenSslKey openssl(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  if (openssl == nullptr) {
    return false;
  }
  const Context context = make_context();
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, openssl.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

std::optional<Ed25519PublicKey> parse_ed25519_public_key(std::string_view base64) {
  Ed25519PublicKey key{};
  const auto bytes = from_base64(base64);
  if (!bytes || bytes->size() != key.size()) {
    return std::nullopt;
  }
  std::ranges::copy(*bytes, key.begin());
  return key;
}

}  // namespace tdn::codec
