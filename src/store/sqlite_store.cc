#include "store/sqlite_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "base/assert.h"
#include "store/detail/parts.h"
#include "store/detail/schema.h"

namespace tdn::store {
namespace {

using detail::Database;

Result<void> make_tables(Database& db) {
  TDN_TRY_VOID(db.execute("BEGIN IMMEDIATE"));
  TDN_TRY_VOID(db.execute(detail::kTables));
  TDN_TRY_VOID(db.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                      detail::kApplicationId, detail::kSchema)
                              .c_str()));
  return db.execute("COMMIT");
}

Result<void> check_file(Database& db, const std::string& path) {
  TDN_TRY(const std::string application, db.value("PRAGMA application_id"));
  TDN_TRY(const std::string schema, db.value("PRAGMA user_version"));
  TDN_TRY(const std::string tables, db.value("SELECT count(*) FROM sqlite_schema"));
  if (tables == "0" && schema == "0") {
    return make_tables(db);
  }
  if (application != std::to_string(detail::kApplicationId)) {
    return fail(Code::kInvalid, fmt::format("{}: is no store of tdn; name another folder", path));
  }
  if (schema != std::to_string(detail::kSchema)) {
    return fail(Code::kInvalid,
                fmt::format("{}: has schema {}, this version knows {}; use the version of tdn that "
                            "wrote it",
                            path, schema, detail::kSchema));
  }
  TDN_TRY(const std::string whole, db.value("PRAGMA quick_check(1)"));
  if (whole != "ok") {
    return fail(Code::kCorrupt,
                fmt::format("{}: damaged ({}); restore it from a backup", path, whole));
  }
  return {};
}

Result<void> set_up(Database& db, const std::string& path, const SqliteOptions& options) {
  TDN_TRY_VOID(
      db.execute("PRAGMA busy_timeout = 2000; PRAGMA mmap_size = 0;"
                 "PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY"));
  TDN_TRY(const std::string mode, db.value("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return fail(Code::kUnavailable,
                fmt::format("{}: this file system has no shared memory for SQLite's log; use a "
                            "folder on a local disk",
                            path));
  }
  TDN_TRY_VOID(db.execute("PRAGMA wal_autocheckpoint = 0"));
  return db.execute(options.durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF");
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path, io::Disk& disk,
                                                       const SqliteOptions& options) {
  auto lock = disk.lock(path + ".lock");
  if (!lock) {
    return fail(lock.error().with(fmt::format("{} has another owner", path)));
  }
  // Made here, so that it and SQLite's files beside it are their owner's alone.
  TDN_TRY_VOID(disk.open(path, io::OpenMode::kCreate).map([](const auto&) {}));
  auto parts = std::make_unique<Parts>();
  parts->lock = *std::move(lock);
  TDN_TRY_VOID(parts->db.open(path));
  TDN_TRY_VOID(set_up(parts->db, path, options));
  TDN_TRY_VOID(check_file(parts->db, path));
  sqlite3_wal_hook(
      parts->db.handle(),
      [](void* pages, sqlite3*, const char*, int count) {
        *static_cast<int*>(pages) = count;
        return SQLITE_OK;
      },
      &parts->log_pages);
  parts->sql.emplace(parts->db);
  TDN_TRY_VOID(parts->db.check());
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(parts)));
}

SqliteStore::SqliteStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

SqliteStore::~SqliteStore() {
  roll_back();
  if (!parts_->db.failure()) {
    [[maybe_unused]] const Result<void> taken = parts_->db.checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
  }
}

int SqliteStore::log_pages() const { return parts_->log_pages; }

const Error* SqliteStore::failure() const {
  return parts_->db.failure() ? &*parts_->db.failure() : nullptr;
}

Result<void> SqliteStore::begin() {
  TDN_ASSERT(!parts_->open);
  TDN_TRY_VOID(parts_->sql->begin.reset().run());
  parts_->open = true;
  return {};
}

Result<void> SqliteStore::commit() {
  TDN_ASSERT(parts_->open);
  TDN_TRY_VOID(parts_->sql->commit.reset().run());
  parts_->open = false;
  if (parts_->log_pages >= kCheckpointPages) {
    TDN_TRY_VOID(parts_->db.checkpoint(SQLITE_CHECKPOINT_PASSIVE));
  }
  return {};
}

void SqliteStore::roll_back() {
  if (parts_->open) {
    parts_->open = false;
    parts_->numbers.clear();
    if (!parts_->db.failure()) {
      [[maybe_unused]] const Result<void> undone = parts_->sql->roll_back.reset().run();
    }
  }
}

Result<void> SqliteStore::savepoint() {
  TDN_ASSERT(parts_->open);
  return parts_->sql->savepoint.reset().run();
}

Result<void> SqliteStore::release() { return parts_->sql->release.reset().run(); }

Result<void> SqliteStore::undo() {
  parts_->numbers.clear();
  TDN_TRY_VOID(parts_->sql->undo.reset().run());
  return parts_->sql->release.reset().run();
}

Result<StateRow> SqliteStore::state() {
  detail::Statement& sql = parts_->sql->state.reset();
  StateRow state;
  if (sql.step()) {
    state = {.network = sql.uid(0),
             .control_epoch = sql.count(1),
             .version = sql.count(2),
             .snapshot_envelope = std::string(sql.text(3))};
  }
  sql.reset();
  TDN_TRY_VOID(parts_->db.check());
  return state;
}

Result<void> SqliteStore::put_state(const StateRow& state) {
  return parts_->sql->put_state.reset()
      .bind(state.network)
      .bind(state.control_epoch)
      .bind(state.version)
      .bind(std::string_view(state.snapshot_envelope))
      .run();
}

Result<void> SqliteStore::put_object(const ObjectRow& object) {
  const std::string parts = detail::parts_to_text(object.identity.parts);
  return parts_->sql->put_object.reset()
      .bind(std::string_view(object.kind))
      .bind(std::string_view(object.name))
      .bind(object.identity.uid)
      .bind(object.identity.revision.version)
      .bind(std::string_view(object.identity.revision.digest))
      .bind(std::string_view(parts))
      .bind(std::string_view(object.document))
      .run();
}

Result<void> SqliteStore::remove_object(std::string_view kind, std::string_view name) {
  return parts_->sql->remove_object.reset().bind(kind).bind(name).run();
}

Result<void> SqliteStore::visit_objects(const Visit<ObjectRow>& visit) {
  detail::Statement& sql = parts_->sql->objects.reset();
  while (sql.step()) {
    const ObjectRow row{
        .kind = std::string(sql.text(0)),
        .name = std::string(sql.text(1)),
        .identity = {.uid = sql.uid(2),
                     .revision = {.version = sql.count(3), .digest = std::string(sql.text(4))},
                     .parts = detail::parts_of_text(sql.text(5))},
        .document = std::string(sql.text(6))};
    if (!visit(row)) {
      break;
    }
  }
  sql.reset();
  return parts_->db.check();
}

Result<void> SqliteStore::add_former(const domain::FormerObject& object) {
  TDN_TRY_VOID(parts_->sql->add_former.reset()
                   .bind(std::string_view(object.kind))
                   .bind(std::string_view(object.name))
                   .bind(object.uid)
                   .run());
  return parts_->sql->trim_former.reset()
      .bind(std::uint64_t{domain::Identities::kMostFormer})
      .run();
}

Result<void> SqliteStore::visit_former(const Visit<domain::FormerObject>& visit) {
  detail::Statement& sql = parts_->sql->former.reset();
  while (sql.step() && visit({std::string(sql.text(0)), std::string(sql.text(1)), sql.uid(2)})) {
  }
  sql.reset();
  return parts_->db.check();
}

}  // namespace tdn::store
