// Control's logic: what each request comes to, as plain functions over a transaction. No sockets,
// no waiting; time and randomness come in. Who calls them one at a time, each in a savepoint that
// is undone if it fails (store/committer.h), needs no more care.
//
// Belongs to the store's thread. What it gives out is a value or immutable.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/secret.h"
#include "codec/ed25519.h"
#include "control/catalogue.h"
#include "control/ingest.h"
#include "control/network_clock.h"
#include "control/network_secrets.h"
#include "control/publisher.h"
#include "meter/usage_report.h"

namespace tdn::control {

// A change of the catalogue, or what one would come to.
struct Changed {
  std::vector<Outcome> results;
  Snapshot snapshot;  // in force with it
  bool published = false;
};

struct Issued {
  Secret key;  // the only time that it is seen
  std::string id;
  Changed changed;
};

// One object, ready to be shown but for its status.
struct Shown {
  domain::Kind kind = domain::Kind::kZone;
  std::string name;
  Uid uid;
  std::string document;
};

// A site and the edge that stands there, if one ever joined.
struct SiteBooks {
  std::string site;
  bool in_catalogue = true;
  std::string state;  // active, cordoned, draining
  std::optional<store::EdgeRow> edge;
  std::uint64_t acked = 0;  // of the epoch that is being written
  struct Endpoint {
    std::string name;
    Uid uid;
  };
  std::vector<Endpoint> endpoints;
};

struct UsageAnswer {
  meter::UsageReport report;  // without what concerns completeness
  std::vector<SiteBooks> sites;
};

struct SyncAnswer {
  std::variant<protocol::SyncReply, protocol::SyncRefusal> answer;
  Taken taken;
  // An edge told of a snapshot of later order than ours: control was restored, and this is what was
  // published above it.
  Snapshot published;
  Uid network;
};

struct CoreOptions {
  const Clock* clock = nullptr;  // thread-safe, like the next
  Random* random = nullptr;
  codec::Ed25519Key signing_key;
  std::vector<NetworkSecret> network_secrets;
  codec::Digest user_secret{};  // what edges hash users with
  // What was published last, as remembered outside the store; none: nothing is remembered.
  std::optional<protocol::SnapshotOrder> remembered;
  bool new_epoch = false;                                   // begin a new control epoch in any case
  std::uint64_t valid_for_s = protocol::kDefaultValidForS;  // of snapshots, without contact
};

class Core {
 public:
  static constexpr std::size_t kLiveSecrets = 2;

  // Reads the store; in a transaction of its own. A store that is older than what is remembered, or
  // that has content while nothing is remembered, was restored: a new control epoch begins.
  [[nodiscard]] static Result<std::unique_ptr<Core>> open(store::Transaction& transaction,
                                                          CoreOptions options);

  [[nodiscard]] const Snapshot& snapshot() const { return snapshot_; }

  [[nodiscard]] Result<Changed> apply(store::Transaction& transaction,
                                      std::span<const domain::Source> sources, bool dry_run);
  // All or none; what is not there is passed over, unless nothing of it is (kNotFound).
  [[nodiscard]] Result<Changed> remove(store::Transaction& transaction,
                                       std::span<const ObjectName> objects);
  // Makes the Key if its project exists.
  [[nodiscard]] Result<Issued> issue(store::Transaction& transaction, const std::string& key);
  // One secret, or all if `id` is empty. kNotFound.
  [[nodiscard]] Result<Changed> revoke(store::Transaction& transaction, const std::string& key,
                                       const std::string& id);

  [[nodiscard]] std::vector<Shown> list(domain::Kind kind) const;
  [[nodiscard]] Result<Shown> get(const ObjectName& object) const;
  [[nodiscard]] Result<UsageAnswer> usage(store::Transaction& transaction,
                                          const std::vector<meter::Dimension>& by) const;
  [[nodiscard]] Result<std::vector<SiteBooks>> sites(store::Transaction& transaction) const;
  [[nodiscard]] std::string name_in_bill(std::string_view kind, const Uid& uid) const;
  [[nodiscard]] Result<std::vector<meter::UsageReport::SetAside>> set_aside(
      store::Transaction& transaction) const;

  [[nodiscard]] Result<SyncAnswer> sync(store::Transaction& transaction, const std::string& site,
                                        const protocol::SyncRequest& request);
  void set_network_secrets(std::vector<NetworkSecret> secrets) {
    options_.network_secrets = std::move(secrets);
  }

 private:
  Core(CoreOptions options, Catalogue catalogue, const store::StateRow& state)
      : options_(std::move(options)),
        catalogue_(std::move(catalogue)),
        publisher_(options_.signing_key, options_.valid_for_s),
        network_clock_(*options_.clock),
        state_(state) {}
  [[nodiscard]] Result<void> start(store::Transaction& transaction);
  [[nodiscard]] bool is_restored() const;
  [[nodiscard]] Change next_change() const;
  [[nodiscard]] Result<void> publish(store::Transaction& transaction, const Change& change,
                                     const Dirty& dirty);
  [[nodiscard]] Result<void> keep_secrets(
      std::vector<domain::Object<domain::KeySpec>>& applied) const;
  [[nodiscard]] Result<Changed> apply_manifests(store::Transaction& transaction,
                                                domain::Manifests manifests, bool dry_run);
  [[nodiscard]] bool is_credible(const protocol::SnapshotOrder& reported) const;
  [[nodiscard]] Result<void> overtake(store::Transaction& transaction,
                                      const protocol::SnapshotOrder& reported);
  [[nodiscard]] Result<void> read_roster(store::Transaction& transaction);
  // Network time as an edge has it.
  void hear(const std::string& site, std::uint64_t network_time_ms);

  CoreOptions options_;
  Catalogue catalogue_;
  Publisher publisher_;
  NetworkClock network_clock_;
  store::StateRow state_;
  Snapshot snapshot_;
  std::vector<protocol::PeerEdge> roster_;  // the newest edge of each site
};

}  // namespace tdn::control
