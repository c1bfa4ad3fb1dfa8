#include "io/disk.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/random.h"
#include "io/memory_disk.h"

namespace tdn::io {
namespace {

class Folder {
 public:
  Folder() {
    std::string pattern = testing::TempDir() + "/tdn-disk-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What the interface promises, of either disk.
void keeps_its_promises(Disk& disk, const std::string& dir) {
  EXPECT_EQ(disk.open(dir + "/none", OpenMode::kRead).error().code(), Code::kMissing);
  EXPECT_EQ(disk.open(dir + "/none", OpenMode::kWrite).error().code(), Code::kMissing);
  {
    auto file = *disk.open(dir + "/a", OpenMode::kCreate);
    ASSERT_TRUE(file->preallocate(100));
    EXPECT_EQ(*file->size(), 100U);
    ASSERT_TRUE(file->write(98, bytes_of("abcd")));
    EXPECT_EQ(*file->size(), 102U);
    std::array<std::uint8_t, 8> bytes{};
    EXPECT_EQ(*file->read(96, bytes), 6U);
    EXPECT_EQ(text_of(ByteView(bytes).first(6)), std::string_view("\0\0abcd", 6));
    EXPECT_EQ(*file->read(200, bytes), 0U);
    ASSERT_TRUE(file->truncate(99));
    ASSERT_TRUE(file->sync());
  }
  ASSERT_TRUE(replace_file(disk, dir + "/b", bytes_of("new")));
  ASSERT_TRUE(disk.rename(dir + "/a", dir + "/b"));
  ASSERT_TRUE(disk.sync_dir(dir));
  EXPECT_EQ(*disk.list(dir), std::vector<std::string>{"b"});
  EXPECT_EQ(read_file(disk, dir + "/b")->size(), 99U);
  ASSERT_TRUE(disk.remove(dir + "/b"));
  EXPECT_EQ(disk.remove(dir + "/b").error().code(), Code::kMissing);
  {
    const auto held = disk.lock(dir + "/lock");
    ASSERT_TRUE(held);
    EXPECT_EQ(disk.lock(dir + "/lock").error().code(), Code::kInvalid);
  }
  EXPECT_TRUE(disk.lock(dir + "/lock"));
  EXPECT_GT(*disk.free(dir), 0U);
}

TEST(Disk, TheRealOneKeepsItsPromises) {
  const Folder folder;
  const std::string dir = folder.path() + "/x/y";
  ASSERT_TRUE(system_disk().make_dir(dir));
  ASSERT_TRUE(system_disk().make_dir(dir));
  keeps_its_promises(system_disk(), dir);
}

TEST(Disk, TheOneInMemoryKeepsItsPromises) {
  MemoryDisk disk;
  keeps_its_promises(disk, "/x");
}

TEST(Disk, FilesAndFoldersAreTheirOwnersAlone) {
  const Folder folder;
  ASSERT_TRUE(system_disk().make_dir(folder.path() + "/x"));
  ASSERT_TRUE(system_disk().open(folder.path() + "/x/a", OpenMode::kCreate));
  struct stat status{};
  ASSERT_EQ(stat((folder.path() + "/x").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  ASSERT_EQ(stat((folder.path() + "/x/a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(MemoryDisk, ACrashKeepsWhatWasSyncedAndNothingIsSureOfTheRest) {
  int kept = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SeededRandom random(seed);
    MemoryDisk disk;
    auto file = *disk.open("/x/a", OpenMode::kCreate);
    ASSERT_TRUE(file->write(0, bytes_of("safe")));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(disk.sync_dir("/x"));
    ASSERT_TRUE(file->write(4, bytes_of("?")));
    disk.crash(random);
    const auto bytes = *read_file(disk, "/x/a");
    ASSERT_GE(bytes.size(), 4U);
    EXPECT_EQ(text_of(ByteView(bytes).first(4)), "safe");
    kept += bytes.size() == 5 && bytes[4] == '?' ? 1 : 0;
  }
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, 100);
}

TEST(MemoryDisk, ARenameThatWasNotSyncedHappenedOrDidNot) {
  int renamed = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SeededRandom random(seed);
    MemoryDisk disk;
    ASSERT_TRUE(replace_file(disk, "/x/a", bytes_of("old")));
    auto file = *disk.open("/x/a.tmp", OpenMode::kCreate);
    ASSERT_TRUE(file->write(0, bytes_of("new")));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(disk.rename("/x/a.tmp", "/x/a"));
    disk.crash(random);
    const auto bytes = *read_file(disk, "/x/a");
    EXPECT_TRUE(text_of(bytes) == "old" || text_of(bytes) == "new");
    renamed += text_of(bytes) == "new" ? 1 : 0;
  }
  EXPECT_GT(renamed, 0);
  EXPECT_LT(renamed, 100);
}

TEST(MemoryDisk, IsFullAtItsCapacityAndHasSpaceAgainWhenFreed) {
  MemoryDisk disk(100);
  auto file = *disk.open("/x/a", OpenMode::kCreate);
  EXPECT_EQ(file->preallocate(101).error().code(), Code::kNoSpace);
  ASSERT_TRUE(file->preallocate(100));
  auto other = *disk.open("/x/b", OpenMode::kCreate);
  EXPECT_EQ(other->write(0, bytes_of("1")).error().code(), Code::kNoSpace);
  ASSERT_TRUE(disk.remove("/x/a"));
  EXPECT_TRUE(other->write(0, bytes_of("1")));
}

}  // namespace
}  // namespace tdn::io
