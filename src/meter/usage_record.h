// Usage record v1: one terminal record per admitted request, side and leg. It is the unit of
// everything that follows the request: hashed into a chain, journalled, uploaded, priced, billed,
// receipted. The bytes are deterministic CBOR, a map with integer keys, and they are what counts:
// a record is stored and passed on as it was written, never re-encoded.
//
// The field order below is that of the keys, whose meaning is in
// docs/reference/formats/usage-record.md. Numbers are never re-used. What a newer version wrote is
// kept: unknown values of the enumerations as their number, unknown keys in `unknown`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/byte_buffer.h"
#include "base/bytes.h"
#include "base/currency.h"
#include "base/fixed_vector.h"
#include "base/money.h"
#include "base/result.h"
#include "base/time.h"
#include "base/uid.h"
#include "codec/sha256.h"
#include "meter/usage_vector.h"

namespace tdn::meter {

using codec::Digest;

inline constexpr std::size_t kMaxRecordBytes = 4096;

enum class Side : std::uint64_t { kBought = 1, kSold = 2, kBoth = 3 };
enum class OwnerKind : std::uint64_t { kPartner, kTenant, kProject, kKey, kChildKey };
enum class Operation : std::uint64_t {
  kChatCompletions = 1,
  kCompletions,
  kEmbeddings,
  kResponses,
  kMessages,
  kImages,
  kTranscription,
  kSpeech,
  kRerank,
};
enum class End : std::uint64_t {
  kComplete,
  kClientGone,
  kUpstreamDied,
  kBudget,
  kOrphan,
  kBlocked,
  kTimedOut,
};
enum class Finish : std::uint64_t { kNone, kStop, kLength, kTool, kFilter, kRefusal };
enum class Tier : std::uint64_t { kStandard, kPriority, kFlex, kBatch };
enum class RequestedReason : std::uint64_t { kAsAsked, kAlias, kRoute, kFallback };

// Bits of `flags`.
inline constexpr std::uint64_t kEstimated = 1;
inline constexpr std::uint64_t kStreamed = 2;
inline constexpr std::uint64_t kContinued = 4;
inline constexpr std::uint64_t kHedged = 8;
inline constexpr std::uint64_t kSimulated = 16;
inline constexpr std::uint64_t kByok = 32;
inline constexpr std::uint64_t kRebuilt = 64;

struct Owner {
  OwnerKind kind = OwnerKind::kTenant;
  Uid uid;
  bool operator==(const Owner&) const = default;
};

struct AdmittingSite {
  Uid site;
  std::uint64_t jurisdiction_version = 0;
  bool operator==(const AdmittingSite&) const = default;
};

struct ServingSite {
  Uid site;
  std::uint64_t jurisdiction_version = 0;
  Uid endpoint;
  Uid owner_account;  // zero: none
  bool operator==(const ServingSite&) const = default;
};

struct ServedModel {
  Uid model;
  std::uint64_t weights_version = 0;
  Uid adapter;  // zero: none
  bool operator==(const ServedModel&) const = default;
};

struct RequestedModel {
  Uid uid;  // of a model or a route
  RequestedReason reason = RequestedReason::kAsAsked;
  bool operator==(const RequestedModel&) const = default;
};

// One attempt that generated tokens; written only when there was more than one.
struct Leg {
  ServingSite serving;
  ServedModel served;
  std::uint64_t start_us = 0;  // both after `admitted`
  std::uint64_t end_us = 0;
  End end = End::kComplete;
  UsageVector reported;
  UsageVector verified;
  UsageVector billed;
  bool operator==(const Leg&) const = default;
};
inline constexpr std::size_t kMaxLegs = 4;

struct Verifier {
  Uid site;
  Digest tokenizer_hash{};
  std::uint64_t method = 0;
  bool operator==(const Verifier&) const = default;
};

struct PriceReference {
  Uid book;  // without a plan: the model
  std::uint64_t version = 0;
  std::uint64_t cell = 0;
  std::uint64_t rule = 0;
  bool operator==(const PriceReference&) const = default;
};

// Amounts beyond 2⁶⁴ · 10⁻¹² (18 million) are written as that: only a lying engine gets there.
struct Charge {
  Currency currency;
  Amount amount = 0;
  bool operator==(const Charge&) const = default;
};

struct PolicyReference {
  std::uint64_t version = 0;
  std::uint64_t control_epoch = 0;  // 0 without control, like the next
  std::uint64_t snapshot_version = 0;
  std::uint64_t data_class = 0;
  Uid zone;  // that allowed it; zero: none was asked for
  bool operator==(const PolicyReference&) const = default;
};

struct AdmissionReference {
  std::uint64_t lsn = 0;  // filled in by the books
  FixedVector<std::uint8_t, 32> nonce;
  bool operator==(const AdmissionReference&) const = default;
};

struct JobReference {
  Uid uid;
  std::uint64_t item = 0;
  bool operator==(const JobReference&) const = default;
};

struct GuardrailReference {
  Uid uid;
  std::uint64_t code = 0;
  bool operator==(const GuardrailReference&) const = default;
};

// Salted hashes of the prompt and of the output; zero: not taken.
struct Commitments {
  Digest prompt{};
  Digest output{};
  bool operator==(const Commitments&) const = default;
};

struct RecordReference {
  Uid edge;
  std::uint64_t epoch = 0;
  std::uint64_t seq = 0;
  bool operator==(const RecordReference&) const = default;
};

struct UsageRecord {
  std::uint64_t version = 1;
  RequestId request;
  std::uint64_t leg = 0;
  Side side = Side::kBoth;

  Uid edge;  // this and the next three are filled in by the books
  std::uint64_t epoch = 0;
  std::uint64_t seq = 0;  // dense within (edge, epoch), from 1; 0 in a draft, which has no `prev`
  Digest prev{};          // SHA-256 of the preceding record's bytes

  FixedVector<Owner, 8> owners;
  AdmittingSite admitting;
  ServingSite serving;
  ServedModel served;
  RequestedModel requested;
  Operation operation = Operation::kChatCompletions;

  WallTime admitted;
  std::uint64_t first_byte_us = 0;  // these three after `admitted`
  std::uint64_t last_token_us = 0;
  std::uint64_t settled_us = 0;

  End end = End::kComplete;
  Finish finish = Finish::kNone;
  std::uint64_t flags = 0;
  UsageVector reported;   // by the engine
  UsageVector verified;   // by us
  std::vector<Leg> legs;  // at most kMaxLegs
  Verifier verifier;
  Tier tier_requested = Tier::kStandard;
  Tier tier_served = Tier::kStandard;
  PriceReference price;
  Charge charged;
  PolicyReference policy;
  AdmissionReference admission;
  std::uint64_t clock_error_ms = 0;

  RequestId cache_source;
  JobReference job;
  GuardrailReference guardrail;
  Commitments commitments;
  RecordReference corrects;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> resources;  // kind → amount, ascending
  Digest tenant_annex{};                                           // SHA-256; zero: there is none
  Digest operator_annex{};

  // Key-value pairs of keys that this version does not know, as they were read.
  std::uint64_t unknown_fields = 0;
  std::vector<std::uint8_t> unknown;

  bool operator==(const UsageRecord&) const = default;
};

// The record's bytes, appended to `out`.
void encode(const UsageRecord& record, ByteBuffer& out);

// Accepts what any version wrote, as long as it is a deterministic CBOR map of at most 4 KiB whose
// known keys hold what they should, defaults left out; otherwise kCorrupt. So encoding what was
// decoded gives the same bytes.
[[nodiscard]] Result<UsageRecord> decode_record(ByteView bytes);

// The `seq` of a record that `decode_record` let pass before it was stored, without checking all of
// it again. kCorrupt: there is none.
[[nodiscard]] Result<std::uint64_t> seq_of_record(ByteView bytes);

// Whether a newer version counted or marked something that this one does not understand: such a
// record is stored, hashed and passed on, but not rated.
[[nodiscard]] bool is_recycled(const UsageRecord& record);

// A record before the books gave it its place: the map without `seq`, `prev` and the admission's
// lsn, in three pieces between which those three are inserted. So a shard encodes, and the one
// writer only joins and hashes.
struct EncodedDraft {
  std::uint32_t fields = 0;            // map entries, without the three
  std::uint32_t before_seq = 0;        // bytes of keys 0–5
  std::uint32_t before_admission = 0;  // of keys 8–28
  std::uint32_t nonce = 0;             // of the second element of key 29
  std::uint32_t rest = 0;              // of keys 30 and up
  [[nodiscard]] std::size_t size() const {
    return std::size_t{before_seq} + before_admission + nonce + rest;
  }
};

// Appends the pieces to `out`, one after the other. `seq`, `prev` and `admission.lsn` are not
// looked at.
[[nodiscard]] EncodedDraft encode_draft(const UsageRecord& record, ByteBuffer& out);

struct Place {
  std::uint64_t seq = 0;  // 0: still a draft, `seq` and `prev` are left out
  Digest prev{};
  std::uint64_t admission_lsn = 0;  // 0: the field is left out unless there is a nonce
};

// The finished record from the pieces; what `encode` gives for a record with these values.
void join_draft(const EncodedDraft& draft, ByteView pieces, const Place& place, ByteBuffer& out);

}  // namespace tdn::meter
