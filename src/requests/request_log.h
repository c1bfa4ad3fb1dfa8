// Writes the request log of an edge: `<state>/requests/<16 hex digits>.trl`, a new file at each
// start and whenever one is full, the oldest removed beyond `files`. What cannot be written is
// dropped and counted; nothing waits for it and nothing is synced.
//
//   shards ──ShardLog──> write_batch(), on any thread, one at a time ──> files
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "domain/snapshot.h"
#include "io/disk.h"
#include "requests/entry.h"
#include "requests/shard_log.h"

namespace tdn::requests {

struct RequestLogOptions {
  std::string folder;
  std::uint64_t file_bytes = std::uint64_t{4} << 20U;
  std::size_t files = 8;
};

inline constexpr std::string_view kSuffix = ".trl";
// Number of a file by its name; nothing if it is none of the log.
[[nodiscard]] std::optional<std::uint64_t> parse_file_name(std::string_view name);

class RequestLog {
 public:
  // Makes the folder. Errors: of the disk.
  [[nodiscard]] static Result<std::unique_ptr<RequestLog>> open(io::Disk& disk,
                                                                RequestLogOptions options);

  // Before anything is written. The log outlives its users.
  [[nodiscard]] ShardLog& add_shard();
  // Before a shard uses the catalogue of that number. Thread-safe. The last kCatalogues are known;
  // what a shard logs by an older one is dropped.
  static constexpr std::size_t kCatalogues = 8;
  void publish(std::uint64_t number, std::shared_ptr<const domain::Snapshot> snapshot,
               domain::SiteIndex here);

  [[nodiscard]] bool pending() const;
  // Writes what the shards have. After an error, of the disk, it goes on with a new file. On any
  // thread; a second caller waits.
  [[nodiscard]] Result<void> write_batch();

  // Thread-safe, as the next.
  [[nodiscard]] std::uint64_t dropped() const;
  [[nodiscard]] std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }

 private:
  struct Catalogue {
    std::shared_ptr<const domain::Snapshot> snapshot;
    domain::SiteIndex here;
  };
  RequestLog(io::Disk& disk, RequestLogOptions options)
      : disk_(disk), options_(std::move(options)) {}
  [[nodiscard]] Result<void> begin_file();
  [[nodiscard]] Result<void> remove_old_files();
  [[nodiscard]] std::string path_of(std::uint64_t number) const;
  // The names by that number are in the file, or now in the batch.
  [[nodiscard]] bool ensure_names(std::uint64_t number);
  void add(const RawDecided& raw, std::span<const std::byte> beginnings,
           std::span<const std::byte> facts);
  void add(const RawEnded& raw);

  io::Disk& disk_;
  const RequestLogOptions options_;
  std::vector<std::unique_ptr<ShardLog>> shards_;
  std::mutex writing_;  // of what follows
  std::unique_ptr<io::File> file_;
  std::uint64_t next_file_ = 1;
  std::uint64_t size_ = 0;
  std::vector<std::uint64_t> names_in_file_;
  ByteBuffer batch_;
  std::uint64_t in_batch_ = 0;
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> lost_{0};
  std::mutex mutex_;  // of what follows
  std::map<std::uint64_t, Catalogue> catalogues_;
};

}  // namespace tdn::requests
