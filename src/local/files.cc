#include "local/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace tdn::local {
namespace {

constexpr std::size_t kLargestText = 1 << 20;

// Up to `most` bytes from where the descriptor stands.
std::string read_up_to(int fd, std::size_t most) {
  std::string text(most, '\0');
  std::size_t filled = 0;
  while (filled < most) {
    const ssize_t count = ::read(fd, text.data() + filled, most - filled);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      break;
    }
    filled += static_cast<std::size_t>(count);
  }
  text.resize(filled);
  return text;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

void FileDescriptor::close() {
  if (fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
  }
}

std::string system_failure(std::string_view what, std::string_view path) {
  return fmt::format("{} {}: {}", what, path, std::generic_category().message(errno));
}

Result<void> make_folder(const std::string& path) {
  for (std::size_t end = path.find('/', 1); true; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return fail(Code::kUnavailable, system_failure("cannot make the folder", part));
    }
    if (end == std::string::npos) {
      return {};
    }
  }
}

Result<std::string> read_text(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    return fail(errno == ENOENT ? Code::kMissing : Code::kUnavailable,
                system_failure("cannot read", path));
  }
  std::string text = read_up_to(file.get(), kLargestText + 1);
  if (text.size() > kLargestText) {
    return fail(Code::kInvalid, fmt::format("{} is larger than a mebibyte", path));
  }
  return text;
}

std::string read_tail(const std::string& path, std::uint64_t begin, std::size_t most) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const off_t end = file.is_open() ? ::lseek(file.get(), 0, SEEK_END) : -1;
  if (end < 0) {
    return {};
  }
  const auto size = static_cast<std::uint64_t>(end);
  const std::uint64_t from = std::max(std::min(begin, size), size > most ? size - most : 0);
  ::lseek(file.get(), static_cast<off_t>(from), SEEK_SET);
  return read_up_to(file.get(), static_cast<std::size_t>(size - from));
}

Result<void> write_private(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  remove_file(temporary);
  FileDescriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open() || !write_all(file.get(), text) || ::fsync(file.get()) != 0 ||
      ::rename(temporary.c_str(), path.c_str()) != 0) {
    return fail(errno == ENOSPC ? Code::kNoSpace : Code::kUnavailable,
                system_failure("cannot write", path));
  }
  return {};
}

void remove_file(const std::string& path) { ::unlink(path.c_str()); }

}  // namespace tdn::local
