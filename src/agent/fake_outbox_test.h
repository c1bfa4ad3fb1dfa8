// Books in memory, for tests: records are what was settled; what is not on disk is lost by `crash`.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "codec/packed.h"
#include "meter/outbox.h"

namespace tdn::agent {

class FakeOutbox final : public meter::Outbox {
 public:
  struct Log {
    Uid log;
    std::vector<std::string> records;  // [0] is seq 1
    std::uint64_t on_disk = 0;
    std::uint64_t acked = 0;
    std::uint64_t keep_from = 0;
  };

  void settle(const std::string& record) { current().records.push_back(record); }
  // The process dies: what was not on disk is gone.
  void crash() { current().records.resize(static_cast<std::size_t>(current().on_disk)); }
  // The next start of the process.
  void start(std::uint8_t log_number) {
    epoch = next_epoch;
    if (current().log.is_zero()) {
      current().log.bytes[15] = log_number;
    }
  }
  Log& current() { return logs[epoch]; }
  [[nodiscard]] const Log& current() const { return logs.at(epoch); }

  [[nodiscard]] meter::OutboxPosition position() const override {
    const Log& log = current();
    return {.epoch = epoch,
            .log = log.log,
            .last_seq = log.on_disk,
            .acked = log.acked,
            .keep_from = log.keep_from,
            .complete_through = complete_through,
            .complete_seq = log.on_disk};
  }
  void refresh(std::function<void()> done) override {
    current().on_disk = current().records.size();
    complete_through.us += 1;
    done();
  }
  [[nodiscard]] std::vector<meter::FormerEpoch> former() const override {
    std::vector<meter::FormerEpoch> former;
    for (const auto& [number, log] : logs) {
      if (number < epoch && !forked) {
        former.push_back({number, log.on_disk});
      }
    }
    return former;
  }
  [[nodiscard]] Result<meter::OutboxRecords> read(std::uint32_t of, std::uint64_t from,
                                                  std::size_t most_bytes) override {
    if (while_reading) {
      while_reading();
    }
    const Log& log = logs.at(of);
    if (from < log.keep_from) {
      return fail(Code::kMissing, "gone");
    }
    meter::OutboxRecords records;
    std::size_t bytes = 0;
    for (std::uint64_t seq = from; seq <= log.on_disk; ++seq) {
      const std::string& record = log.records[static_cast<std::size_t>(seq - 1)];
      bytes += record.size();
      if (records.count > 0 && bytes > most_bytes) {
        break;
      }
      codec::pack(records.packed, bytes_of(record));
      ++records.count;
    }
    return records;
  }
  Result<void> acknowledge(std::uint32_t of, std::uint64_t acked,
                           std::uint64_t keep_from) override {
    Log& log = logs.at(of);
    log.acked = acked;
    log.keep_from = keep_from;
    if (of < epoch && keep_from > log.on_disk) {
      logs.erase(of);
    }
    return {};
  }
  Result<void> begin_epoch(std::uint32_t next, bool is_forked) override {
    next_epoch = next;
    forked = is_forked;
    return {};
  }

  std::map<std::uint32_t, Log> logs;
  std::uint32_t epoch = 1;
  std::uint32_t next_epoch = 1;
  bool forked = false;
  std::function<void()> while_reading;  // what else happens then
  WallTime complete_through{1};
};

}  // namespace tdn::agent
