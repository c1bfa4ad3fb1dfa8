// For tests: an edge's books as far as control sees them, and the syncs that it would send.
#pragma once

#include <string>
#include <vector>

#include "base/byte_buffer.h"
#include "codec/cbor.h"
#include "codec/packed.h"
#include "meter/annex.h"
#include "meter/usage_record.h"
#include "protocol/sync.h"

namespace tdn::control {

inline Uid test_uid(std::uint16_t number) {
  Uid uid;
  uid.bytes[14] = static_cast<std::uint8_t>(number >> 8U);
  uid.bytes[15] = static_cast<std::uint8_t>(number);
  return uid;
}

class TestEdge {
 public:
  TestEdge(std::string site, std::uint16_t number)
      : site_(std::move(site)),
        edge_(test_uid(number)),
        log_(test_uid(static_cast<std::uint16_t>(number + 0x100))),
        boot_(test_uid(static_cast<std::uint16_t>(number + 0x200))) {}

  // A record of `output` tokens at 1,000 · 10⁻¹² USD each.
  static meter::UsageRecord draft(std::uint64_t output) {
    meter::UsageRecord record;
    record.owners = {{meter::OwnerKind::kTenant, test_uid(0x1001)},
                     {meter::OwnerKind::kKey, test_uid(0x1002)}};
    record.served.model = test_uid(0x1003);
    record.reported.set(meter::TokenClass::kInputTextFresh, 10);
    record.reported.set(meter::TokenClass::kOutputText, output);
    record.charged = {{{'U', 'S', 'D'}}, static_cast<Amount>(output) * 1000};
    record.side = meter::Side::kBoth;
    return record;
  }
  void settle(std::uint64_t output) { settle(draft(output), {}); }
  void settle(meter::UsageRecord record, const meter::TenantAnnex& annex) {
    ByteBuffer tenant;
    if (annex.has_content()) {
      meter::encode(annex, tenant);
      record.tenant_annex = codec::sha256(tenant.view());
    }
    record.edge = edge_;
    record.epoch = epoch_;
    record.seq = payloads_.size() + 1;
    record.request = {test_uid(static_cast<std::uint16_t>(0x2000 + record.seq))};
    record.prev = last_hash_;
    ByteBuffer bytes;
    meter::encode(record, bytes);
    last_hash_ = codec::sha256(bytes.view());
    ByteBuffer payload;
    {
      codec::CborWriter cbor(payload);
      cbor.array(3);
      cbor.bytes(bytes.view());
      cbor.bytes(tenant.view());
      cbor.bytes({});
    }
    payloads_.emplace_back(payload.view().begin(), payload.view().end());
  }

  // Of records `from` to `to`, numbered as the next.
  protocol::SyncRequest upload(std::uint64_t from, std::uint64_t to) {
    protocol::SyncRequest request = sync();
    protocol::Upload& upload = request.upload.emplace();
    upload.epoch = epoch_;
    upload.from = from;
    for (std::uint64_t seq = from; seq <= to; ++seq) {
      codec::pack(upload.records, payloads_[seq - 1]);
    }
    return request;
  }
  protocol::SyncRequest sync() {
    protocol::SyncRequest request;
    request.site = site_;
    request.edge = edge_;
    request.boot = boot_;
    request.n = ++n_;
    request.version = "test";
    request.journal = {.epoch = epoch_, .log = log_, .last_seq = payloads_.size()};
    return request;
  }

  void restart() {
    boot_.bytes[0] = static_cast<std::uint8_t>(boot_.bytes[0] + 1);
    n_ = 0;
  }
  void restart_with_an_earlier_clock() {
    boot_.bytes[0] = 0;
    boot_.bytes[1] = static_cast<std::uint8_t>(boot_.bytes[1] + 1);
    n_ = 0;
  }
  // An older state of its disk comes back.
  void roll_back_to(std::uint64_t seq, const codec::Digest& hash) {
    payloads_.resize(seq);
    last_hash_ = hash;
  }
  void begin_epoch(std::uint32_t epoch) {
    epoch_ = epoch;
    log_.bytes[0] = static_cast<std::uint8_t>(epoch);
    payloads_.clear();
    last_hash_ = {};
  }
  void set_log(const Uid& log) { log_ = log; }

  [[nodiscard]] std::uint64_t last() const { return payloads_.size(); }
  [[nodiscard]] const codec::Digest& last_hash() const { return last_hash_; }
  [[nodiscard]] const Uid& uid() const { return edge_; }
  [[nodiscard]] std::vector<std::vector<std::uint8_t>>& payloads() { return payloads_; }

 private:
  std::string site_;
  Uid edge_, log_, boot_;
  std::uint32_t epoch_ = 1;
  std::uint64_t n_ = 0;
  std::vector<std::vector<std::uint8_t>> payloads_;
  codec::Digest last_hash_{};
};

}  // namespace tdn::control
