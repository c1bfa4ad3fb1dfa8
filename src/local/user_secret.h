// The secret that users are hashed with at an edge without control (gateway/attribution.h): 32
// random bytes, as hex in `<state>/user-secret`, made at the first start, readable by the owner
// only. Lost, the same users get other hashes from then on.
#pragma once

#include <string>

#include "base/random.h"
#include "base/result.h"
#include "codec/sha256.h"

namespace tdn::local {

// Errors: kInvalid (the file holds something else), or those of reading and writing it.
[[nodiscard]] Result<codec::Digest> open_user_secret(const std::string& state, Random& random);

}  // namespace tdn::local
