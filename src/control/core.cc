#include "control/core.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "codec/hex.h"
#include "domain/api_key.h"
#include "domain/fields.h"

namespace tdn::control {

using domain::Kind;
using domain::Manifests;
using domain::Object;
using store::Transaction;

namespace {
constexpr std::size_t kRemembered = 64;  // revoked secrets of one key
}  // namespace

Result<std::unique_ptr<Core>> Core::open(Transaction& transaction, CoreOptions options) {
  TDN_TRY(Catalogue catalogue, Catalogue::load(transaction));
  TDN_TRY(const store::StateRow state, transaction.state());
  std::unique_ptr<Core> core(new Core(std::move(options), std::move(catalogue), state));
  TDN_TRY_VOID(core->start(transaction));
  return core;
}

bool Core::is_restored() const {
  const protocol::SnapshotOrder ours{state_.control_epoch, state_.version};
  return state_.version > 0 && (!options_.remembered || *options_.remembered > ours);
}

Result<void> Core::start(Transaction& transaction) {
  TDN_TRY_VOID(read_roster(transaction));
  if (state_.version == 0) {  // nothing was ever published: make what all have in common
    Dirty all;
    std::vector<Outcome> nothing;
    TDN_TRY_VOID(catalogue_.apply(transaction, {}, nothing, next_change(), all));
  }
  snapshot_ = publisher_.restore(catalogue_, state_);
  const bool restored = is_restored();
  if (snapshot_ != nullptr && !restored && !options_.new_epoch) {
    return {};
  }
  if (state_.network.is_zero()) {
    state_.network = Uid::make(options_.clock->wall(), *options_.random);
  } else if (restored || options_.new_epoch) {
    const std::uint64_t known = options_.remembered ? options_.remembered->control_epoch : 0;
    state_.control_epoch = std::max(state_.control_epoch, known) + 1;
    log_warning("control", "a new control epoch begins",
                {{"epoch", std::to_string(state_.control_epoch)},
                 {"reason", options_.new_epoch ? "asked for" : "the store was restored"}});
  }
  return publish(transaction, next_change(), {});
}

Change Core::next_change() const {
  return {.version = state_.version + 1, .now = options_.clock->wall(), .random = options_.random};
}

Result<void> Core::publish(Transaction& transaction, const Change& change, const Dirty& dirty) {
  state_.version = change.version;
  snapshot_ = publisher_.publish(catalogue_, dirty, change.now, state_);
  return transaction.put_state(state_);
}

Result<Changed> Core::apply(Transaction& transaction, std::span<const domain::Source> sources,
                            bool dry_run) {
  TDN_TRY(Manifests manifests, catalogue_.check(sources));
  TDN_TRY_VOID(keep_secrets(manifests.keys));
  return apply_manifests(transaction, std::move(manifests), dry_run);
}

// Secrets are issued and revoked by commands of their own, between which an older manifest knows
// nothing: one that is silent about them leaves them, and none brings a revoked one back.
Result<void> Core::keep_secrets(std::vector<Object<domain::KeySpec>>& applied) const {
  for (Object<domain::KeySpec>& key : applied) {
    const auto* present = find_object(catalogue_.manifests().keys, key.metadata.name);
    if (present == nullptr) {
      continue;
    }
    const std::vector<std::string>& revoked = present->spec.revoked;
    for (const domain::SecretSpec& secret : key.spec.secrets) {
      if (std::ranges::find(revoked, secret.id) != revoked.end()) {
        return fail(
            Code::kConflict,
            fmt::format("{}:{}: secret {} of Key `{}` was revoked; take it out, and issue a "
                        "new one with `tdn key issue`",
                        key.place.file, key.place.line, secret.id, key.metadata.name));
      }
    }
    if (key.spec.secrets.empty()) {
      key.spec.secrets = present->spec.secrets;
    }
    key.spec.revoked = revoked;
  }
  return {};
}

Result<Changed> Core::apply_manifests(Transaction& transaction, Manifests manifests, bool dry_run) {
  Changed changed;
  TDN_TRY(changed.results, catalogue_.plan(manifests));
  changed.published = !dry_run && std::ranges::any_of(changed.results, [](const Outcome& outcome) {
    return outcome.action != Action::kUnchanged;
  });
  if (changed.published) {
    const Change change = next_change();
    Dirty dirty;
    TDN_TRY_VOID(
        catalogue_.apply(transaction, std::move(manifests), changed.results, change, dirty));
    TDN_TRY_VOID(publish(transaction, change, dirty));
  }
  changed.snapshot = snapshot_;
  return changed;
}

Result<Changed> Core::remove(Transaction& transaction, std::span<const ObjectName> objects) {
  Changed changed;
  TDN_TRY(changed.results, catalogue_.check_removal(objects));
  if (std::ranges::all_of(changed.results, [](const Outcome& outcome) {
        return outcome.action == Action::kMissing;
      })) {
    return fail(catalogue_.missing(objects.front()));
  }
  const Change change = next_change();
  Dirty dirty;
  changed.published = true;
  TDN_TRY_VOID(catalogue_.remove(transaction, changed.results, change, dirty));
  TDN_TRY_VOID(publish(transaction, change, dirty));
  changed.snapshot = snapshot_;
  return changed;
}

Result<Issued> Core::issue(Transaction& transaction, const std::string& key) {
  const auto labels = std::ranges::count(key, '/') + 1;
  if (domain::check_format(domain::Format::kName, key) || labels != 3) {
    return fail(Code::kInvalidRequest,
                fmt::format("`{}` is no name of a key; write tenant/project/key in lower-case "
                            "letters, digits and dashes",
                            key.substr(0, 200)));
  }
  const ObjectName project{Kind::kProject, key.substr(0, key.rfind('/'))};
  if (!catalogue_.has(project)) {
    return fail(catalogue_.missing(project));
  }
  Object<domain::KeySpec> object;
  const auto* present = find_object(catalogue_.manifests().keys, key);
  if (present != nullptr) {
    object = *present;
  }
  if (object.spec.secrets.size() >= kLiveSecrets) {
    return fail(Code::kConflict,
                fmt::format("Key `{}` has two live secrets, {} and {}; revoke one first", key,
                            object.spec.secrets[0].id, object.spec.secrets[1].id));
  }
  const domain::NewApiKey fresh = domain::make_api_key(*options_.random);
  Issued issued{.key = Secret(fresh.text), .id = fresh.id.to_string(), .changed = {}};
  object.metadata.name = key;
  object.spec.secrets.push_back({issued.id, codec::to_hex(fresh.sha256)});
  Manifests manifests;
  manifests.keys.push_back(std::move(object));
  TDN_TRY(issued.changed, apply_manifests(transaction, std::move(manifests), false));
  return issued;
}

Result<Changed> Core::revoke(Transaction& transaction, const std::string& key,
                             const std::string& id) {
  const auto* present = find_object(catalogue_.manifests().keys, key);
  if (present == nullptr) {
    return fail(catalogue_.missing({Kind::kKey, key}));
  }
  Object<domain::KeySpec> object = *present;
  auto& revoked = object.spec.revoked;
  const std::size_t removed =
      std::erase_if(object.spec.secrets, [&](const domain::SecretSpec& secret) {
        const bool goes = id.empty() || secret.id == id;
        if (goes) {
          revoked.push_back(secret.id);
        }
        return goes;
      });
  if (removed == 0 && !id.empty()) {
    return fail(Code::kNotFound,
                fmt::format("Key `{}` has no live secret `{}`; get it to see those "
                            "it has",
                            key, id.substr(0, 40)));
  }
  if (revoked.size() > kRemembered) {
    revoked.erase(revoked.begin(), revoked.end() - kRemembered);
  }
  Manifests manifests;
  manifests.keys.push_back(std::move(object));
  return apply_manifests(transaction, std::move(manifests), false);
}

// --- looking ---

namespace {

template <class Spec>
Shown shown(Kind kind, const Object<Spec>& object) {
  return {kind, object.metadata.name, Uid::parse(object.metadata.uid).value_or(Uid()),
          document_of(object)};
}

}  // namespace

std::vector<Shown> Core::list(Kind kind) const {
  std::vector<Shown> all;
  for_each_list(catalogue_.manifests(), [&](Kind of, const auto& objects) {
    for (std::size_t i = 0; of == kind && i < objects.size(); ++i) {
      all.push_back(shown(kind, objects[i]));
    }
  });
  return all;
}

Result<Shown> Core::get(const ObjectName& object) const {
  std::optional<Shown> found;
  for_each_list(catalogue_.manifests(), [&](Kind kind, const auto& objects) {
    const auto* present = kind == object.kind ? find_object(objects, object.name) : nullptr;
    if (present != nullptr) {
      found = shown(kind, *present);
    }
  });
  if (!found) {
    return fail(catalogue_.missing(object));
  }
  return *std::move(found);
}

// Who pays is told apart from whoever has the name now.
std::string Core::name_in_bill(std::string_view kind, const Uid& uid) const {
  std::string name = catalogue_.name_of(kind, uid);
  bool replaced = false;
  for_each_list(catalogue_.manifests(), [&](Kind of, const auto& objects) {
    const bool pays = of == Kind::kTenant || of == Kind::kProject || of == Kind::kKey;
    if (pays && domain::to_string(of) == kind) {
      const auto* present = find_object(objects, name);
      replaced = present != nullptr && present->metadata.uid != to_string(uid);
    }
  });
  return replaced ? name + " (deleted)" : name;
}

Result<UsageAnswer> Core::usage(Transaction& transaction,
                                const std::vector<meter::Dimension>& by) const {
  meter::Summary summary(by);
  TDN_TRY_VOID(transaction.visit_usage(
      summary.wants_attribution(),
      [&](const meter::UsageCell& cell, const meter::SummaryRow& row) { summary.add(cell, row); }));
  UsageAnswer answer;
  answer.report = meter::make_report(
      summary, [this](std::string_view kind, const Uid& uid) { return name_in_bill(kind, uid); });
  TDN_TRY(answer.sites, sites(transaction));
  TDN_TRY(answer.report.set_aside, set_aside(transaction));
  return answer;
}

// Of a quarantined edge that is still its site's the site says so itself: it is late.
Result<std::vector<meter::UsageReport::SetAside>> Core::set_aside(Transaction& transaction) const {
  std::vector<store::EdgeRow> edges;
  TDN_TRY_VOID(transaction.visit_edges([&](const store::EdgeRow& edge) {
    edges.push_back(edge);
    return true;
  }));
  std::vector<meter::UsageReport::SetAside> found;
  for (const store::EdgeRow& edge : edges) {
    const bool replaced = std::ranges::none_of(
        roster_, [&](const protocol::PeerEdge& newest) { return newest.edge == edge.edge; });
    if (!edge.quarantine.empty() && replaced) {
      found.push_back({edge.site, edge.edge, "quarantined, and another edge took its place"});
    }
    for (std::uint32_t epoch = 1; epoch < edge.epoch; ++epoch) {
      TDN_TRY(const std::optional<store::LogRow> log, transaction.log(edge.edge, epoch));
      if (log && log->rolled_back) {
        found.push_back({edge.site, edge.edge,
                         fmt::format("an older state came back in epoch {}; what was settled in it "
                                     "from then on was not uploaded",
                                     epoch)});
      }
    }
  }
  return found;
}

Result<std::vector<SiteBooks>> Core::sites(Transaction& transaction) const {
  constexpr std::array<std::string_view, 3> kStates{"active", "cordoned", "draining"};
  std::map<std::string, SiteBooks> all;
  for (const auto& site : catalogue_.manifests().sites) {
    SiteBooks& books = all[site.metadata.name];
    books.site = site.metadata.name;
    books.state = kStates[static_cast<std::size_t>(site.spec.state)];
  }
  for (const auto& endpoint : catalogue_.manifests().endpoints) {
    all[endpoint.spec.site].endpoints.push_back(
        {endpoint.metadata.name, Uid::parse(endpoint.metadata.uid).value_or(Uid())});
  }
  TDN_TRY_VOID(transaction.visit_edges([&](const store::EdgeRow& edge) {
    SiteBooks& books = all[edge.site];
    books.in_catalogue = !books.site.empty();
    books.site = edge.site;
    books.edge = edge;  // the one that joined last
    return true;
  }));
  std::vector<SiteBooks> sites;
  for (auto& [name, books] : all) {
    if (books.edge) {
      TDN_TRY(const std::optional<store::LogRow> log,
              transaction.log(books.edge->edge, books.edge->epoch));
      books.acked = log ? log->acked : 0;
    }
    sites.push_back(std::move(books));
  }
  return sites;
}

// --- edges ---

Result<void> Core::read_roster(Transaction& transaction) {
  std::map<std::string, Uid> newest;
  TDN_TRY_VOID(transaction.visit_edges([&](const store::EdgeRow& edge) {
    newest[edge.site] = edge.edge;
    return true;
  }));
  roster_.clear();
  for (const auto& [site, edge] : newest) {
    roster_.push_back({site, edge});
  }
  return {};
}

// An edge that makes numbers up must not use the epochs up.
bool Core::is_credible(const protocol::SnapshotOrder& reported) const {
  constexpr std::uint64_t kMostAhead = 1'000'000;
  return reported.control_epoch <= state_.control_epoch ||
         reported.control_epoch - state_.control_epoch <= kMostAhead;
}

// A snapshot is out that is later than ours: ours must be later still, or nobody takes it.
Result<void> Core::overtake(Transaction& transaction, const protocol::SnapshotOrder& reported) {
  log_warning("control", "an edge has a snapshot of later order; a new control epoch begins",
              {{"reported", protocol::to_string(reported)},
               {"ours", protocol::to_string(snapshot_->order)}});
  state_.control_epoch = std::max(state_.control_epoch, reported.control_epoch) + 1;
  return publish(transaction, next_change(), {});
}

void Core::hear(const std::string& site, std::uint64_t network_time_ms) {
  const std::optional<std::int64_t> moved_ms = network_clock_.hear(network_time_ms);
  if (moved_ms) {
    log_warning(
        "control",
        "this machine's clock is not as it was before: the time that edges go by goes on as "
        "they have it. Check the clock: expiries and what is billed when go by it",
        {{"site", site}, {"behind_ms", std::to_string(*moved_ms)}});
  }
}

Result<SyncAnswer> Core::sync(Transaction& transaction, const std::string& site,
                              const protocol::SyncRequest& request) {
  SyncAnswer result;
  TDN_TRY(Ingested ingested, take_sync(transaction, site, request, options_.clock->wall()));
  if (auto* refusal = std::get_if<protocol::SyncRefusal>(&ingested)) {
    result.answer = std::move(*refusal);
    return result;
  }
  result.taken = std::get<Taken>(ingested);
  if (result.taken.joined) {
    TDN_TRY_VOID(read_roster(transaction));
  }
  if (request.snapshot > snapshot_->order && is_credible(request.snapshot)) {
    TDN_TRY_VOID(overtake(transaction, request.snapshot));
    result.published = snapshot_;
  }
  protocol::SyncReply reply;
  reply.boot = request.boot;
  reply.n = request.n;
  if (request.network_time_ms) {
    hear(site, *request.network_time_ms);
  }
  reply.network_time_ms = network_clock_.now_ms();
  reply.epoch = result.taken.epoch;
  reply.acked = result.taken.acked;
  reply.keep_from = result.taken.keep_from;
  reply.snapshot = snapshot_->order;
  const bool current = std::ranges::any_of(
      roster_, [&](const protocol::PeerEdge& peer) { return peer.edge == request.edge; });
  if (current) {  // a former edge of the site may upload what it has, and no more
    reply.keys = grants_of(options_.network_secrets, request.edge, roster_);
    reply.sites = roster_;
    reply.user_secret = options_.user_secret;
  }
  result.answer = std::move(reply);
  return result;
}

}  // namespace tdn::control
