// HMAC-SHA256 with a key that is used many times: the key's part is worked out once, so that a
// short message costs two hashes of a block or two (0.3 µs) and no look-up of algorithms.
// `hmac_sha256` (sha256.h) is for keys that are used once.
//
// Immutable once made; copies share it. Safe for concurrent use. The key is wiped with the last
// copy.
#pragma once

#include <memory>
#include <span>

#include "base/bytes.h"
#include "codec/sha256.h"

namespace tdn::codec {

class HmacKey {
 public:
  explicit HmacKey(ByteView key);

  // Of the pieces one after the other.
  [[nodiscard]] Digest of(std::span<const ByteView> pieces) const;
  [[nodiscard]] Digest of(ByteView message) const { return of(std::span(&message, 1)); }

 private:
  struct Pads;
  std::shared_ptr<const Pads> pads_;
};

}  // namespace tdn::codec
