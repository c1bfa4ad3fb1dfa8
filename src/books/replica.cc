#include "books/replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>

#include "codec/cbor.h"
#include "codec/sha256.h"

namespace tdn::books {
namespace {

using codec::CborReader;
using codec::CborWriter;

constexpr std::uint64_t kStateVersion = 1;

}  // namespace

// Slots keep their memory from one admission to the next: in the steady state nothing is allocated.
struct Replica::OpenTable {
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> by_lsn;
  std::deque<OpenAdmission> slots;
  std::vector<std::uint32_t> free;

  OpenAdmission& add(std::uint64_t lsn) {
    if (free.empty()) {
      free.push_back(static_cast<std::uint32_t>(slots.size()));
      slots.emplace_back();
    }
    const std::uint32_t slot = free.back();
    free.pop_back();
    by_lsn.emplace(lsn, slot);
    OpenAdmission& admission = slots[slot];
    admission.lsn = lsn;
    admission.payload.clear();
    admission.leg_count = 0;
    return admission;
  }

  OpenAdmission* find(std::uint64_t lsn) {
    const auto found = by_lsn.find(lsn);
    return found == by_lsn.end() ? nullptr : &slots[found->second];
  }

  bool remove(std::uint64_t lsn) {
    const auto found = by_lsn.find(lsn);
    if (found == by_lsn.end()) {
      return false;
    }
    free.push_back(found->second);
    by_lsn.erase(found);
    return true;
  }

  OpenAdmission::Leg& leg(OpenAdmission& admission, std::uint64_t number) const {
    for (std::size_t i = 0; i < admission.leg_count; ++i) {
      if (admission.legs[i].leg == number) {
        return admission.legs[i];
      }
    }
    if (admission.leg_count == admission.legs.size()) {
      admission.legs.emplace_back();
    }
    OpenAdmission::Leg& added = admission.legs[admission.leg_count++];
    added.leg = number;
    return added;
  }
};

Replica::Replica(const Uid& edge, std::uint32_t epoch)
    : edge_(edge), epoch_(epoch), open_(std::make_unique<OpenTable>()) {}
Replica::~Replica() = default;
Replica::Replica(Replica&&) noexcept = default;
Replica& Replica::operator=(Replica&&) noexcept = default;

std::size_t Replica::open_count() const { return open_->by_lsn.size(); }

bool Replica::is_open(std::uint64_t admission_lsn) const {
  return open_->by_lsn.contains(admission_lsn);
}

void Replica::for_each_open(const std::function<void(const OpenAdmission&)>& visit) const {
  std::vector<std::uint64_t> order;
  order.reserve(open_count());
  for (const auto& [lsn, slot] : open_->by_lsn) {
    order.push_back(lsn);
  }
  std::ranges::sort(order);
  for (const std::uint64_t lsn : order) {
    visit(*open_->find(lsn));
  }
}

Result<void> Replica::take(const AdmissionEntry&, ByteView payload) {
  open_->add(next_lsn_).payload.append(payload);
  return {};
}

Result<void> Replica::take(const ProgressEntry& entry, ByteView) {
  OpenAdmission* admission = open_->find(entry.admission);
  if (admission == nullptr) {
    return fail(Code::kCorrupt,
                fmt::format("progress of admission {}, which is not open", entry.admission));
  }
  OpenAdmission::Leg& leg = open_->leg(*admission, entry.leg);
  leg.endpoint = entry.endpoint;
  leg.usage.clear();
  leg.usage.append(entry.usage);
  return {};
}

Result<void> Replica::take(const SettlementEntry& entry, ByteView) {
  if (entry.seq != last_seq_ + 1) {
    return fail(Code::kCorrupt, fmt::format("record {} follows record {}", entry.seq, last_seq_));
  }
  if (entry.prev != last_hash_) {
    return fail(Code::kCorrupt,
                fmt::format("record {} does not continue the hash chain", entry.seq));
  }
  TDN_TRY_VOID(close(entry.admission));
  last_seq_ = entry.seq;
  last_hash_ = codec::sha256(entry.record);
  return {};
}

Result<void> Replica::take(const RefusalEntry& entry, ByteView) { return close(entry.admission); }

Result<void> Replica::take(const AckEntry& entry, ByteView) {
  ack_ = entry;
  return {};
}

Result<void> Replica::close(std::uint64_t admission_lsn) {
  if (!open_->remove(admission_lsn)) {
    return fail(Code::kCorrupt,
                fmt::format("the end of admission {}, which is not open", admission_lsn));
  }
  return {};
}

void Replica::encode(ByteBuffer& out) const {
  CborWriter cbor(out);
  cbor.array(9);
  cbor.uint(kStateVersion);
  cbor.bytes(edge_.bytes);
  cbor.uint(epoch_);
  cbor.uint(next_lsn_);
  cbor.uint(last_seq_);
  cbor.bytes(last_hash_);
  cbor.uint(ack_.acked);
  cbor.uint(ack_.keep_from);
  cbor.array(open_count());
  for_each_open([&cbor](const OpenAdmission& admission) {
    cbor.array(3);
    cbor.uint(admission.lsn);
    cbor.bytes(admission.payload.view());
    cbor.array(admission.leg_count);
    for (std::size_t i = 0; i < admission.leg_count; ++i) {
      const OpenAdmission::Leg& leg = admission.legs[i];
      cbor.array(3);
      cbor.uint(leg.leg);
      cbor.bytes(leg.endpoint.bytes);
      cbor.raw(leg.usage.view());
    }
  });
}

Result<Replica> Replica::decode(ByteView bytes) {
  TDN_TRY_VOID(codec::cbor_check(bytes));
  CborReader cbor(bytes);
  bool shaped = cbor.array() == 9 && cbor.uint() == kStateVersion;
  const ByteView edge = cbor.bytes();
  Replica replica({}, static_cast<std::uint32_t>(cbor.uint()));
  replica.next_lsn_ = cbor.uint();
  replica.last_seq_ = cbor.uint();
  const ByteView hash = cbor.bytes();
  replica.ack_.acked = cbor.uint();
  replica.ack_.keep_from = cbor.uint();
  shaped = shaped && edge.size() == 16 && hash.size() == 32;
  const std::size_t open = cbor.array();
  for (std::size_t i = 0; i < open && cbor.ok() && shaped; ++i) {
    shaped = cbor.array() == 3;
    OpenAdmission& admission = replica.open_->add(cbor.uint());
    admission.payload.append(cbor.bytes());
    const std::size_t legs = cbor.array();
    for (std::size_t k = 0; k < legs && cbor.ok() && shaped; ++k) {
      shaped = cbor.array() == 3;
      OpenAdmission::Leg& leg = replica.open_->leg(admission, cbor.uint());
      const ByteView endpoint = cbor.bytes();
      shaped = shaped && endpoint.size() == 16;
      if (shaped) {
        std::ranges::copy(endpoint, leg.endpoint.bytes.begin());
      }
      leg.usage.append(cbor.skip());
    }
  }
  if (!cbor.ok() || !shaped) {
    return fail(Code::kCorrupt, "malformed checkpoint");
  }
  std::ranges::copy(edge, replica.edge_.bytes.begin());
  std::ranges::copy(hash, replica.last_hash_.begin());
  return replica;
}

}  // namespace tdn::books
