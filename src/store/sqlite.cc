#include "store/detail/sqlite.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace tdn::store::detail {

Statement::Statement(Database& database, const char* sql) : database_(database) {
  check(sqlite3_prepare_v3(database.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_,
                           nullptr));
}

Statement::~Statement() { sqlite3_finalize(statement_); }

void Statement::check(int code) {
  if (code != SQLITE_OK) {
    database_.fail_with("working");
  }
}

Statement& Statement::reset() {
  sqlite3_reset(statement_);
  parameter_ = 0;
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  check(sqlite3_bind_text64(statement_, ++parameter_, text.data() == nullptr ? "" : text.data(),
                            text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind(ByteView bytes) {
  static constexpr std::uint8_t kNothing = 0;
  check(sqlite3_bind_blob64(statement_, ++parameter_, bytes.empty() ? &kNothing : bytes.data(),
                            bytes.size(), SQLITE_STATIC));
  return *this;
}

Statement& Statement::bind(std::int64_t number) {
  check(sqlite3_bind_int64(statement_, ++parameter_, number));
  return *this;
}

Statement& Statement::bind_null() {
  check(sqlite3_bind_null(statement_, ++parameter_));
  return *this;
}

bool Statement::step() {
  if (database_.failure()) {
    return false;
  }
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    database_.fail_with("working");
  }
  return code == SQLITE_ROW;
}

Result<void> Statement::run() {
  TDN_TRY_VOID(database_.check());
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_ROWID ||
      code == SQLITE_CONSTRAINT_UNIQUE) {
    sqlite3_reset(statement_);
    return fail(Code::kConflict, "a row of that key is there already");
  }
  if (code != SQLITE_DONE) {
    database_.fail_with("writing");
  }
  sqlite3_reset(statement_);
  return database_.check();
}

std::string_view Statement::text(int column) const { return text_of(bytes(column)); }

ByteView Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return {static_cast<const std::uint8_t*>(data), data == nullptr ? 0 : size};
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_, column);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Uid Statement::uid(int column) const {
  Uid uid;
  const ByteView stored = bytes(column);
  if (stored.size() == uid.bytes.size()) {
    std::ranges::copy(stored, uid.bytes.begin());
  }
  return uid;
}

Database::~Database() { sqlite3_close_v2(handle_); }

Result<void> Database::open(const std::string& path) {
  path_ = path;
  const int code = sqlite3_open_v2(
      path.c_str(), &handle_,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  if (code != SQLITE_OK) {
    fail_with("opening it");
  }
  return check();
}

Result<void> Database::execute(const char* sql) {
  TDN_TRY_VOID(check());
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail_with("working");
  }
  return check();
}

Result<std::string> Database::value(const char* sql) {
  Statement statement(*this, sql);
  std::string result;
  if (statement.step()) {
    result = statement.text(0);
  }
  TDN_TRY_VOID(check());
  return result;
}

Result<void> Database::checkpoint(int mode) {
  TDN_TRY_VOID(check());
  const int code = sqlite3_wal_checkpoint_v2(handle_, nullptr, mode, nullptr, nullptr);
  if (code != SQLITE_OK && code != SQLITE_BUSY) {  // busy: somebody reads; the next one does it
    fail_with("taking over its log");
  }
  return check();
}

Result<void> Database::check() const {
  if (failure_) [[unlikely]] {
    return fail(*failure_);
  }
  return {};
}

void Database::fail_with(std::string_view doing) {
  if (failure_) {
    return;
  }
  const int code = handle_ == nullptr ? SQLITE_NOMEM : sqlite3_errcode(handle_);
  const char* reason = handle_ == nullptr ? "no memory" : sqlite3_errmsg(handle_);
  const bool damaged = (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
  const Code kind = (code & 0xff) == SQLITE_FULL ? Code::kNoSpace
                    : damaged                    ? Code::kCorrupt
                                                 : Code::kUnavailable;
  failure_.emplace(kind, fmt::format("{}: {} while {}{}", path_, reason, doing,
                                     damaged ? "; restore it from a backup" : ""));
}

}  // namespace tdn::store::detail
