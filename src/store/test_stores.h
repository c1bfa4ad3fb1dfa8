// The stores that tests run on: each with a way to close and open it again, and to crash it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "store/memory_store.h"
#include "store/sqlite_store.h"

namespace tdn::store {

class MemoryFixture {
 public:
  Store& store() { return store_; }
  void reopen() {}
  void crash() { store_.crash(); }

 private:
  MemoryStore store_;
};

class SqliteFixture {
 public:
  SqliteFixture() {
    static int number = 0;
    folder_ = testing::TempDir() + "store-" +
              std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + "-" +
              std::to_string(++number);
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    open();
  }
  ~SqliteFixture() {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  SqliteFixture(const SqliteFixture&) = delete;
  SqliteFixture& operator=(const SqliteFixture&) = delete;

  Store& store() { return *store_; }
  SqliteStore& sqlite() { return *store_; }
  [[nodiscard]] std::string path() const { return folder_ + "/control.db"; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  void close() { store_.reset(); }
  void open() {
    auto opened = SqliteStore::open(path(), io::system_disk(), {.durable = false});
    ASSERT_TRUE(opened.has_value()) << opened.error().detail();
    store_ = *std::move(opened);
  }
  void reopen() {
    close();
    open();
  }
  // The files as a killed process leaves them, opened by the next one.
  void crash() {
    const std::string copy = folder_ + "/after-crash";
    std::filesystem::create_directories(copy);
    for (const char* suffix : {"", "-wal"}) {
      std::filesystem::copy_file(path() + suffix, copy + "/control.db" + suffix,
                                 std::filesystem::copy_options::overwrite_existing);
    }
    close();
    for (const char* suffix : {"", "-wal"}) {
      std::filesystem::copy_file(copy + "/control.db" + suffix, path() + suffix,
                                 std::filesystem::copy_options::overwrite_existing);
    }
    std::filesystem::remove(path() + "-shm");
    open();
  }

 private:
  std::string folder_;
  std::unique_ptr<SqliteStore> store_;
};

}  // namespace tdn::store
