// The file system as the books use it, behind an interface: the real one below, one in memory that
// loses what was not synced (io/memory_disk.h). Calls block; they belong on a thread of their own,
// or in a command.
//
// What is promised about a crash: written bytes survive once `sync` has returned; a created,
// renamed or removed name survives once `sync_dir` of its folder has. A space that `preallocate`
// granted is there: later writes into it do not fail for lack of space. After a failed `sync`
// nothing is known, so it is never retried.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace tdn::io {

class File {
 public:
  virtual ~File() = default;
  // Fills `out` as far as the file goes; the number of bytes read.
  [[nodiscard]] virtual Result<std::size_t> read(std::uint64_t offset,
                                                 std::span<std::uint8_t> out) = 0;
  // All of it; beyond the end the file grows.
  [[nodiscard]] virtual Result<void> write(std::uint64_t offset, ByteView bytes) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() = 0;
  [[nodiscard]] virtual Result<void> truncate(std::uint64_t size) = 0;
  // Makes the file at least `size` long, with real space behind it and zeros in what is new.
  // kNoSpace if there is not enough.
  [[nodiscard]] virtual Result<void> preallocate(std::uint64_t size) = 0;
  [[nodiscard]] virtual Result<void> sync() = 0;
};

// Held until destroyed, or until the process ends however it ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode : std::uint8_t {
  kRead,    // must exist
  kWrite,   // must exist
  kCreate,  // is created if missing, readable by its owner alone
};

// Errors: kMissing, kNoSpace, kInvalid (what a person can mend, named), kUnavailable (all else).
class Disk {
 public:
  virtual ~Disk() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::string& path,
                                                           OpenMode mode) = 0;
  // Atomic; replaces `to`.
  [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;
  // With the folders above it, open to its owner alone; fine if it exists.
  [[nodiscard]] virtual Result<void> make_dir(const std::string& path) = 0;
  [[nodiscard]] virtual Result<void> sync_dir(const std::string& path) = 0;
  // The names in a folder, sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  // Bytes free for us in the file system of `path`.
  [[nodiscard]] virtual Result<std::uint64_t> free(const std::string& path) = 0;
  // Creates the file and takes it for this process. kInvalid if another one holds it.
  [[nodiscard]] virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
};

// The machine's. Thread-safe; its files are not.
[[nodiscard]] Disk& system_disk();

// The whole file.
[[nodiscard]] Result<std::vector<std::uint8_t>> read_file(Disk& disk, const std::string& path);

// Replaces or creates `path` so that after a crash it is either as before or as given: written
// beside, synced, renamed, folder synced.
[[nodiscard]] Result<void> replace_file(Disk& disk, const std::string& path, ByteView bytes);

// "a/b" → "a"; "b" → ".".
[[nodiscard]] std::string parent_dir(const std::string& path);

}  // namespace tdn::io
