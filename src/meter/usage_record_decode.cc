#include <fmt/format.h>

#include <algorithm>

#include "codec/cbor.h"
#include "meter/usage_record.h"

namespace tdn::meter {
namespace {

using codec::CborKind;
using codec::CborReader;

constexpr std::uint64_t kPrevious = 7;
constexpr std::uint64_t kLastKnownKey = 38;
// Fields with a higher key than this may be ignored by a reader that does not know them.
constexpr std::uint64_t kFirstIgnorableKey = 64;

template <std::size_t kSize>
void fixed_bytes(CborReader& cbor, std::array<std::uint8_t, kSize>& out) {
  const ByteView bytes = cbor.bytes();
  if (bytes.size() != kSize) {
    cbor.fail();
    return;
  }
  std::ranges::copy(bytes, out.begin());
}

// An array element that may be absent: then it is the integer 0.
template <std::size_t kSize>
void optional_bytes(CborReader& cbor, std::array<std::uint8_t, kSize>& out) {
  if (cbor.ok() && !cbor.at_end() && cbor.kind() == CborKind::kUnsigned) {
    if (cbor.uint() != 0) {
      cbor.fail();
    }
    return;
  }
  fixed_bytes(cbor, out);
}

template <class Enum>
Enum enumerated(CborReader& cbor) {
  return static_cast<Enum>(cbor.uint());
}

// An array of exactly `count` elements.
void tuple(CborReader& cbor, std::size_t count) {
  if (cbor.array() != count) {
    cbor.fail();
  }
}

UsageVector counts(CborReader& cbor) {
  UsageVector usage;
  const std::size_t entries = cbor.map();
  for (std::size_t i = 0; i < entries && cbor.ok(); ++i) {
    const std::uint64_t token_class = cbor.uint();
    const std::uint64_t count = cbor.uint();
    // A zero is a default, which is left out: one usage has one encoding.
    if (count == 0) {
      cbor.fail();
    }
    usage.set(static_cast<TokenClass>(token_class), count);
  }
  return usage;
}

void owners(CborReader& cbor, UsageRecord& record) {
  const std::size_t count = cbor.array();
  for (std::size_t i = 0; i < count && cbor.ok(); ++i) {
    Owner owner;
    tuple(cbor, 2);
    owner.kind = enumerated<OwnerKind>(cbor);
    optional_bytes(cbor, owner.uid.bytes);
    if (record.owners.full()) {
      cbor.fail();
      return;
    }
    record.owners.push_back(owner);
  }
}

ServingSite serving(CborReader& cbor) {
  ServingSite serving;
  tuple(cbor, 4);
  optional_bytes(cbor, serving.site.bytes);
  serving.jurisdiction_version = cbor.uint();
  optional_bytes(cbor, serving.endpoint.bytes);
  optional_bytes(cbor, serving.owner_account.bytes);
  return serving;
}

ServedModel served(CborReader& cbor) {
  ServedModel served;
  const std::size_t count = cbor.array();
  if (count != 2 && count != 3) {
    cbor.fail();
  }
  optional_bytes(cbor, served.model.bytes);
  served.weights_version = cbor.uint();
  if (count == 3) {
    fixed_bytes(cbor, served.adapter.bytes);
  }
  return served;
}

Leg leg(CborReader& cbor) {
  Leg leg;
  const std::size_t entries = cbor.map();
  for (std::size_t i = 0; i < entries && cbor.ok(); ++i) {
    switch (cbor.uint()) {
      case 0:
        leg.serving = serving(cbor);
        break;
      case 1:
        leg.served = served(cbor);
        break;
      case 2:
        leg.start_us = cbor.uint();
        break;
      case 3:
        leg.end_us = cbor.uint();
        break;
      case 4:
        leg.end = enumerated<End>(cbor);
        break;
      case 5:
        leg.reported = counts(cbor);
        break;
      case 6:
        leg.verified = counts(cbor);
        break;
      case 7:
        leg.billed = counts(cbor);
        break;
      default:
        cbor.fail();
    }
  }
  return leg;
}

void legs(CborReader& cbor, UsageRecord& record) {
  const std::size_t count = cbor.array();
  if (count > kMaxLegs) {
    cbor.fail();
  }
  for (std::size_t i = 0; i < count && cbor.ok(); ++i) {
    record.legs.push_back(leg(cbor));
  }
}

void charge(CborReader& cbor, UsageRecord& record) {
  tuple(cbor, 2);
  const std::string_view currency = cbor.text();
  record.charged.amount = static_cast<Amount>(cbor.uint());
  if (currency.empty()) {
    return;
  }
  const auto parsed = Currency::parse(currency);
  if (!parsed) {
    cbor.fail();
    return;
  }
  record.charged.currency = *parsed;
}

void admission(CborReader& cbor, UsageRecord& record) {
  tuple(cbor, 2);
  record.admission.lsn = cbor.uint();
  if (cbor.ok() && !cbor.at_end() && cbor.kind() == CborKind::kUnsigned) {
    if (cbor.uint() != 0) {
      cbor.fail();
    }
    return;
  }
  for (const std::uint8_t byte : cbor.bytes()) {
    if (record.admission.nonce.full()) {
      cbor.fail();
      return;
    }
    record.admission.nonce.push_back(byte);
  }
}

void resources(CborReader& cbor, UsageRecord& record) {
  const std::size_t entries = cbor.map();
  for (std::size_t i = 0; i < entries && cbor.ok(); ++i) {
    const std::uint64_t kind = cbor.uint();
    record.resources.emplace_back(kind, cbor.uint());
  }
}

void identity_field(std::uint64_t key, CborReader& cbor, UsageRecord& record) {
  switch (key) {
    case 0:
      record.version = cbor.uint();
      break;
    case 1:
      fixed_bytes(cbor, record.request.uid.bytes);
      break;
    case 2:
      record.leg = cbor.uint();
      break;
    case 3:
      record.side = enumerated<Side>(cbor);
      break;
    case 4:
      fixed_bytes(cbor, record.edge.bytes);
      break;
    case 5:
      record.epoch = cbor.uint();
      break;
    case 6:
      record.seq = cbor.uint();
      break;
    case 7:
      fixed_bytes(cbor, record.prev);
      break;
    case 8:
      owners(cbor, record);
      break;
    case 9:
      tuple(cbor, 2);
      optional_bytes(cbor, record.admitting.site.bytes);
      record.admitting.jurisdiction_version = cbor.uint();
      break;
    case 10:
      record.serving = serving(cbor);
      break;
    case 11:
      record.served = served(cbor);
      break;
    case 12:
      tuple(cbor, 2);
      optional_bytes(cbor, record.requested.uid.bytes);
      record.requested.reason = enumerated<RequestedReason>(cbor);
      break;
    default:
      record.operation = enumerated<Operation>(cbor);
  }
}

void course_field(std::uint64_t key, CborReader& cbor, UsageRecord& record) {
  switch (key) {
    case 14:
      record.admitted.us = cbor.integer();
      break;
    case 15:
      record.first_byte_us = cbor.uint();
      break;
    case 16:
      record.last_token_us = cbor.uint();
      break;
    case 17:
      record.settled_us = cbor.uint();
      break;
    case 18:
      record.end = enumerated<End>(cbor);
      break;
    case 19:
      record.finish = enumerated<Finish>(cbor);
      break;
    case 20:
      record.flags = cbor.uint();
      break;
    case 21:
      record.reported = counts(cbor);
      break;
    case 22:
      record.verified = counts(cbor);
      break;
    default:
      legs(cbor, record);
  }
}

void terms_field(std::uint64_t key, CborReader& cbor, UsageRecord& record) {
  switch (key) {
    case 24:
      tuple(cbor, 3);
      optional_bytes(cbor, record.verifier.site.bytes);
      optional_bytes(cbor, record.verifier.tokenizer_hash);
      record.verifier.method = cbor.uint();
      break;
    case 25:
      tuple(cbor, 2);
      record.tier_requested = enumerated<Tier>(cbor);
      record.tier_served = enumerated<Tier>(cbor);
      break;
    case 26:
      tuple(cbor, 4);
      optional_bytes(cbor, record.price.book.bytes);
      record.price.version = cbor.uint();
      record.price.cell = cbor.uint();
      record.price.rule = cbor.uint();
      break;
    case 27:
      charge(cbor, record);
      break;
    case 28:
      tuple(cbor, 5);
      record.policy.version = cbor.uint();
      record.policy.control_epoch = cbor.uint();
      record.policy.snapshot_version = cbor.uint();
      record.policy.data_class = cbor.uint();
      optional_bytes(cbor, record.policy.zone.bytes);
      break;
    case 29:
      admission(cbor, record);
      break;
    default:
      record.clock_error_ms = cbor.uint();
  }
}

void reference_field(std::uint64_t key, CborReader& cbor, UsageRecord& record) {
  switch (key) {
    case 31:
      tuple(cbor, 1);
      fixed_bytes(cbor, record.cache_source.uid.bytes);
      break;
    case 32:
      tuple(cbor, 2);
      optional_bytes(cbor, record.job.uid.bytes);
      record.job.item = cbor.uint();
      break;
    case 33:
      tuple(cbor, 2);
      optional_bytes(cbor, record.guardrail.uid.bytes);
      record.guardrail.code = cbor.uint();
      break;
    case 34:
      tuple(cbor, 2);
      optional_bytes(cbor, record.commitments.prompt);
      optional_bytes(cbor, record.commitments.output);
      break;
    case 35:
      tuple(cbor, 3);
      optional_bytes(cbor, record.corrects.edge.bytes);
      record.corrects.epoch = cbor.uint();
      record.corrects.seq = cbor.uint();
      break;
    case 36:
      resources(cbor, record);
      break;
    case 37:
      fixed_bytes(cbor, record.tenant_annex);
      break;
    default:
      fixed_bytes(cbor, record.operator_annex);
  }
}

void field(std::uint64_t key, CborReader& cbor, UsageRecord& record) {
  if (key <= 13) {
    identity_field(key, cbor, record);
  } else if (key <= 23) {
    course_field(key, cbor, record);
  } else if (key <= 30) {
    terms_field(key, cbor, record);
  } else {
    reference_field(key, cbor, record);
  }
}

template <class Enum>
bool above(Enum value, Enum last) {
  return static_cast<std::uint64_t>(value) > static_cast<std::uint64_t>(last);
}

// One record, one encoding: a default that was written, a list's absent tail, a head longer than
// needed and keys out of order come back otherwise. Fields that we do not know would come back as
// they are, so they are looked at themselves.
bool is_canonical(const UsageRecord& record, ByteView bytes) {
  thread_local ByteBuffer again;
  again.clear();
  encode(record, again);
  return std::ranges::equal(again.view(), bytes) &&
         (record.unknown_fields == 0 || codec::cbor_check(bytes).has_value());
}

// What is wrong with bytes that were not taken: first whether they are CBOR at all.
tl::unexpected<Error> malformed(ByteView bytes, std::string_view what) {
  const auto checked = codec::cbor_check(bytes);
  return checked ? fail(Code::kCorrupt, fmt::format("usage record: {}", what))
                 : fail(checked.error());
}

// The lowest unknown key, or the first ignorable one if there is none below it.
std::uint64_t lowest_unknown_key(const UsageRecord& record) {
  CborReader cbor(record.unknown);
  return record.unknown_fields > 0 ? cbor.uint() : kFirstIgnorableKey;
}

}  // namespace

Result<std::uint64_t> seq_of_record(ByteView bytes) {
  constexpr std::uint64_t kSeq = 6;
  CborReader cbor(bytes);
  for (std::size_t left = cbor.map(); left > 0 && cbor.ok(); --left) {
    const std::uint64_t key = cbor.uint();
    if (key == kSeq) {
      const std::uint64_t seq = cbor.uint();
      if (cbor.ok()) {
        return seq;
      }
      break;
    }
    if (key > kSeq) {
      break;
    }
    static_cast<void>(cbor.skip());
  }
  return fail(Code::kCorrupt, "a usage record without its number");
}

Result<UsageRecord> decode_record(ByteView bytes) {
  if (bytes.size() > kMaxRecordBytes) {
    return fail(Code::kCorrupt, fmt::format("usage record of {} bytes, above 4 KiB", bytes.size()));
  }
  CborReader cbor(bytes);
  UsageRecord record;
  record.version = 0;
  record.side = static_cast<Side>(0);
  record.operation = static_cast<Operation>(0);
  const std::size_t entries = cbor.map();
  std::uint64_t next_key = 0;
  bool chained = false;
  for (std::size_t i = 0; i < entries && cbor.ok(); ++i) {
    const ByteView before = cbor.rest();
    const std::uint64_t key = cbor.uint();
    if (key < next_key) {
      return malformed(bytes, "fields out of order");
    }
    next_key = key + 1;
    chained = chained || key == kPrevious;
    if (key <= kLastKnownKey) {
      field(key, cbor, record);
      if (!cbor.ok()) {
        return malformed(bytes, fmt::format("field {} is malformed", key));
      }
      continue;
    }
    // Known keys come first, so what is left is unknown to the end.
    cbor.skip();
    ++record.unknown_fields;
    const ByteView pair = before.first(before.size() - cbor.rest().size());
    record.unknown.insert(record.unknown.end(), pair.begin(), pair.end());
  }
  if (!cbor.ok()) {
    return malformed(bytes, "not a map with integer keys");
  }
  if (record.seq != 0 && !chained) {  // the encoder would write a hash, and maybe too much
    return malformed(bytes, "a number without the hash of the record before");
  }
  if (!is_canonical(record, bytes)) {
    return malformed(bytes, "not in its one canonical form");
  }
  return record;
}

bool is_recycled(const UsageRecord& record) {
  return record.version != 1 || above(record.side, Side::kBoth) ||
         above(record.operation, Operation::kRerank) || above(record.end, End::kTimedOut) ||
         above(record.finish, Finish::kRefusal) || above(record.tier_requested, Tier::kBatch) ||
         above(record.tier_served, Tier::kBatch) || record.flags >= 2 * kRebuilt ||
         record.reported.has_unknown_class() || record.verified.has_unknown_class() ||
         lowest_unknown_key(record) < kFirstIgnorableKey;
}

}  // namespace tdn::meter
