#include "io/memory_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace tdn::io {
namespace {

constexpr std::uint64_t kSector = 512;  // what a disk writes whole or not at all

}  // namespace

// A file's bytes, now and as they would be after a crash.
struct MemoryDisk::Node {
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint8_t> durable;
  std::set<std::uint64_t> unsynced;  // sectors
  std::optional<bool> renamed;       // during a crash: whether its new names are those that stay

  void touch(std::uint64_t offset, std::uint64_t count) {
    for (std::uint64_t sector = offset / kSector; sector * kSector < offset + count; ++sector) {
      unsynced.insert(sector);
    }
  }

  void sync() {
    durable = bytes;
    unsynced.clear();
  }

  void crash(Random& random) {
    // The length is metadata: it is the old or the new one.
    std::vector<std::uint8_t> after = durable;
    if (bytes.size() != durable.size() && random.below(2) == 0) {
      after.resize(bytes.size());
    }
    for (const std::uint64_t sector : unsynced) {
      const std::uint64_t from = sector * kSector;
      if (random.below(2) == 0 || from >= after.size()) {
        continue;
      }
      const std::uint64_t to =
          std::min<std::uint64_t>({from + kSector, after.size(), bytes.size()});
      if (from < to) {
        std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                  bytes.begin() + static_cast<std::ptrdiff_t>(to),
                  after.begin() + static_cast<std::ptrdiff_t>(from));
      }
    }
    bytes = std::move(after);
    renamed.reset();
    sync();
  }
};

class MemoryDisk::OpenFile final : public File {
 public:
  OpenFile(MemoryDisk& disk, std::shared_ptr<Node> node, std::string path)
      : disk_(disk), node_(std::move(node)), path_(std::move(path)) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    const std::uint64_t size = node_->bytes.size();
    const std::uint64_t count =
        offset >= size ? 0 : std::min<std::uint64_t>(out.size(), size - offset);
    std::copy_n(node_->bytes.begin() + static_cast<std::ptrdiff_t>(std::min(offset, size)), count,
                out.begin());
    return static_cast<std::size_t>(count);
  }

  Result<void> write(std::uint64_t offset, ByteView bytes) override {
    TDN_TRY_VOID(disk_.before(DiskOp::kWrite, path_));
    TDN_TRY_VOID(grow(offset + bytes.size()));
    std::ranges::copy(bytes, node_->bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    node_->touch(offset, bytes.size());
    return {};
  }

  Result<std::uint64_t> size() override { return node_->bytes.size(); }

  Result<void> truncate(std::uint64_t size) override {
    TDN_TRY_VOID(disk_.before(DiskOp::kTruncate, path_));
    node_->bytes.resize(static_cast<std::size_t>(size));
    return {};
  }

  Result<void> preallocate(std::uint64_t size) override {
    TDN_TRY_VOID(disk_.before(DiskOp::kPreallocate, path_));
    return grow(size);
  }

  Result<void> sync() override {
    TDN_TRY_VOID(disk_.before(DiskOp::kSync, path_));
    node_->sync();
    return {};
  }

 private:
  Result<void> grow(std::uint64_t size) {
    if (size > node_->bytes.size()) {
      TDN_TRY_VOID(disk_.claim(size - node_->bytes.size(), path_));
      node_->bytes.resize(static_cast<std::size_t>(size));
    }
    return {};
  }

  MemoryDisk& disk_;
  std::shared_ptr<Node> node_;
  std::string path_;
};

class MemoryDisk::HeldLock final : public FileLock {
 public:
  explicit HeldLock(std::shared_ptr<int> token) : token_(std::move(token)) {}

 private:
  std::shared_ptr<int> token_;
};

Result<void> MemoryDisk::before(DiskOp op, const std::string& path) {
  return fault_ ? fault_(op, path) : Result<void>{};
}

Result<void> MemoryDisk::claim(std::uint64_t bytes, const std::string& path) const {
  const std::uint64_t taken = used();
  if (taken > capacity_ || capacity_ - taken < bytes) {
    return fail(Code::kNoSpace, "no space left for " + path);
  }
  return {};
}

std::uint64_t MemoryDisk::used() const {
  std::uint64_t total = 0;
  for (const auto& [path, node] : names_) {
    total += node->bytes.size();
  }
  return total;
}

Result<std::unique_ptr<File>> MemoryDisk::open(const std::string& path, OpenMode mode) {
  auto found = names_.find(path);
  if (found == names_.end()) {
    if (mode != OpenMode::kCreate) {
      return fail(Code::kMissing, "no such file: " + path);
    }
    found = names_.emplace(path, std::make_shared<Node>()).first;
  }
  return std::make_unique<OpenFile>(*this, found->second, path);
}

Result<void> MemoryDisk::rename(const std::string& from, const std::string& to) {
  TDN_TRY_VOID(before(DiskOp::kRename, from));
  auto moved = names_.extract(from);
  if (moved.empty()) {
    return fail(Code::kMissing, "no such file: " + from);
  }
  names_[to] = std::move(moved.mapped());
  return {};
}

Result<void> MemoryDisk::remove(const std::string& path) {
  TDN_TRY_VOID(before(DiskOp::kRemove, path));
  if (names_.erase(path) == 0) {
    return fail(Code::kMissing, "no such file: " + path);
  }
  return {};
}

Result<void> MemoryDisk::make_dir(const std::string&) { return {}; }

Result<void> MemoryDisk::sync_dir(const std::string& path) {
  TDN_TRY_VOID(before(DiskOp::kSyncDir, path));
  std::erase_if(durable_names_, [&](const auto& name) { return parent_dir(name.first) == path; });
  for (const auto& [name, node] : names_) {
    if (parent_dir(name) == path) {
      durable_names_[name] = node;
    }
  }
  return {};
}

Result<std::vector<std::string>> MemoryDisk::list(const std::string& path) {
  const std::string inside = path + "/";
  std::vector<std::string> found;
  for (const auto& [name, node] : names_) {  // by name, so what is in one folder comes together
    if (name.starts_with(inside)) {
      std::string first = name.substr(inside.size(), name.find('/', inside.size()) - inside.size());
      if (found.empty() || found.back() != first) {
        found.push_back(std::move(first));
      }
    }
  }
  return found;
}

Result<std::uint64_t> MemoryDisk::free(const std::string&) {
  const std::uint64_t taken = used();
  return taken < capacity_ ? capacity_ - taken : 0;
}

Result<std::unique_ptr<FileLock>> MemoryDisk::lock(const std::string& path) {
  std::weak_ptr<int>& holder = locks_[path];
  if (!holder.expired()) {
    return fail(Code::kInvalid, parent_dir(path) + " is in use by another tdn process");
  }
  auto token = std::make_shared<int>(0);
  holder = token;
  return std::make_unique<HeldLock>(std::move(token));
}

void MemoryDisk::crash(Random& random, bool keep_unsynced) {
  locks_.clear();
  if (keep_unsynced) {
    return;
  }
  // Each name that differs from its durable state is the old or the new one. A rename is one step:
  // both of its names change, or neither does.
  Names after = durable_names_;
  for (const auto& [name, node] : names_) {
    const auto durable = durable_names_.find(name);
    if (durable != durable_names_.end() && durable->second == node) {
      continue;
    }
    if (!node->renamed) {
      node->renamed = random.below(2) == 0;
    }
    if (*node->renamed) {
      std::erase_if(after, [&](const auto& entry) { return entry.second == node; });
      after[name] = node;
    }
  }
  for (const auto& [name, node] : durable_names_) {
    if (!names_.contains(name) && !node->renamed && random.below(2) == 0) {
      after.erase(name);
    }
  }
  for (const auto& [name, node] : after) {
    node->crash(random);
  }
  names_ = after;
  durable_names_ = after;
}

void MemoryDisk::flip_bit(const std::string& path, std::uint64_t bit) {
  Node& node = *names_.at(path);
  const auto flip = [&](std::vector<std::uint8_t>& bytes) {
    if (bit / 8 < bytes.size()) {
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
    }
  };
  flip(node.bytes);
  flip(node.durable);
}

}  // namespace tdn::io
