// What of the books goes into the next sync, and what control's answer means for the books. Holds
// no connection: `Agent` carries the messages.
//
// Upwards, records go in order, epoch by epoch, from behind the last one that control has; an
// earlier epoch is asked about first. Downwards: acknowledged records are noted, gaps are filled
// from where control says. Belongs to its loop's thread; files are read in the pool.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "io/blocking_pool.h"
#include "io/event.h"
#include "meter/outbox.h"
#include "protocol/sync.h"

namespace tdn::agent {

class Uploader {
 public:
  // All borrowed; the outbox outlives the loop's mail.
  Uploader(io::Loop& loop, io::BlockingPool& pool, meter::Outbox& outbox);

  // Fills in `journal`, `upload` and `complete_through` as of now.
  [[nodiscard]] io::Task<Result<void>> fill(protocol::SyncRequest& request);
  // Control took the sync that `fill` made.
  [[nodiscard]] io::Task<Result<void>> taken(const protocol::SyncRequest& request,
                                             const protocol::SyncReply& reply, Duration took);
  // It refused it: goes on from another record. kCorrupt, kMissing: that one is not here.
  [[nodiscard]] Result<void> gap(const protocol::SyncRequest& request, std::uint64_t expected);

  // Nothing more is uploaded in this run of the process.
  void stop() { stopped_ = true; }
  [[nodiscard]] bool stopped() const { return stopped_; }

  // Records on disk that control has not acknowledged, of all epochs.
  [[nodiscard]] std::uint64_t unacknowledged() const;
  // Up to where control said last that it keeps an epoch's records.
  [[nodiscard]] std::uint64_t acked(std::uint32_t epoch) const;
  // More waits than fitted into the last sync.
  [[nodiscard]] bool has_backlog() const { return backlog_; }

 private:
  struct Epoch {
    bool asked = false;  // control has said where it stands
    std::uint64_t acked = 0;
  };
  struct Source {
    std::uint32_t epoch = 0;
    std::uint64_t last_seq = 0;
  };
  [[nodiscard]] io::Task<> refresh();
  [[nodiscard]] Source source(const meter::OutboxPosition& now) const;

  io::Loop& loop_;
  io::BlockingPool& pool_;
  meter::Outbox& outbox_;
  std::map<std::uint32_t, Epoch> epochs_;
  std::size_t most_bytes_;  // of records in a sync; adapts to the uplink
  bool backlog_ = false;
  bool stopped_ = false;
};

}  // namespace tdn::agent
