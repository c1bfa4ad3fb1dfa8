// Whom and what usage is for, as the application says it: a user, kept as a keyed hash, and tags.
// Both go into the tenant's annex of the record, never to an engine by us or to a peer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/uid.h"
#include "codec/hmac.h"

namespace tdn::gateway {

// Hashes users with a secret that all edges of a network share: the same user of a tenant is the
// same hash at each, nobody without the secret can try names, and two tenants' users cannot be
// compared. Immutable.
class UserHasher {
 public:
  explicit UserHasher(ByteView secret) : secret_(secret) {}

  // HMAC-SHA256 of the user with the tenant's key, which is HMAC-SHA256 of "tdn-user-v1\0" and the
  // tenant's uid with the secret.
  [[nodiscard]] codec::Digest hash(const Uid& tenant, std::string_view user) const;

 private:
  codec::HmacKey secret_;
};

inline constexpr std::size_t kMostTags = 8;
inline constexpr std::size_t kMostTagBytes = 64;

// Adds the tags of one `tdn-tags` field, `a,b`, to those before, each once. Errors: invalid_request
// naming the tag that is not [a-z0-9._=-]{1,64}, or that there are more than kMostTags.
[[nodiscard]] Result<void> add_tags(std::string_view field, std::vector<std::string>& tags);

}  // namespace tdn::gateway
