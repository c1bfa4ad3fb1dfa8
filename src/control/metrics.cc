#include "control/metrics.h"

namespace tdn::control {
namespace {

constexpr MetricInfo kSyncs{"tdn_control_syncs_total", MetricKind::kCounter, "syncs",
                            "Syncs of edges by outcome."};
constexpr MetricInfo kRecords{"tdn_control_records_total", MetricKind::kCounter, "records",
                              "Usage records taken in; repeated ones were known already."};
constexpr MetricInfo kRecycled{"tdn_control_records_recycled_total", MetricKind::kCounter,
                               "records", "Records of a later version, kept and not rated."};
constexpr MetricInfo kChanges{"tdn_control_changes_total", MetricKind::kCounter, "changes",
                              "Changes of the catalogue."};
constexpr MetricInfo kSnapshots{"tdn_control_snapshots_total", MetricKind::kCounter, "snapshots",
                                "Snapshots published."};
constexpr MetricInfo kVersion{"tdn_control_snapshot_version", MetricKind::kGauge, "version",
                              "Version of the snapshot in force."};
constexpr MetricInfo kBytes{"tdn_control_snapshot_bytes", MetricKind::kGauge, "bytes",
                            "Bytes of all its sections."};
constexpr MetricInfo kWatches{"tdn_control_watches_total", MetricKind::kCounter, "watches",
                              "Watches that edges began."};
constexpr MetricInfo kCut{"tdn_control_watches_cut_total", MetricKind::kCounter, "watches",
                          "Watches that control ended: too slow, or replaced by a newer one."};
constexpr MetricInfo kConnected{"tdn_control_edges_connected", MetricKind::kGauge, "edges",
                                "Edges whose watch is open."};
constexpr MetricInfo kUnauthorised{"tdn_control_unauthorised_total", MetricKind::kCounter,
                                   "requests", "Requests without a token that is known."};
constexpr MetricInfo kWaiting{"tdn_store_waiting", MetricKind::kGauge, "operations",
                              "Operations that wait for the store."};
constexpr MetricInfo kOperations{"tdn_store_operations_total", MetricKind::kCounter, "operations",
                                 "Operations committed."};
constexpr MetricInfo kOverloaded{"tdn_store_refused_total", MetricKind::kCounter, "operations",
                                 "Operations refused because too many waited."};
constexpr MetricInfo kCommit{"tdn_store_commit_seconds", MetricKind::kHistogram, "seconds",
                             "From the begin of a transaction until it is durable."};

}  // namespace

void sample(const ControlMetrics& metrics, const Levels& levels,
            const store::Committer::Metrics& store, std::vector<Sample>& samples) {
  samples.push_back({kSyncs, {{"outcome", "taken"}}, metrics.syncs});
  for (std::size_t i = 0; i < kSyncFaults; ++i) {
    samples.push_back(
        {kSyncs,
         {{"outcome", std::string(protocol::to_string(static_cast<protocol::SyncFault>(i)))}},
         metrics.refusals[i]});
  }
  samples.push_back({kSyncs, {{"outcome", "malformed"}}, metrics.malformed_syncs});
  samples.push_back({kRecords, {{"kind", "new"}}, metrics.records});
  samples.push_back({kRecords, {{"kind", "repeated"}}, metrics.repeated});
  samples.push_back({kRecycled, {}, metrics.recycled});
  samples.push_back({kChanges, {}, metrics.changes});
  samples.push_back({kSnapshots, {}, metrics.snapshots});
  samples.push_back({kVersion, {}, static_cast<double>(levels.snapshot_version)});
  samples.push_back({kBytes, {}, static_cast<double>(levels.snapshot_bytes)});
  samples.push_back({kWatches, {}, metrics.watches});
  samples.push_back({kCut, {}, metrics.cut});
  samples.push_back({kConnected, {}, static_cast<double>(levels.connected)});
  samples.push_back({kUnauthorised, {}, metrics.unauthorised});
  samples.push_back({kWaiting, {}, static_cast<double>(levels.waiting)});
  samples.push_back({kOperations, {}, store.operations});
  samples.push_back({kOverloaded, {}, store.refused});
  samples.push_back({kCommit, {}, store.seconds});
}

}  // namespace tdn::control
