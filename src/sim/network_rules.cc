#include "sim/network_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/checker.h"

namespace tdn::sim {
namespace {

constexpr std::size_t kMostViolations = 20;

std::string text_of(const protocol::SnapshotOrder& order) {
  return fmt::format("{}.{}", order.control_epoch, order.version);
}

}  // namespace

void NetworkRules::violate(std::string what) {
  if (violations_.size() < kMostViolations) {
    violations_.push_back(std::move(what));
  }
}

void NetworkRules::serves_by(std::size_t index, const protocol::SnapshotOrder& order, Instant now) {
  Site& site = sites_[index];
  if (order == protocol::SnapshotOrder{} ||
      (!site.history.empty() && site.history.back().order == order)) {
    return;
  }
  if (!site.history.empty() && order < site.history.back().order) {
    violate(fmt::format("{} went back from snapshot {} to {}", site.site.name,
                        text_of(site.history.back().order), text_of(order)));
  }
  site.history.push_back({now, order});
}

void NetworkRules::check(Instant now) {
  for (Site& site : sites_) {
    check_attempts(site, now);
  }
  for (Client& client : clients_) {
    check_text(client);
  }
}

void NetworkRules::check_attempts(Site& site, Instant /*now*/) {
  const std::vector<std::string>& marks = site.site.engine->marks();
  for (; site.attempts < marks.size(); ++site.attempts) {
    if (const std::string& mark = marks[site.attempts]; !may_serve(site, mark)) {
      violate(fmt::format("the engine of {} was given {}, which must not leave the fence",
                          site.site.name, mark));
    }
  }
}

bool NetworkRules::may_serve(const Site& site, const std::string& mark) const {
  for (const Client& client : clients_) {
    for (const Told& told : client.client.client->told()) {
      if (told.mark != mark) {
        continue;
      }
      if (client.client.fence == Fence::kSites) {
        return client.client.only->contains(site.site.name);
      }
      if (site.site.inside || client.client.fence != Fence::kByPolicy) {
        return site.site.inside || client.client.fence == Fence::kNone;
      }
      // Whatever was in force from when the client began.
      for (std::size_t i = 0; i < site.history.size(); ++i) {
        const bool over = i + 1 < site.history.size() && site.history[i + 1].since < told.started;
        const auto fenced = fenced_.find(site.history[i].order);
        if (!over && (fenced == fenced_.end() || !fenced->second)) {
          return true;
        }
      }
      return false;
    }
  }
  return true;  // a probe
}

// Only the last answer of a client still grows.
void NetworkRules::check_text(Client& client) {
  const std::deque<Told>& all = client.client.client->told();
  while (client.told < all.size()) {
    const Told& told = all[client.told];
    if (told.text.size() != client.text) {
      client.text = told.text.size();
      if (!is_true(told)) {
        violate(fmt::format("client {} got a text that no engine generated", told.mark));
      }
    }
    if (client.told + 1 == all.size()) {
      return;
    }
    ++client.told;
    client.text = 0;
  }
}

bool NetworkRules::is_true(const Told& told) const {
  return std::ranges::any_of(sites_, [&](const Site& site) {
    const auto attempts = site.site.engine->attempts().find(told.mark);
    return attempts != site.site.engine->attempts().end() &&
           std::ranges::any_of(attempts->second, [&](const EngineAttempt& attempt) {
             return attempt.text.starts_with(told.text);
           });
  });
}

std::optional<std::uint64_t> NetworkRules::kept(store::MemoryStore& store, const Uid& edge,
                                                std::uint32_t epoch) {
  if (store.in_transaction() || !store.begin()) {
    return std::nullopt;
  }
  const Result<std::optional<store::LogRow>> log = store.log(edge, epoch);
  const std::uint64_t acked = log && *log ? (*log)->acked : 0;
  store.roll_back();
  return acked;
}

void NetworkRules::check_uploads(store::MemoryStore& store, const Uid& edge, std::uint32_t epoch,
                                 std::uint64_t told) {
  const std::uint64_t has = kept(store, edge, epoch).value_or(0);
  if (has < told) {
    violate(fmt::format("an edge was told that control keeps its records up to {}, and it keeps {}",
                        told, has));
  }
}

void NetworkRules::check_books(store::MemoryStore& store, const meter::ListPrice& price) {
  ReplayedJournal books;
  std::vector<std::pair<Uid, std::uint32_t>> edges;
  if (!store.begin()) {
    violate("control's store does not open");
    return;
  }
  [[maybe_unused]] const auto visited = store.visit_edges([&](const store::EdgeRow& edge) {
    for (std::uint32_t epoch = 1; epoch <= edge.epoch; ++epoch) {
      edges.emplace_back(edge.edge, epoch);
    }
    if (!edge.quarantine.empty()) {
      violate(fmt::format("{} is quarantined: {}", edge.site, edge.quarantine));
    }
    return true;
  });
  for (const auto& [edge, epoch] : edges) {
    [[maybe_unused]] const auto read =
        store.visit_records(edge, epoch, 1, [&](const store::RecordRow& row) {
          Result<meter::UsageRecord> record = meter::decode_record(row.record);
          if (!record) {
            violate("control keeps a record that cannot be read");
            return true;
          }
          books.records.push_back({*std::move(record), codec::sha256(row.record)});
          return true;
        });
  }
  store.roll_back();
  Testimony testimony;
  testimony.journal = &books;
  testimony.price = price;
  testimony.central = true;
  for (const Client& client : clients_) {
    for (const Told& told : client.client.client->told()) {
      testimony.told.push_back(&told);
    }
  }
  for (const Site& site : sites_) {
    for (const auto& [mark, attempts] : site.site.engine->attempts()) {
      for (const EngineAttempt& attempt : attempts) {
        testimony.attempts.push_back(&attempt);
      }
    }
  }
  for (const std::string& violation : find_violations(testimony)) {
    violate("control's books: " + violation);
  }
  std::vector<const meter::UsageRecord*> bought;
  std::vector<const meter::UsageRecord*> sold;
  for (const ReplayedRecord& each : books.records) {
    (each.record.side == meter::Side::kSold ? sold : bought).push_back(&each.record);
  }
  records_ = books.records.size();
  sold_ = sold.size();
  check_hops(bought, sold);
}

// What was bought of another site and ended well, that site sold, once and alike; what was sold,
// somebody bought.
void NetworkRules::check_hops(const std::vector<const meter::UsageRecord*>& bought,
                              const std::vector<const meter::UsageRecord*>& sold) {
  using Place = std::pair<RequestId, std::uint64_t>;
  std::map<Place, const meter::UsageRecord*> sales;
  for (const meter::UsageRecord* record : sold) {
    sales.emplace(Place(record->request, record->leg), record);
  }
  std::map<RequestId, const meter::UsageRecord*> buyers;
  for (const meter::UsageRecord* record : bought) {
    buyers.emplace(record->request, record);
    if (record->side != meter::Side::kBought || record->end != meter::End::kComplete) {
      continue;
    }
    const std::string request = to_string(record->request.uid);
    const auto sale = sales.find(Place(record->request, record->leg));
    if (sale == sales.end()) {
      violate(fmt::format("request {} was bought complete, and nobody sold it", request));
      continue;
    }
    const meter::UsageRecord& other = *sale->second;
    const bool estimated = ((record->flags | other.flags) & meter::kEstimated) != 0;
    if (other.end != meter::End::kComplete) {
      violate(fmt::format("request {} was bought complete, its sale ended as {}", request,
                          static_cast<int>(other.end)));
    } else if (!estimated && record->reported != other.reported) {
      violate(fmt::format("request {} was bought and sold with different counts", request));
    }
    if (record->owners != other.owners || record->serving != other.serving) {
      violate(fmt::format("request {} was bought and sold by different parties", request));
    }
  }
  for (const auto& [place, record] : sales) {
    // What came to nothing costs nothing; the buyer may have died before it wrote that down. Among
    // the sites of one owner a request leaves before its admission is on disk, so that a loss of
    // power may take it (docs/reference/formats/journal.md).
    const bool lost =
        record->serving.owner_account.is_zero() && powerless_.contains(record->admitting.site);
    if (record->charged.amount != 0 && !lost && !buyers.contains(place.first)) {
      violate(fmt::format("request {} was sold, and nobody bought it", to_string(place.first.uid)));
    }
  }
}

}  // namespace tdn::sim
