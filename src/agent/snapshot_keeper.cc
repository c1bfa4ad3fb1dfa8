#include "agent/snapshot_keeper.h"

#include <fmt/format.h>

#include <chrono>

#include "base/fail_point.h"
#include "base/log.h"

namespace tdn::agent {
namespace {

using namespace std::chrono_literals;
using protocol::SnapshotManifest;

constexpr Duration kRetry = 2s;  // after what may pass: control away, disk full

// Refused for good, or worth another try.
bool may_pass(Code code) {
  return code != Code::kInvalid && code != Code::kCorrupt && code != Code::kCancelled &&
         code != Code::kWrongSite;
}

Result<io::Done> done(const Result<void>& result) {
  return result.map([] { return io::Done{}; });
}

}  // namespace

SnapshotKeeper::SnapshotKeeper(const KeeperParts& parts, std::string site, std::string state_dir,
                               std::function<void()> changed)
    : parts_(parts),
      site_(std::move(site)),
      changed_(std::move(changed)),
      content_(std::make_shared<protocol::SnapshotContent>(std::move(state_dir))) {}

io::Task<bool> SnapshotKeeper::start() {
  Result<std::optional<StoredSnapshot>> stored = parts_.store.current();
  if (stored && !*stored) {
    co_return false;
  }
  Result<void> outcome = stored.map([](const auto&) {});
  if (stored) {
    outcome = co_await put_into_use(**std::move(stored), false);
  }
  if (!outcome) {
    log_error("agent", "the snapshot on disk cannot be used; waiting for control's",
              {{"reason", outcome.error().detail()}});
    co_return false;
  }
  log_info("agent", "serving from the snapshot on disk", {{"snapshot", to_string(order_)}});
  co_return true;
}

void SnapshotKeeper::offer(std::string envelope) {
  newest_ = envelope;
  offered_ = std::move(envelope);
  arrived_.set();
}

io::Task<> SnapshotKeeper::run() {
  while (co_await arrived_.wait() == io::Wake::kReady) {
    while (offered_) {
      std::string envelope = *std::move(offered_);
      offered_.reset();
      if (envelope == refused_envelope_ || (envelope == current_ && refused_.empty())) {
        continue;
      }
      const bool known = envelope == current_;  // control came back to it
      Result<void> taken = known ? Result<void>() : co_await take(envelope);
      if (taken) {
        refused_.clear();
        refused_envelope_.clear();
        site_is_gone_ = false;
        counters_.taken += known ? 0 : 1;
        changed_();
        continue;
      }
      if (taken.error().code() == Code::kCancelled) {
        co_return;
      }
      ++counters_.refused;
      refused_ = taken.error().detail();
      // Only a snapshot that has it brings it back: whatever else is wrong with a later one.
      site_is_gone_ = site_is_gone_ || taken.error().code() == Code::kWrongSite;
      log_error("agent", "a snapshot was refused; the former one stays in force",
                {{"current", to_string(order_)}, {"reason", refused_}});
      changed_();
      if (!may_pass(taken.error().code())) {
        refused_envelope_ = std::move(envelope);
        continue;
      }
      if (co_await io::sleep_for(kRetry) == io::Wake::kCancelled) {
        co_return;
      }
      if (!offered_) {
        offered_ = std::move(envelope);
      }
    }
  }
}

Result<SnapshotManifest> SnapshotKeeper::examine(std::string_view envelope) {
  const Trust& trust = parts_.store.trust();
  TDN_TRY(SnapshotManifest manifest, protocol::open_snapshot_envelope(envelope, trust.keys));
  const std::string name = to_string(manifest.order);
  if (trust.network && *trust.network != manifest.network) {
    return fail(Code::kInvalid,
                fmt::format("{}: it is of network {}, this edge belongs to {}", name,
                            to_string(manifest.network), to_string(*trust.network)));
  }
  if (manifest.audience != protocol::kEveryEdge && manifest.audience != "site/" + site_) {
    return fail(Code::kInvalid, fmt::format("{}: it is for `{}`, this is the edge of site {}", name,
                                            manifest.audience, site_));
  }
  if (manifest.order < order_ && parts_.bug != PlantedBug::kStaleSnapshotAccepted) {
    return fail(Code::kInvalid,
                fmt::format("{}: it is older than {}, which is in force", name, to_string(order_)));
  }
  if (manifest.order == order_) {
    return fail(Code::kInvalid,
                fmt::format("{}: another snapshot of this number is in force", name));
  }
  return manifest;
}

io::Task<Result<void>> SnapshotKeeper::take(std::string envelope) {
  TDN_CO_TRY(SnapshotManifest manifest, examine(envelope));
  const std::string name = to_string(manifest.order);
  Result<void> outcome = co_await fetch_missing(manifest);
  if (outcome) {
    fail_point("agent.after_fetch");
    StoredSnapshot stored{std::move(envelope), std::move(manifest)};
    outcome = co_await put_into_use(std::move(stored), true);
  }
  if (!outcome) {
    co_return fail(outcome.error().with(name));
  }
  log_info("agent", "snapshot taken", {{"snapshot", name}});
  co_return outcome;
}

io::Task<Result<void>> SnapshotKeeper::fetch_missing(const SnapshotManifest& manifest) {
  SnapshotStore& store = parts_.store;
  for (const protocol::SectionRef& ref : manifest.sections) {
    std::function<Result<bool>()> look = [&store, ref]() -> Result<bool> { return store.has(ref); };
    TDN_CO_TRY(const bool here, co_await parts_.pool.run(std::move(look), parts_.loop));
    if (here) {
      continue;
    }
    TDN_CO_TRY(std::string bytes, co_await parts_.control.section(ref));
    if (bytes.size() != ref.bytes || codec::sha256(bytes_of(bytes)) != ref.sha256) {
      // Cut short on the way, or control's disk: the next try may bring it whole.
      co_return fail(
          Code::kUnavailable,
          fmt::format("section `{}` came as {} bytes that are not what the manifest says", ref.name,
                      bytes.size()));
    }
    ++counters_.sections_fetched;
    std::function<Result<io::Done>()> put = [&store, ref, text = std::move(bytes)] {
      return done(store.put(ref, text));
    };
    TDN_CO_TRY_VOID(co_await parts_.pool.run(std::move(put), parts_.loop));
  }
  co_return Result<void>();
}

io::Task<Result<SnapshotKeeper::Loaded>> SnapshotKeeper::load(const SnapshotManifest& manifest) {
  SnapshotStore& store = parts_.store;
  std::function<Result<Loaded>()> job = [content = content_, &store, manifest]() -> Result<Loaded> {
    const protocol::SnapshotContent::Read read = [&store](const protocol::SectionRef& ref) {
      return store.read(ref);
    };
    TDN_TRY_VOID(content->update(manifest, read));
    const domain::SnapshotOrigin origin{manifest.order.control_epoch, manifest.order.version};
    return Loaded{content->compile(origin), content->trusted()};
  };
  Result<Loaded> loaded = co_await parts_.pool.run(std::move(job), parts_.loop);
  co_return loaded;
}

io::Task<Result<void>> SnapshotKeeper::put_into_use(StoredSnapshot stored, bool fresh) {
  TDN_CO_TRY(Loaded loaded, co_await load(stored.manifest));
  TDN_CO_TRY_VOID(co_await parts_.host.prepare(loaded.snapshot));
  const protocol::SnapshotOrder order = stored.manifest.order;
  const std::uint64_t valid_for_s = stored.manifest.valid_for_s;
  std::string envelope = stored.envelope;
  if (fresh) {
    SnapshotStore& store = parts_.store;
    std::function<Result<io::Done>()> commit = [&store, kept = std::move(stored),
                                                trusted = std::move(loaded.trusted)] {
      return done(store.commit(kept, trusted));
    };
    TDN_CO_TRY_VOID(co_await parts_.pool.run(std::move(commit), parts_.loop));
    fail_point("agent.after_persist");
  }
  co_await parts_.host.switch_over();
  current_ = std::move(envelope);
  order_ = order;
  valid_for_s_ = valid_for_s;
  co_return Result<void>();
}

}  // namespace tdn::agent
