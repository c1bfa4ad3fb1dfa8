// API keys (FORMATS §2): `sk-tdn-<id>-<secret>-<checksum>`. The id is public and looked up, the
// secret is 256 random bits, the checksum tells a mistyped key from an unknown one without a
// lookup. We keep only the id and the SHA-256 of the whole.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "codec/sha256.h"

namespace tdn::domain {

// The ten characters after `sk-tdn-`, five bits each.
class KeyId {
 public:
  [[nodiscard]] static std::optional<KeyId> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] static KeyId make(Random& random);
  auto operator<=>(const KeyId&) const = default;

 private:
  friend struct std::hash<KeyId>;
  explicit constexpr KeyId(std::uint64_t bits) : bits_(bits) {}
  std::uint64_t bits_;
};

struct NewApiKey {
  std::string text;  // shown once, never stored
  KeyId id;
  codec::Digest sha256;
};

[[nodiscard]] NewApiKey make_api_key(Random& random);

// The id of a well-formed key; nothing if the form or the checksum is wrong.
[[nodiscard]] std::optional<KeyId> parse_api_key(std::string_view text);

// Whether `text` is the key of that digest, in time that does not depend on where they differ.
[[nodiscard]] bool verify_api_key(std::string_view text, const codec::Digest& sha256);

}  // namespace tdn::domain

template <>
struct std::hash<tdn::domain::KeyId> {
  std::size_t operator()(const tdn::domain::KeyId& id) const noexcept {
    return static_cast<std::size_t>(id.bits_ * 0x9e3779b97f4a7c15 >> 7);  // ids are random
  }
};
