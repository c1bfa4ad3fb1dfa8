// What goes with a usage record but not into its bytes: personal data of the tenant, business data
// of the operator. The record holds only their hashes, so the one can be erased and the other
// withheld without breaking the chain. Each starts with a random salt, or the hash would betray
// guessable content.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/byte_buffer.h"
#include "base/currency.h"
#include "base/money.h"
#include "base/result.h"
#include "base/uid.h"
#include "codec/sha256.h"

namespace tdn::meter {

using Salt = std::array<std::uint8_t, 16>;

// Each annex, encoded; keeps a settlement within what the books reserve for it.
inline constexpr std::size_t kMaxAnnexBytes = 2048;

struct TenantAnnex {
  Salt salt{};
  codec::Digest idempotency_hash{};  // zero: none, like the next
  codec::Digest user_hash{};
  std::vector<std::string> tags{};
  std::string client_country{};
  std::uint64_t country_source = 0;

  bool operator==(const TenantAnnex&) const = default;
  [[nodiscard]] bool has_content() const;
};

struct Hold {
  Uid bucket;
  std::uint64_t generation = 0;
  std::uint64_t units = 0;
  bool operator==(const Hold&) const = default;
};

struct OperatorAnnex {
  Salt salt{};
  std::vector<Hold> holds{};
  Currency cost_currency{};
  Amount cost = 0;
  std::uint64_t route_reason = 0;

  bool operator==(const OperatorAnnex&) const = default;
  [[nodiscard]] bool has_content() const;
};

// Appends the bytes; nothing for an annex without content beyond the salt.
void encode(const TenantAnnex& annex, ByteBuffer& out);
void encode(const OperatorAnnex& annex, ByteBuffer& out);

// Of bytes that are not empty; kCorrupt for anything but the canonical form.
[[nodiscard]] Result<TenantAnnex> decode_tenant_annex(ByteView bytes);
[[nodiscard]] Result<OperatorAnnex> decode_operator_annex(ByteView bytes);

}  // namespace tdn::meter
