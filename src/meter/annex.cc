#include "meter/annex.h"

#include <algorithm>
#include <limits>

#include "codec/cbor.h"

namespace tdn::meter {
namespace {

using codec::CborReader;
using codec::CborWriter;
using codec::Digest;

std::uint64_t count_true(std::initializer_list<bool> flags) {
  return static_cast<std::uint64_t>(std::ranges::count(flags, true));
}

template <std::size_t kSize>
void annex_bytes(CborReader& cbor, std::array<std::uint8_t, kSize>& out) {
  const ByteView bytes = cbor.bytes();
  if (bytes.size() != kSize) {
    cbor.fail();
    return;
  }
  std::ranges::copy(bytes, out.begin());
}

void digest_field(CborWriter& cbor, std::uint64_t key, const Digest& digest) {
  if (digest != Digest{}) {
    cbor.uint(key);
    cbor.bytes(digest);
  }
}

void tenant_field(std::uint64_t key, CborReader& cbor, TenantAnnex& annex) {
  switch (key) {
    case 0:
      annex_bytes(cbor, annex.salt);
      break;
    case 1:
      annex_bytes(cbor, annex.idempotency_hash);
      break;
    case 2:
      annex_bytes(cbor, annex.user_hash);
      break;
    case 3: {
      const std::size_t count = cbor.array();
      for (std::size_t i = 0; i < count && cbor.ok(); ++i) {
        annex.tags.emplace_back(cbor.text());
      }
      break;
    }
    case 4:
      annex.client_country = cbor.text();
      break;
    case 5:
      annex.country_source = cbor.uint();
      break;
    default:
      cbor.fail();
  }
}

void holds(CborReader& cbor, OperatorAnnex& annex) {
  const std::size_t count = cbor.array();
  for (std::size_t i = 0; i < count && cbor.ok(); ++i) {
    Hold hold;
    if (cbor.array() != 3) {
      cbor.fail();
    }
    annex_bytes(cbor, hold.bucket.bytes);
    hold.generation = cbor.uint();
    hold.units = cbor.uint();
    annex.holds.push_back(hold);
  }
}

void cost(CborReader& cbor, OperatorAnnex& annex) {
  if (cbor.array() != 2) {
    cbor.fail();
  }
  const auto currency = Currency::parse(cbor.text());
  if (!currency) {
    cbor.fail();
    return;
  }
  annex.cost_currency = *currency;
  annex.cost = static_cast<Amount>(cbor.uint());
}

void operator_field(std::uint64_t key, CborReader& cbor, OperatorAnnex& annex) {
  switch (key) {
    case 0:
      annex_bytes(cbor, annex.salt);
      break;
    case 1:
      holds(cbor, annex);
      break;
    case 2:
      cost(cbor, annex);
      break;
    case 3:
      annex.route_reason = cbor.uint();
      break;
    default:
      cbor.fail();
  }
}

template <class Annex>
Result<Annex> decode(ByteView bytes, void (*field)(std::uint64_t, CborReader&, Annex&),
                     const char* name) {
  TDN_TRY_VOID(codec::cbor_check(bytes));
  CborReader cbor(bytes);
  Annex annex;
  const std::size_t entries = cbor.map();
  for (std::size_t i = 0; i < entries && cbor.ok(); ++i) {
    const std::uint64_t key = cbor.uint();
    field(key, cbor, annex);
  }
  ByteBuffer again;
  if (cbor.ok()) {
    encode(annex, again);
  }
  if (!cbor.ok() || !std::ranges::equal(again.view(), bytes)) {
    return fail(Code::kCorrupt, std::string(name) + " annex: not in its one canonical form");
  }
  return annex;
}

}  // namespace

bool TenantAnnex::has_content() const {
  return idempotency_hash != Digest{} || user_hash != Digest{} || !tags.empty() ||
         !client_country.empty() || country_source != 0;
}

bool OperatorAnnex::has_content() const {
  return !holds.empty() || !cost_currency.empty() || route_reason != 0;
}

void encode(const TenantAnnex& annex, ByteBuffer& out) {
  if (!annex.has_content()) {
    return;
  }
  CborWriter cbor(out);
  cbor.map(1 + count_true({annex.idempotency_hash != Digest{}, annex.user_hash != Digest{},
                           !annex.tags.empty(), !annex.client_country.empty(),
                           annex.country_source != 0}));
  cbor.uint(0);
  cbor.bytes(annex.salt);
  digest_field(cbor, 1, annex.idempotency_hash);
  digest_field(cbor, 2, annex.user_hash);
  if (!annex.tags.empty()) {
    cbor.uint(3);
    cbor.array(annex.tags.size());
    for (const std::string& tag : annex.tags) {
      cbor.text(tag);
    }
  }
  if (!annex.client_country.empty()) {
    cbor.uint(4);
    cbor.text(annex.client_country);
  }
  if (annex.country_source != 0) {
    cbor.uint(5);
    cbor.uint(annex.country_source);
  }
}

void encode(const OperatorAnnex& annex, ByteBuffer& out) {
  if (!annex.has_content()) {
    return;
  }
  CborWriter cbor(out);
  cbor.map(1 + count_true(
                   {!annex.holds.empty(), !annex.cost_currency.empty(), annex.route_reason != 0}));
  cbor.uint(0);
  cbor.bytes(annex.salt);
  if (!annex.holds.empty()) {
    cbor.uint(1);
    cbor.array(annex.holds.size());
    for (const Hold& hold : annex.holds) {
      cbor.array(3);
      cbor.bytes(hold.bucket.bytes);
      cbor.uint(hold.generation);
      cbor.uint(hold.units);
    }
  }
  if (!annex.cost_currency.empty()) {
    constexpr Amount kHighest = std::numeric_limits<std::uint64_t>::max();
    cbor.uint(2);
    cbor.array(2);
    cbor.text(annex.cost_currency.text());
    cbor.uint(static_cast<std::uint64_t>(std::clamp<Amount>(annex.cost, 0, kHighest)));
  }
  if (annex.route_reason != 0) {
    cbor.uint(3);
    cbor.uint(annex.route_reason);
  }
}

Result<TenantAnnex> decode_tenant_annex(ByteView bytes) {
  return decode<TenantAnnex>(bytes, tenant_field, "tenant");
}

Result<OperatorAnnex> decode_operator_annex(ByteView bytes) {
  return decode<OperatorAnnex>(bytes, operator_field, "operator");
}

}  // namespace tdn::meter
