#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "codec/cbor.h"
#include "meter/usage_record.h"

namespace tdn::meter {
namespace {

using codec::CborWriter;

template <class T>
constexpr std::uint64_t number(T value) {
  return static_cast<std::uint64_t>(value);
}

// Writes map entries, each only if it differs from its default, and counts them.
class Fields {
 public:
  explicit Fields(ByteBuffer& out) : cbor_(out) {}

  [[nodiscard]] std::uint32_t written() const { return written_; }
  [[nodiscard]] CborWriter& cbor() { return cbor_; }

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
    if (digest != Digest{}) {
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
    usage.for_each([this](std::uint64_t token_class, std::uint64_t count) {
      cbor_.uint(token_class);
      cbor_.uint(count);
    });
  }

 private:
  CborWriter cbor_;
  std::uint32_t written_ = 0;
};

// Inside an array nothing is left out: an absent uid or digest is the integer 0.
void element(CborWriter& cbor, const Uid& uid) {
  uid.is_zero() ? cbor.uint(0) : cbor.bytes(uid.bytes);
}
void element(CborWriter& cbor, const Digest& digest) {
  digest == Digest{} ? cbor.uint(0) : cbor.bytes(digest);
}

void serving(Fields& fields, std::uint64_t at, const ServingSite& serving) {
  if (serving == ServingSite{}) {
    return;
  }
  fields.key(at);
  CborWriter& cbor = fields.cbor();
  cbor.array(4);
  element(cbor, serving.site);
  cbor.uint(serving.jurisdiction_version);
  element(cbor, serving.endpoint);
  element(cbor, serving.owner_account);
}

void served(Fields& fields, std::uint64_t at, const ServedModel& served) {
  if (served == ServedModel{}) {
    return;
  }
  fields.key(at);
  CborWriter& cbor = fields.cbor();
  const bool adapted = !served.adapter.is_zero();
  cbor.array(adapted ? 3 : 2);
  element(cbor, served.model);
  cbor.uint(served.weights_version);
  if (adapted) {
    cbor.bytes(served.adapter.bytes);
  }
}

// Keys 0–5.
void identity(Fields& fields, const UsageRecord& record) {
  fields.uint(0, record.version);
  fields.uid(1, record.request.uid);
  fields.uint(2, record.leg);
  fields.uint(3, number(record.side));
  fields.uid(4, record.edge);
  fields.uint(5, record.epoch);
}

// Keys 8–13.
void parties(Fields& fields, const UsageRecord& record) {
  CborWriter& cbor = fields.cbor();
  if (!record.owners.empty()) {
    fields.key(8);
    cbor.array(record.owners.size());
    for (const Owner& owner : record.owners) {
      cbor.array(2);
      cbor.uint(number(owner.kind));
      element(cbor, owner.uid);
    }
  }
  if (record.admitting != AdmittingSite{}) {
    fields.key(9);
    cbor.array(2);
    element(cbor, record.admitting.site);
    cbor.uint(record.admitting.jurisdiction_version);
  }
  serving(fields, 10, record.serving);
  served(fields, 11, record.served);
  if (record.requested != RequestedModel{}) {
    fields.key(12);
    cbor.array(2);
    element(cbor, record.requested.uid);
    cbor.uint(number(record.requested.reason));
  }
  fields.uint(13, number(record.operation));
}

void legs(Fields& fields, const UsageRecord& record) {
  if (record.legs.empty()) {
    return;
  }
  fields.key(23);
  fields.cbor().array(record.legs.size());
  ByteBuffer buffer;
  for (const Leg& leg : record.legs) {
    // A map's count comes first, so the entries are made apart; more than one leg is rare.
    buffer.clear();
    Fields entries(buffer);
    serving(entries, 0, leg.serving);
    served(entries, 1, leg.served);
    entries.uint(2, leg.start_us);
    entries.uint(3, leg.end_us);
    entries.uint(4, number(leg.end));
    entries.counts(5, leg.reported);
    entries.counts(6, leg.verified);
    entries.counts(7, leg.billed);
    fields.cbor().map(entries.written());
    fields.cbor().raw(buffer.view());
  }
}

// Keys 14–23.
void course(Fields& fields, const UsageRecord& record) {
  fields.uint(14, number(std::max<std::int64_t>(record.admitted.us, 0)));
  fields.uint(15, record.first_byte_us);
  fields.uint(16, record.last_token_us);
  fields.uint(17, record.settled_us);
  fields.uint(18, number(record.end));
  fields.uint(19, number(record.finish));
  fields.uint(20, record.flags);
  fields.counts(21, record.reported);
  fields.counts(22, record.verified);
  legs(fields, record);
}

std::uint64_t charge_number(Amount amount) {
  constexpr Amount kHighest = std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(std::clamp<Amount>(amount, 0, kHighest));
}

// Keys 24–28.
void terms(Fields& fields, const UsageRecord& record) {
  CborWriter& cbor = fields.cbor();
  if (record.verifier != Verifier{}) {
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
  if (record.price != PriceReference{}) {
    fields.key(26);
    cbor.array(4);
    element(cbor, record.price.book);
    cbor.uint(record.price.version);
    cbor.uint(record.price.cell);
    cbor.uint(record.price.rule);
  }
  if (record.charged != Charge{}) {
    fields.key(27);
    cbor.array(2);
    cbor.text(record.charged.currency.text());
    cbor.uint(charge_number(record.charged.amount));
  }
  if (record.policy != PolicyReference{}) {
    fields.key(28);
    cbor.array(5);
    cbor.uint(record.policy.version);
    cbor.uint(record.policy.control_epoch);
    cbor.uint(record.policy.snapshot_version);
    cbor.uint(record.policy.data_class);
    element(cbor, record.policy.zone);
  }
}

// Keys 30–36.
void references(Fields& fields, const UsageRecord& record) {
  CborWriter& cbor = fields.cbor();
  fields.uint(30, record.clock_error_ms);
  if (!record.cache_source.uid.is_zero()) {
    fields.key(31);
    cbor.array(1);
    cbor.bytes(record.cache_source.uid.bytes);
  }
  if (record.job != JobReference{}) {
    fields.key(32);
    cbor.array(2);
    element(cbor, record.job.uid);
    cbor.uint(record.job.item);
  }
  if (record.guardrail != GuardrailReference{}) {
    fields.key(33);
    cbor.array(2);
    element(cbor, record.guardrail.uid);
    cbor.uint(record.guardrail.code);
  }
  if (record.commitments != Commitments{}) {
    fields.key(34);
    cbor.array(2);
    element(cbor, record.commitments.prompt);
    element(cbor, record.commitments.output);
  }
  if (record.corrects != RecordReference{}) {
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
}

}  // namespace

EncodedDraft encode_draft(const UsageRecord& record, ByteBuffer& out) {
  TDN_ASSERT(record.legs.size() <= kMaxLegs);
  EncodedDraft draft;
  Fields fields(out);
  std::size_t mark = out.size();
  const auto piece = [&] {
    const std::size_t from = std::exchange(mark, out.size());
    return static_cast<std::uint32_t>(mark - from);
  };
  identity(fields, record);
  draft.before_seq = piece();
  parties(fields, record);
  course(fields, record);
  terms(fields, record);
  draft.before_admission = piece();
  const auto& nonce = record.admission.nonce;
  if (!nonce.empty()) {
    fields.cbor().bytes({nonce.begin(), nonce.size()});
  }
  draft.nonce = piece();
  references(fields, record);
  fields.digest(37, record.tenant_annex);
  fields.digest(38, record.operator_annex);
  fields.cbor().raw(record.unknown);
  draft.rest = piece();
  draft.fields = fields.written() + static_cast<std::uint32_t>(record.unknown_fields);
  return draft;
}

void join_draft(const EncodedDraft& draft, ByteView pieces, const Place& place, ByteBuffer& out) {
  const bool admission = place.admission_lsn != 0 || draft.nonce != 0;
  const std::size_t start = out.size();
  CborWriter cbor(out);
  const bool placed = place.seq != 0;
  cbor.map(draft.fields + (placed ? 2U : 0U) + (admission ? 1U : 0U));
  std::size_t at = 0;
  const auto copy = [&](std::size_t count) {
    cbor.raw(pieces.subspan(at, count));
    at += count;
  };
  copy(draft.before_seq);
  if (placed) {
    cbor.uint(6);
    cbor.uint(place.seq);
    cbor.uint(7);
    cbor.bytes(place.prev);
  }
  copy(draft.before_admission);
  if (admission) {
    cbor.uint(29);
    cbor.array(2);
    cbor.uint(place.admission_lsn);
    draft.nonce != 0 ? copy(draft.nonce) : cbor.uint(0);
  }
  copy(draft.rest);
  // Bounded by the types: eight owners, four legs, and the classes that adapters can report.
  TDN_ASSERT(out.size() - start <= kMaxRecordBytes);
}

void encode(const UsageRecord& record, ByteBuffer& out) {
  ByteBuffer pieces;
  const EncodedDraft draft = encode_draft(record, pieces);
  join_draft(draft, pieces.view(),
             {.seq = record.seq, .prev = record.prev, .admission_lsn = record.admission.lsn}, out);
}

}  // namespace tdn::meter
