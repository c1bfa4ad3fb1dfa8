#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "codec/cbor.h"
#include "meter/usage_record.h"

namespace tdn::meter {
namespace {

using codec::CborCursor;
using codec::CborWriter;

template <class T>
constexpr std::uint64_t number(T value) {
  return static_cast<std::uint64_t>(value);
}

// The longest encodings: of all fields together whose size is bounded by their type (some 1,100
// bytes), and of a pair of numbers.
constexpr std::size_t kMostFixed = 1536;
constexpr std::size_t kMostPair = 2 * codec::kCborHeadRoom;
// What joining adds to the pieces: heads of the map, `seq`, `prev` and the admission.
constexpr std::size_t kMostAround = 128;

// Whether there is more to write than what leaving it out says.
template <class T>
bool is_present(const T& value) {
  static constexpr T kAbsent{};
  return value != kAbsent;
}

// Writes map entries, each only if it differs from its default, and counts them. Into memory that
// is large enough (`most_bytes`); handed on by value, to be kept in registers.
class Fields {
 public:
  explicit Fields(std::uint8_t* at) : cbor_(at) {}

  [[nodiscard]] std::uint8_t* at() const { return cbor_.at(); }
  [[nodiscard]] std::uint32_t written() const { return written_; }
  [[nodiscard]] CborCursor& cbor() { return cbor_; }

  void key(std::uint64_t key) {
    cbor_.uint(key);
    ++written_;
  }
  void uint(std::uint64_t at, std::uint64_t value) {
    if (value != 0) {
      key(at);
      cbor_.uint(value);
    }
  }
  void uid(std::uint64_t at, const Uid& uid) {
    if (!uid.is_zero()) {
      key(at);
      cbor_.bytes(uid.bytes);
    }
  }
  void digest(std::uint64_t at, const Digest& digest) {
    if (is_present(digest)) {
      key(at);
      cbor_.bytes(digest);
    }
  }
  void counts(std::uint64_t at, const UsageVector& usage) {
    if (usage.empty()) {
      return;
    }
    key(at);
    cbor_.map(usage.size());
    CborCursor cbor = cbor_;
    usage.for_each([&cbor](std::uint64_t token_class, std::uint64_t count) {
      cbor.uint(token_class);
      cbor.uint(count);
    });
    cbor_ = cbor;
  }

 private:
  CborCursor cbor_;
  std::uint32_t written_ = 0;
};

// Inside an array nothing is left out: an absent uid or digest is the integer 0.
void element(CborCursor& cbor, const Uid& uid) {
  uid.is_zero() ? cbor.uint(0) : cbor.bytes(uid.bytes);
}
void element(CborCursor& cbor, const Digest& digest) {
  is_present(digest) ? cbor.bytes(digest) : cbor.uint(0);
}

Fields serving(Fields fields, std::uint64_t at, const ServingSite& serving) {
  if (!is_present(serving)) {
    return fields;
  }
  fields.key(at);
  CborCursor& cbor = fields.cbor();
  cbor.array(4);
  element(cbor, serving.site);
  cbor.uint(serving.jurisdiction_version);
  element(cbor, serving.endpoint);
  element(cbor, serving.owner_account);
  return fields;
}

Fields served(Fields fields, std::uint64_t at, const ServedModel& served) {
  if (!is_present(served)) {
    return fields;
  }
  fields.key(at);
  CborCursor& cbor = fields.cbor();
  const bool adapted = !served.adapter.is_zero();
  cbor.array(adapted ? 3 : 2);
  element(cbor, served.model);
  cbor.uint(served.weights_version);
  if (adapted) {
    cbor.bytes(served.adapter.bytes);
  }
  return fields;
}

// Keys 0–5.
Fields identity(Fields fields, const UsageRecord& record) {
  fields.uint(0, record.version);
  fields.uid(1, record.request.uid);
  fields.uint(2, record.leg);
  fields.uint(3, number(record.side));
  fields.uid(4, record.edge);
  fields.uint(5, record.epoch);
  return fields;
}

// Keys 8–13.
Fields parties(Fields fields, const UsageRecord& record) {
  CborCursor& cbor = fields.cbor();
  if (!record.owners.empty()) {
    fields.key(8);
    cbor.array(record.owners.size());
    for (const Owner& owner : record.owners) {
      cbor.array(2);
      cbor.uint(number(owner.kind));
      element(cbor, owner.uid);
    }
  }
  if (is_present(record.admitting)) {
    fields.key(9);
    cbor.array(2);
    element(cbor, record.admitting.site);
    cbor.uint(record.admitting.jurisdiction_version);
  }
  fields = serving(fields, 10, record.serving);
  fields = served(fields, 11, record.served);
  if (is_present(record.requested)) {
    fields.key(12);
    cbor.array(2);
    element(cbor, record.requested.uid);
    cbor.uint(number(record.requested.reason));
  }
  fields.uint(13, number(record.operation));
  return fields;
}

std::size_t most_bytes(const Leg& leg) {
  return kMostFixed + (leg.reported.size() + leg.verified.size() + leg.billed.size()) * kMostPair;
}

// The value of key 23, made apart: more than one leg is rare. Nothing if there are none.
void encode_legs(const std::vector<Leg>& legs, ByteBuffer& out) {
  if (legs.empty()) {
    return;
  }
  CborWriter whole(out);
  whole.array(legs.size());
  ByteBuffer entries;
  for (const Leg& leg : legs) {
    entries.clear();
    Fields fields(entries.grow(most_bytes(leg)));
    fields = serving(fields, 0, leg.serving);
    fields = served(fields, 1, leg.served);
    fields.uint(2, leg.start_us);
    fields.uint(3, leg.end_us);
    fields.uint(4, number(leg.end));
    fields.counts(5, leg.reported);
    fields.counts(6, leg.verified);
    fields.counts(7, leg.billed);
    whole.map(fields.written());
    whole.raw({entries.data(), fields.at()});
  }
}

// Keys 14–23.
Fields course(Fields fields, const UsageRecord& record, ByteView legs) {
  fields.uint(14, number(std::max<std::int64_t>(record.admitted.us, 0)));
  fields.uint(15, record.first_byte_us);
  fields.uint(16, record.last_token_us);
  fields.uint(17, record.settled_us);
  fields.uint(18, number(record.end));
  fields.uint(19, number(record.finish));
  fields.uint(20, record.flags);
  fields.counts(21, record.reported);
  fields.counts(22, record.verified);
  if (!legs.empty()) {
    fields.key(23);
    fields.cbor().raw(legs);
  }
  return fields;
}

std::uint64_t charge_number(Amount amount) {
  constexpr Amount kHighest = std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(std::clamp<Amount>(amount, 0, kHighest));
}

// Keys 24–28.
Fields terms(Fields fields, const UsageRecord& record) {
  CborCursor& cbor = fields.cbor();
  if (is_present(record.verifier)) {
    fields.key(24);
    cbor.array(3);
    element(cbor, record.verifier.site);
    element(cbor, record.verifier.tokenizer_hash);
    cbor.uint(record.verifier.method);
  }
  if (record.tier_requested != Tier::kStandard || record.tier_served != Tier::kStandard) {
    fields.key(25);
    cbor.array(2);
    cbor.uint(number(record.tier_requested));
    cbor.uint(number(record.tier_served));
  }
  if (is_present(record.price)) {
    fields.key(26);
    cbor.array(4);
    element(cbor, record.price.book);
    cbor.uint(record.price.version);
    cbor.uint(record.price.cell);
    cbor.uint(record.price.rule);
  }
  if (is_present(record.charged)) {
    fields.key(27);
    cbor.array(2);
    cbor.text(record.charged.currency.text());
    cbor.uint(charge_number(record.charged.amount));
  }
  if (is_present(record.policy)) {
    fields.key(28);
    cbor.array(5);
    cbor.uint(record.policy.version);
    cbor.uint(record.policy.control_epoch);
    cbor.uint(record.policy.snapshot_version);
    cbor.uint(record.policy.data_class);
    element(cbor, record.policy.zone);
  }
  return fields;
}

// Keys 30–36.
Fields references(Fields fields, const UsageRecord& record) {
  CborCursor& cbor = fields.cbor();
  fields.uint(30, record.clock_error_ms);
  if (!record.cache_source.uid.is_zero()) {
    fields.key(31);
    cbor.array(1);
    cbor.bytes(record.cache_source.uid.bytes);
  }
  if (is_present(record.job)) {
    fields.key(32);
    cbor.array(2);
    element(cbor, record.job.uid);
    cbor.uint(record.job.item);
  }
  if (is_present(record.guardrail)) {
    fields.key(33);
    cbor.array(2);
    element(cbor, record.guardrail.uid);
    cbor.uint(record.guardrail.code);
  }
  if (is_present(record.commitments)) {
    fields.key(34);
    cbor.array(2);
    element(cbor, record.commitments.prompt);
    element(cbor, record.commitments.output);
  }
  if (is_present(record.corrects)) {
    fields.key(35);
    cbor.array(3);
    element(cbor, record.corrects.edge);
    cbor.uint(record.corrects.epoch);
    cbor.uint(record.corrects.seq);
  }
  if (!record.resources.empty()) {
    fields.key(36);
    cbor.map(record.resources.size());
    for (const auto& [kind, amount] : record.resources) {
      cbor.uint(kind);
      cbor.uint(amount);
    }
  }
  return fields;
}

}  // namespace

EncodedDraft encode_draft(const UsageRecord& record, ByteBuffer& out) {
  TDN_ASSERT(record.legs.size() <= kMaxLegs);
  ByteBuffer legs;
  encode_legs(record.legs, legs);
  const std::size_t pairs =
      record.reported.size() + record.verified.size() + record.resources.size();
  const std::size_t most = kMostFixed + pairs * kMostPair + legs.size() + record.unknown.size();
  std::uint8_t* const start = out.grow(most);
  const std::uint8_t* mark = start;
  const auto piece_until = [&mark](const std::uint8_t* end) {
    return static_cast<std::uint32_t>(end - std::exchange(mark, end));
  };
  EncodedDraft draft;
  Fields fields = identity(Fields(start), record);
  draft.before_seq = piece_until(fields.at());
  fields = parties(fields, record);
  fields = course(fields, record, legs.view());
  fields = terms(fields, record);
  draft.before_admission = piece_until(fields.at());
  const auto& nonce = record.admission.nonce;
  if (!nonce.empty()) {
    fields.cbor().bytes({nonce.begin(), nonce.size()});
  }
  draft.nonce = piece_until(fields.at());
  fields = references(fields, record);
  fields.digest(37, record.tenant_annex);
  fields.digest(38, record.operator_annex);
  fields.cbor().raw(record.unknown);
  draft.rest = piece_until(fields.at());
  draft.fields = fields.written() + static_cast<std::uint32_t>(record.unknown_fields);
  TDN_ASSERT(draft.size() <= most);
  out.trim(most - draft.size());
  return draft;
}

void join_draft(const EncodedDraft& draft, ByteView pieces, const Place& place, ByteBuffer& out) {
  const bool placed = place.seq != 0;
  const bool admission = place.admission_lsn != 0 || draft.nonce != 0;
  const std::size_t most = draft.size() + kMostAround;
  std::uint8_t* const start = out.grow(most);
  CborCursor cbor(start);
  cbor.map(draft.fields + (placed ? 2U : 0U) + (admission ? 1U : 0U));
  cbor.raw(pieces.first(draft.before_seq));
  pieces = pieces.subspan(draft.before_seq);
  if (placed) {
    cbor.uint(6);
    cbor.uint(place.seq);
    cbor.uint(7);
    cbor.bytes(place.prev);
  }
  cbor.raw(pieces.first(draft.before_admission));
  pieces = pieces.subspan(draft.before_admission);
  if (admission) {
    cbor.uint(29);
    cbor.array(2);
    cbor.uint(place.admission_lsn);
    draft.nonce != 0 ? cbor.raw(pieces.first(draft.nonce)) : cbor.uint(0);
  }
  cbor.raw(pieces.subspan(draft.nonce, draft.rest));
  const auto size = static_cast<std::size_t>(cbor.at() - start);
  out.trim(most - size);
  // Bounded by the types: eight owners, four legs, and the classes that adapters can report.
  TDN_ASSERT(size <= kMaxRecordBytes);
}

void encode(const UsageRecord& record, ByteBuffer& out) {
  thread_local ByteBuffer pieces;
  pieces.clear();
  const EncodedDraft draft = encode_draft(record, pieces);
  join_draft(draft, pieces.view(),
             {.seq = record.seq, .prev = record.prev, .admission_lsn = record.admission.lsn}, out);
}

}  // namespace tdn::meter
