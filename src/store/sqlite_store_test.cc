// What only the store in a file does.
#include "store/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>

#include "store/test_stores.h"

namespace tdn::store {
namespace {

Result<std::unique_ptr<SqliteStore>> open(const std::string& path) {
  return SqliteStore::open(path, io::system_disk(), {.durable = false});
}

TEST(SqliteStore, HasOneOwner) {
  SqliteFixture fixture;
  const auto second = open(fixture.path());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Code::kInvalid);
  EXPECT_THAT(second.error().detail(), testing::HasSubstr("control.db has another owner"));
  fixture.close();
  EXPECT_TRUE(open(fixture.path()).has_value());
}

TEST(SqliteStore, IsReadableByItsOwnerAlone) {
  const SqliteFixture fixture;
  for (const char* suffix : {"", "-wal", ".lock"}) {
    const auto mode = std::filesystem::status(fixture.path() + suffix).permissions();
    EXPECT_EQ(mode & std::filesystem::perms::all,
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
        << suffix;
  }
}

TEST(SqliteStore, TakesNoFileThatIsNotItsOwn) {
  SqliteFixture fixture;
  fixture.close();
  std::ofstream(fixture.folder() + "/text.db") << std::string(8192, 'x');
  const auto text = open(fixture.folder() + "/text.db");
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().code(), Code::kCorrupt) << text.error().detail();

  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open((fixture.folder() + "/other.db").c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "CREATE TABLE t (a)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  const auto foreign = open(fixture.folder() + "/other.db");
  ASSERT_FALSE(foreign.has_value());
  EXPECT_THAT(foreign.error().detail(), testing::HasSubstr("is no store of tdn"));
}

TEST(SqliteStore, TakesNoSchemaOfALaterVersion) {
  SqliteFixture fixture;
  fixture.close();
  sqlite3* later = nullptr;
  ASSERT_EQ(sqlite3_open(fixture.path().c_str(), &later), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(later, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(later);
  const auto opened = open(fixture.path());
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().detail(), testing::HasSubstr("has schema 99"));
  ASSERT_EQ(sqlite3_open(fixture.path().c_str(), &later), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(later, "PRAGMA user_version = 1", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(later);
}

TEST(SqliteStore, TellsADamagedFileAtStart) {
  SqliteFixture fixture;
  Store& store = fixture.store();
  ASSERT_TRUE(store.begin());
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(store.put_object({.kind = "Key",
                                  .name = std::to_string(i),
                                  .identity = {},
                                  .document = std::string(200, 'd')}));
  }
  ASSERT_TRUE(store.commit());
  fixture.close();
  {
    std::fstream file(fixture.path(), std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 20; page < 30; ++page) {
      file.seekp(page * 4096);
      file << std::string(300, '\xff');
    }
  }
  const auto opened = open(fixture.path());
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), Code::kCorrupt);
  EXPECT_THAT(opened.error().detail(), testing::HasSubstr("restore it from a backup"));
}

TEST(SqliteStore, TakesItsLogOverByItself) {
  SqliteFixture fixture;
  Store& store = fixture.store();
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(store.begin());
    for (int j = 0; j < 100; ++j) {
      ASSERT_TRUE(store.put_object({.kind = "Key",
                                    .name = std::to_string(i * 100 + j),
                                    .identity = {},
                                    .document = std::string(3000, 'd')}));
    }
    ASSERT_TRUE(store.commit());
  }
  EXPECT_GT(std::filesystem::file_size(fixture.path()), 1U << 20U);  // some were taken over
  EXPECT_LT(fixture.sqlite().log_pages(), 2 * SqliteStore::kCheckpointPages);
}

TEST(SqliteStore, MayBeReadByOthersMeanwhile) {
  SqliteFixture fixture;
  Store& store = fixture.store();
  ASSERT_TRUE(store.begin());
  ASSERT_TRUE(store.put_object({.kind = "Key", .name = "a", .identity = {}, .document = ""}));
  ASSERT_TRUE(store.commit());
  ASSERT_TRUE(store.begin());
  ASSERT_TRUE(store.put_object({.kind = "Key", .name = "b", .identity = {}, .document = ""}));
  sqlite3* reader = nullptr;
  ASSERT_EQ(sqlite3_open_v2(fixture.path().c_str(), &reader, SQLITE_OPEN_READONLY, nullptr),
            SQLITE_OK);
  sqlite3_stmt* count = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(reader, "SELECT count(*) FROM objects", -1, &count, nullptr),
            SQLITE_OK);
  ASSERT_EQ(sqlite3_step(count), SQLITE_ROW);
  EXPECT_EQ(sqlite3_column_int(count, 0), 1);
  ASSERT_TRUE(store.commit());  // a reader holds nothing up
  sqlite3_finalize(count);
  sqlite3_close(reader);
}

}  // namespace
}  // namespace tdn::store
