// A disk in memory that forgets like a real one. What was not synced is lost in a crash: of
// unsynced writes any part may remain, sector by sector, in any order; of unsynced names either the
// old or the new. Space is limited, and any operation can be made to fail or to crash.
// Deterministic: what a crash keeps comes from the given Random.
//
// One thread. Files stay usable after a crash as if nothing had been open: the caller drops what it
// had and starts over, as a restarted process does.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "io/disk.h"

namespace tdn::io {

enum class DiskOp : std::uint8_t {
  kWrite,
  kPreallocate,
  kSync,
  kSyncDir,
  kRename,
  kRemove,
  kTruncate
};

class MemoryDisk final : public Disk {
 public:
  explicit MemoryDisk(std::uint64_t capacity = UINT64_MAX) : capacity_(capacity) {}

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> make_dir(const std::string& path) override;
  Result<void> sync_dir(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<std::uint64_t> free(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

  // Power off and on. Locks are gone, too. Where `keep_unsynced`, the machine stayed up and only
  // the process died: everything written is still there.
  void crash(Random& random, bool keep_unsynced = false);

  // Called before each changing operation; an Error it returns is the operation's, which then has
  // no effect. From inside it, throwing is the way to stop a process in mid-flight.
  void set_fault(std::function<Result<void>(DiskOp, const std::string& path)> fault) {
    fault_ = std::move(fault);
  }

  void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }
  [[nodiscard]] std::uint64_t used() const;

  // Damages stored bytes behind the program's back.
  void flip_bit(const std::string& path, std::uint64_t bit);
  [[nodiscard]] bool exists(const std::string& path) const { return names_.contains(path); }

 private:
  struct Node;
  class OpenFile;
  class HeldLock;
  using Names = std::map<std::string, std::shared_ptr<Node>>;

  Result<void> before(DiskOp op, const std::string& path);
  Result<void> claim(std::uint64_t bytes, const std::string& path) const;

  std::uint64_t capacity_;
  Names names_;          // as the running system sees them
  Names durable_names_;  // as they would be after a crash
  std::map<std::string, std::weak_ptr<int>> locks_;
  std::function<Result<void>(DiskOp, const std::string&)> fault_;
};

}  // namespace tdn::io
