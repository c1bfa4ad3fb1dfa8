// Every statement that the store runs, prepared once.
#pragma once

#include "store/detail/sqlite.h"

namespace tdn::store::detail {

struct Statements {
  explicit Statements(Database& database) : db(database) {}
  Database& db;

  Statement begin{db, "BEGIN IMMEDIATE"};
  Statement commit{db, "COMMIT"};
  Statement roll_back{db, "ROLLBACK"};
  Statement savepoint{db, "SAVEPOINT operation"};
  Statement release{db, "RELEASE operation"};
  Statement undo{db, "ROLLBACK TO operation"};

  Statement state{db, "SELECT network, control_epoch, version, snapshot_envelope FROM state"};
  Statement put_state{db,
                      "INSERT OR REPLACE INTO state (one, network, control_epoch, version, "
                      "snapshot_envelope) VALUES (1, ?, ?, ?, ?)"};

  Statement put_object{db,
                       "INSERT OR REPLACE INTO objects (kind, name, uid, version, digest, parts, "
                       "document) VALUES (?, ?, ?, ?, ?, ?, ?)"};
  Statement remove_object{db, "DELETE FROM objects WHERE kind = ? AND name = ?"};
  Statement objects{db,
                    "SELECT kind, name, uid, version, digest, parts, document FROM objects "
                    "ORDER BY kind, name"};

  Statement add_former{db, "INSERT INTO former (kind, name, uid) VALUES (?, ?, ?)"};
  Statement trim_former{db,
                        "DELETE FROM former WHERE number <= (SELECT max(number) FROM former) - ?"};
  Statement former{db, "SELECT kind, name, uid FROM former ORDER BY number"};

  Statement edge{db,
                 "SELECT joined, uid, site, epoch, boot, n, former_boots, quarantine, "
                 "complete_through, last_sync, suspect_boot, suspect_n FROM edges WHERE uid = ?"};
  Statement edges{
      db,
      "SELECT joined, uid, site, epoch, boot, n, former_boots, quarantine, "
      "complete_through, last_sync, suspect_boot, suspect_n FROM edges ORDER BY joined"};
  Statement put_edge{db,
                     "INSERT INTO edges (uid, site, epoch, boot, n, former_boots, quarantine, "
                     "complete_through, last_sync, suspect_boot, suspect_n) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
                     "ON CONFLICT (uid) DO UPDATE SET site = ?2, epoch = ?3, boot = ?4, n = ?5, "
                     "former_boots = ?6, quarantine = ?7, complete_through = ?8, last_sync = ?9, "
                     "suspect_boot = ?10, suspect_n = ?11"};

  Statement log{db,
                "SELECT logs.number, logs.log, logs.acked, logs.last_hash, logs.rolled_back "
                "FROM logs JOIN edges ON edges.joined = logs.edge "
                "WHERE edges.uid = ? AND logs.epoch = ?"};
  Statement put_log{db,
                    "INSERT INTO logs (edge, epoch, log, acked, last_hash, rolled_back) "
                    "SELECT joined, ?2, ?3, ?4, ?5, ?6 FROM edges WHERE uid = ?1 "
                    "ON CONFLICT (edge, epoch) DO UPDATE SET log = ?3, acked = ?4, "
                    "last_hash = ?5, rolled_back = ?6"};

  Statement append_record{db,
                          "INSERT INTO records (id, recycled, record, tenant_annex, "
                          "operator_annex) VALUES (?, ?, ?, ?, ?)"};
  Statement records{db,
                    "SELECT id, recycled, record, tenant_annex, operator_annex FROM records "
                    "WHERE id >= ? AND id <= ? ORDER BY id"};

  Statement cell{db,
                 "SELECT requests, input, cached_input, output, amount_high, amount_low FROM usage "
                 "WHERE attribution = ? AND tenant = ? AND project = ? AND key = ? AND model = ? "
                 "AND site = ? AND endpoint = ? AND currency = ? AND user = ? AND tags = ?"};
  Statement put_cell{db,
                     "INSERT OR REPLACE INTO usage (attribution, tenant, project, key, model, "
                     "site, endpoint, currency, user, tags, requests, input, cached_input, output, "
                     "amount_high, amount_low) "
                     "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
  Statement cells{db,
                  "SELECT tenant, project, key, model, site, endpoint, currency, user, tags, "
                  "requests, input, cached_input, output, amount_high, amount_low FROM usage "
                  "WHERE attribution = ?"};
};

}  // namespace tdn::store::detail
