// The few calls of SQLite that the store needs, with errors as values. One connection, one thread.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/uid.h"

namespace tdn::store::detail {

class Database;

// A prepared statement, used over and over. Parameters and columns count from 0. What `step` says
// may be ignored until `failed()` of the database is asked: after a failure nothing more is done.
class Statement {
 public:
  Statement(Database& database, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Starts over; before each use.
  Statement& reset();
  // Views must last until `step` is done.
  Statement& bind(std::string_view text);
  Statement& bind(ByteView bytes);
  Statement& bind(const Uid& uid) { return bind(ByteView(uid.bytes)); }
  Statement& bind(std::int64_t number);
  Statement& bind(std::uint64_t number) { return bind(static_cast<std::int64_t>(number)); }
  Statement& bind(std::uint32_t number) { return bind(static_cast<std::int64_t>(number)); }
  Statement& bind_null();

  // Whether there is a row.
  [[nodiscard]] bool step();
  // For statements without rows. kConflict if a row of that key is there already.
  [[nodiscard]] Result<void> run();

  // Of the row that `step` came to; views last until the next call.
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] ByteView bytes(int column) const;
  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] std::uint64_t count(int column) const {
    return static_cast<std::uint64_t>(number(column));
  }
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] Uid uid(int column) const;

 private:
  void check(int code);

  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
  int parameter_ = 0;
};

class Database {
 public:
  Database() = default;
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  [[nodiscard]] Result<void> open(const std::string& path);
  // Statements without parameters and results.
  [[nodiscard]] Result<void> execute(const char* sql);
  // The first column of the first row.
  [[nodiscard]] Result<std::string> value(const char* sql);
  // Takes what the log holds over into the file.
  [[nodiscard]] Result<void> checkpoint(int mode);

  // The first failure; stays.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }
  [[nodiscard]] Result<void> check() const;
  void fail_with(std::string_view doing);
  [[nodiscard]] sqlite3* handle() { return handle_; }

 private:
  std::string path_;
  sqlite3* handle_ = nullptr;
  std::optional<Error> failure_;
};

}  // namespace tdn::store::detail
