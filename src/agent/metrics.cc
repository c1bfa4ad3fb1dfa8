#include <chrono>

#include "agent/agent.h"

namespace tdn::agent {
namespace {

constexpr MetricInfo kConnected{"tdn_control_connected", MetricKind::kGauge, "connections",
                                "1 while control answers this edge's syncs."};
constexpr MetricInfo kAge{
    "tdn_control_age_seconds", MetricKind::kGauge, "seconds",
    "Since control last confirmed the snapshot in force; -1 if it never did."};
constexpr MetricInfo kSyncs{"tdn_syncs_total", MetricKind::kCounter, "syncs",
                            "Syncs that control took."};
constexpr MetricInfo kFailedSyncs{"tdn_syncs_failed_total", MetricKind::kCounter, "syncs",
                                  "Syncs that failed or were refused."};
constexpr MetricInfo kSyncTook{"tdn_sync_seconds", MetricKind::kGauge, "seconds",
                               "How long the last answer to a sync took."};
constexpr MetricInfo kWaiting{"tdn_unacknowledged_records", MetricKind::kGauge, "records",
                              "Settled records that control has not acknowledged."};
constexpr MetricInfo kStopped{"tdn_uploads_stopped", MetricKind::kGauge, "edges",
                              "1 while usage is not uploaded until an operator has looked."};
constexpr MetricInfo kEpoch{"tdn_snapshot_control_epoch", MetricKind::kGauge, "epochs",
                            "Control's epoch of the snapshot in force."};
constexpr MetricInfo kVersion{"tdn_snapshot_version", MetricKind::kGauge, "versions",
                              "Version of the snapshot in force."};
constexpr MetricInfo kFresh{"tdn_snapshot_fresh", MetricKind::kGauge, "snapshots",
                            "1 while the snapshot may be served from."};
constexpr MetricInfo kTaken{"tdn_snapshots_taken_total", MetricKind::kCounter, "snapshots",
                            "Snapshots taken into use since start."};
constexpr MetricInfo kRefused{"tdn_snapshots_refused_total", MetricKind::kCounter, "snapshots",
                              "Snapshots refused since start; the log says why."};
constexpr MetricInfo kSections{"tdn_snapshot_sections_fetched_total", MetricKind::kCounter,
                               "sections", "Sections of snapshots fetched from control."};

}  // namespace

std::vector<Sample> Agent::samples() const {
  const Instant now = parts_.clock.now();
  const Duration age = freshness_.age(now);
  const double age_s = age == Duration::max() ? -1 : std::chrono::duration<double>(age).count();
  const SnapshotKeeper::Counters& snapshots = keeper_.counters();
  std::vector<Sample> samples;
  const auto add = [&](const MetricInfo& info, double value) {
    samples.emplace_back(info, MetricLabels{}, value);
  };
  add(kConnected, connected_ ? 1 : 0);
  add(kAge, age_s);
  add(kSyncs, static_cast<double>(syncs_));
  add(kFailedSyncs, static_cast<double>(failed_syncs_));
  add(kSyncTook, std::chrono::duration<double>(last_took_).count());
  add(kWaiting, static_cast<double>(uploader_.unacknowledged()));
  add(kStopped, uploader_.stopped() ? 1 : 0);
  add(kEpoch, static_cast<double>(keeper_.order().control_epoch));
  add(kVersion, static_cast<double>(keeper_.order().version));
  add(kFresh, fresh() ? 1 : 0);
  add(kTaken, static_cast<double>(snapshots.taken));
  add(kRefused, static_cast<double>(snapshots.refused));
  add(kSections, static_cast<double>(snapshots.sections_fetched));
  return samples;
}

}  // namespace tdn::agent
