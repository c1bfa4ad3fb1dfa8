// What the journal adds up to: the state that the writer continues from, that checkpoint files
// hold, and that recovery rebuilds. One function, `apply`, moves it, frame by frame, in the running
// writer and in replay alike, so the two cannot drift apart.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "base/byte_buffer.h"
#include "base/bytes.h"
#include "base/result.h"
#include "books/entry.h"

namespace tdn::books {

// An admission without its end yet, and the last checkpoint of each of its legs.
struct OpenAdmission {
  struct Leg {
    std::uint64_t leg = 0;
    Uid endpoint;
    ByteBuffer usage;
  };
  std::uint64_t lsn = 0;
  ByteBuffer payload;
  std::vector<Leg>
      legs;  // the first `leg_count` count; the rest is memory kept for the next admission
  std::size_t leg_count = 0;
};

class Replica {
 public:
  explicit Replica(const Uid& edge = {}, std::uint32_t epoch = 1);
  ~Replica();
  Replica(Replica&&) noexcept;
  Replica& operator=(Replica&&) noexcept;

  // The entry of the frame with the next lsn. kCorrupt if it does not follow from what was before:
  // a gap in seq, a broken chain, an end without an admission. `payload` is the frame's, kept for
  // an admission; the entry's views may point into it.
  template <class E>
  [[nodiscard]] Result<void> apply(const E& entry, ByteView payload) {
    TDN_TRY_VOID(take(entry, payload));
    ++next_lsn_;
    return {};
  }
  [[nodiscard]] Result<void> apply(const Entry& entry, ByteView payload) {
    return std::visit([&](const auto& known) { return apply(known, payload); }, entry);
  }

  [[nodiscard]] const Uid& edge() const { return edge_; }
  [[nodiscard]] std::uint32_t epoch() const { return epoch_; }
  [[nodiscard]] std::uint64_t next_lsn() const { return next_lsn_; }
  [[nodiscard]] std::uint64_t last_seq() const { return last_seq_; }
  [[nodiscard]] const meter::Digest& last_hash() const { return last_hash_; }
  [[nodiscard]] const AckEntry& ack() const { return ack_; }
  [[nodiscard]] std::size_t open_count() const;
  [[nodiscard]] bool is_open(std::uint64_t admission_lsn) const;
  // In order of lsn.
  void for_each_open(const std::function<void(const OpenAdmission&)>& visit) const;

  // The whole state as deterministic CBOR, and back.
  void encode(ByteBuffer& out) const;
  [[nodiscard]] static Result<Replica> decode(ByteView bytes);

 private:
  struct OpenTable;

  Result<void> take(const AdmissionEntry& entry, ByteView payload);
  Result<void> take(const ProgressEntry& entry, ByteView payload);
  Result<void> take(const SettlementEntry& entry, ByteView payload);
  Result<void> take(const RefusalEntry& entry, ByteView payload);
  Result<void> take(const AckEntry& entry, ByteView payload);
  static Result<void> take(const DeliveredEntry&, ByteView) { return {}; }
  static Result<void> take(const SyncedEntry&, ByteView) { return {}; }
  Result<void> close(std::uint64_t admission_lsn);

  Uid edge_;
  std::uint32_t epoch_;
  std::uint64_t next_lsn_ = 1;
  std::uint64_t last_seq_ = 0;
  meter::Digest last_hash_{};
  AckEntry ack_;
  std::unique_ptr<OpenTable> open_;
};

}  // namespace tdn::books
