// The tables of control.db, version kSchema.
#pragma once

namespace tdn::store::detail {

inline constexpr int kApplicationId = 0x54444e43;  // "TDNC"
inline constexpr int kSchema = 1;

// Logs are numbered, and a record's id is its log's number · 2⁴⁰ + seq: unique by construction, and
// records of one log are appended side by side.
inline constexpr const char* kTables = R"(
CREATE TABLE state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  network BLOB NOT NULL,
  control_epoch INTEGER NOT NULL,
  version INTEGER NOT NULL,
  snapshot_envelope TEXT NOT NULL
) STRICT;
CREATE TABLE objects (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  uid BLOB NOT NULL,
  version INTEGER NOT NULL,
  digest TEXT NOT NULL,
  parts TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE former (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  uid BLOB NOT NULL
) STRICT;
CREATE TABLE edges (
  joined INTEGER PRIMARY KEY AUTOINCREMENT,
  uid BLOB NOT NULL UNIQUE,
  site TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  boot BLOB NOT NULL,
  n INTEGER NOT NULL,
  former_boots BLOB NOT NULL,
  suspect_boot BLOB NOT NULL,
  suspect_n INTEGER NOT NULL,
  quarantine TEXT NOT NULL,
  complete_through INTEGER,
  last_sync INTEGER NOT NULL
) STRICT;
CREATE TABLE logs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  edge INTEGER NOT NULL REFERENCES edges (joined),
  epoch INTEGER NOT NULL,
  log BLOB NOT NULL,
  acked INTEGER NOT NULL,
  last_hash BLOB NOT NULL,
  rolled_back INTEGER NOT NULL,
  UNIQUE (edge, epoch)
) STRICT;
CREATE TABLE records (
  id INTEGER PRIMARY KEY,
  recycled INTEGER NOT NULL,
  record BLOB NOT NULL,
  tenant_annex BLOB NOT NULL,
  operator_annex BLOB NOT NULL
) STRICT;
CREATE TABLE usage (
  attribution INTEGER NOT NULL,
  tenant BLOB NOT NULL,
  project BLOB NOT NULL,
  key BLOB NOT NULL,
  model BLOB NOT NULL,
  site BLOB NOT NULL,
  endpoint BLOB NOT NULL,
  currency TEXT NOT NULL,
  user BLOB NOT NULL,
  tags TEXT NOT NULL,
  requests INTEGER NOT NULL,
  input INTEGER NOT NULL,
  cached_input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  amount_high INTEGER NOT NULL,
  amount_low INTEGER NOT NULL,
  PRIMARY KEY (attribution, tenant, project, key, model, site, endpoint, currency, user, tags)
) STRICT, WITHOUT ROWID;
)";

}  // namespace tdn::store::detail
