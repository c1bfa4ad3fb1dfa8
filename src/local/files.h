// The few things that `tdn up` does with files: small texts, replaced as a whole or not at all, and
// readable by their owner only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace tdn::local {

// Owns a descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() { close(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

// "cannot open the log file a.log: Permission denied", from errno.
[[nodiscard]] std::string system_failure(std::string_view what, std::string_view path);

// The folder and those above it, mode 0700 where they are made.
[[nodiscard]] Result<void> make_folder(const std::string& path);

// The whole text; at most a mebibyte, for nothing that is read here is larger. Code::kMissing if
// there is no such file.
[[nodiscard]] Result<std::string> read_text(const std::string& path);

// At most `most` bytes from the end of what stands at `begin` and after; empty if it cannot be
// read.
[[nodiscard]] std::string read_tail(const std::string& path, std::uint64_t begin, std::size_t most);

// Replaces the file by rename; mode 0600. Whoever reads it sees the old text or the new one.
[[nodiscard]] Result<void> write_private(const std::string& path, std::string_view text);

// No error if there is none.
void remove_file(const std::string& path);

}  // namespace tdn::local
