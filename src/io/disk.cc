#include "io/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace tdn::io {
namespace {

Code code_of(int error) {
  switch (error) {
    case ENOENT:
      return Code::kMissing;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Code::kNoSpace;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
      return Code::kInvalid;
    default:
      return Code::kUnavailable;
  }
}

tl::unexpected<Error> failed(std::string_view what, const std::string& path, int error = errno) {
  return fail(code_of(error),
              fmt::format("cannot {} {}: {}", what, path, std::generic_category().message(error)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

class SystemFile final : public File {
 public:
  SystemFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n =
          pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) {
        continue;
      }
      if (n < 0) {
        return failed("read", path_);
      }
      if (n == 0) {
        break;
      }
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Result<void> write(std::uint64_t offset, ByteView bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) {
        continue;
      }
      if (n < 0) {
        return failed("write", path_);
      }
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat status{};
    if (fstat(fd_.get(), &status) != 0) {
      return failed("examine", path_);
    }
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<void> truncate(std::uint64_t size) override {
    if (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
      return failed("truncate", path_);
    }
    return {};
  }

  Result<void> preallocate(std::uint64_t size) override {
    TDN_TRY(const std::uint64_t present, this->size());
    int error = 0;
    do {
      error = fallocate(fd_.get(), 0, 0, static_cast<off_t>(size)) == 0 ? 0 : errno;
    } while (error == EINTR);
    if (error == 0) {
      return {};
    }
    if (error != EOPNOTSUPP) {
      return failed("reserve space for", path_, error);
    }
    // A file system without fallocate reserves what is written. (posix_fallocate would do the same,
    // one byte per block, without telling.)
    constexpr std::array<std::uint8_t, 65536> kZeros{};
    for (std::uint64_t at = present; at < size; at += kZeros.size()) {
      const std::uint64_t count = std::min<std::uint64_t>(kZeros.size(), size - at);
      TDN_TRY_VOID(write(at, ByteView(kZeros).first(static_cast<std::size_t>(count))));
    }
    return {};
  }

  Result<void> sync() override {
    if (fdatasync(fd_.get()) != 0) {
      return failed("sync", path_);
    }
    return {};
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class SystemLock final : public FileLock {
 public:
  explicit SystemLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;
};

class SystemDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    const int access = mode == OpenMode::kRead ? O_RDONLY : O_RDWR;
    const int create = mode == OpenMode::kCreate ? O_CREAT : 0;
    Descriptor fd(::open(path.c_str(), access | create | O_CLOEXEC, 0600));
    if (fd.get() < 0) {
      return failed("open", path);
    }
    return std::make_unique<SystemFile>(std::move(fd), path);
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return failed("rename", from);
    }
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (unlink(path.c_str()) != 0) {
      return failed("remove", path);
    }
    return {};
  }

  Result<void> make_dir(const std::string& path) override {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
      const std::string part = path.substr(0, end);
      if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
        return failed("create folder", part);
      }
      if (end == std::string::npos) {
        return {};
      }
    }
  }

  Result<void> sync_dir(const std::string& path) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) {
      return failed("open folder", path);
    }
    if (fsync(fd.get()) != 0) {
      return failed("sync folder", path);
    }
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(path.c_str()), closedir);
    if (!dir) {
      return failed("list folder", path);
    }
    std::vector<std::string> names;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this call's own
    while (const dirent* entry = readdir(dir.get())) {
      const std::string_view name(entry->d_name);
      if (name != "." && name != "..") {
        names.emplace_back(name);
      }
    }
    std::ranges::sort(names);
    return names;
  }

  Result<std::uint64_t> free(const std::string& path) override {
    struct statvfs status{};
    if (statvfs(path.c_str(), &status) != 0) {
      return failed("examine", path);
    }
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (fd.get() < 0) {
      return failed("open", path);
    }
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) {
        return fail(Code::kInvalid,
                    fmt::format("{} is in use by another tdn process; stop that one first, or give "
                                "this one another --state folder",
                                parent_dir(path)));
      }
      return failed("lock", path);
    }
    return std::make_unique<SystemLock>(std::move(fd));
  }
};

}  // namespace

Disk& system_disk() {
  static SystemDisk disk;
  return disk;
}

Result<std::vector<std::uint8_t>> read_file(Disk& disk, const std::string& path) {
  TDN_TRY(const std::unique_ptr<File> file, disk.open(path, OpenMode::kRead));
  TDN_TRY(const std::uint64_t size, file->size());
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  TDN_TRY(const std::size_t read, file->read(0, bytes));
  bytes.resize(read);
  return bytes;
}

Result<void> replace_file(Disk& disk, const std::string& path, ByteView bytes) {
  const std::string temporary = path + ".tmp";
  {
    TDN_TRY(const std::unique_ptr<File> file, disk.open(temporary, OpenMode::kCreate));
    TDN_TRY_VOID(file->truncate(0));
    TDN_TRY_VOID(file->write(0, bytes));
    TDN_TRY_VOID(file->sync());
  }
  TDN_TRY_VOID(disk.rename(temporary, path));
  return disk.sync_dir(parent_dir(path));
}

std::string parent_dir(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace tdn::io
