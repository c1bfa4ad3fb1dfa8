// The API key that a connection presented last and was found good. Clients send the same key with
// every request of a connection: comparing it is cheaper than hashing it again.
//
// Good for one catalogue only, since the next may not know the key any more. The text is wiped when
// the connection goes.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/secret.h"
#include "codec/sha256.h"
#include "domain/snapshot.h"
#include "http/server_connection.h"

namespace tdn::gateway {

class KnownKey final : public http::Attachment {
 public:
  KnownKey(std::string_view text, domain::KeyIndex key, std::uint64_t catalogue)
      : text_(std::string(text)), key_(key), catalogue_(catalogue) {}

  // In time that does not depend on where the texts differ.
  [[nodiscard]] bool is(std::string_view presented, std::uint64_t catalogue) const {
    return catalogue == catalogue_ &&
           codec::equal_in_constant_time(bytes_of(presented), bytes_of(text_.reveal()));
  }
  [[nodiscard]] domain::KeyIndex key() const { return key_; }

 private:
  Secret text_;
  domain::KeyIndex key_;
  std::uint64_t catalogue_;
};

}  // namespace tdn::gateway
