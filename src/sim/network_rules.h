// What must hold in a simulated network at every step, whatever broke:
//
//   fence      an engine is given a prompt only where some snapshot that its edge had in force
//   since
//              the client began allows it (invariant 4)
//   order      an edge never goes back to an older snapshot
//   stream     what a client has got is the beginning of what one engine said to it (invariant 5)
//   uploads    what an edge was told is kept by control is kept, through every crash (invariant 2)
//
// and at the end, when all is healed and uploaded: clients, engines and control's books agree
// (sim/checker.h), and what one edge bought another sold.
//
// Rules know tenants and fences from the story, never from the code under test.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "meter/price.h"
#include "meter/usage_record.h"
#include "protocol/snapshot_manifest.h"
#include "sim/client.h"
#include "sim/engine.h"
#include "store/memory_store.h"

namespace tdn::sim {

enum class Fence : std::uint8_t {
  kNone,
  kAlways,    // only sites inside
  kByPolicy,  // the same, while a policy says so
  kSites,     // only certain sites
};

// One site of the story, as the rules look at it. Borrowed parts outlive the rules.
struct SiteUnderRules {
  std::string name;
  bool inside = false;  // the fence
  const SimEngine* engine = nullptr;
};

struct ClientUnderRules {
  const SimClient* client = nullptr;
  Fence fence = Fence::kNone;
  const std::set<std::string>* only = nullptr;  // Fence::kSites
};

class NetworkRules {
 public:
  void add(SiteUnderRules site) { sites_.push_back({std::move(site), {}, 0}); }
  void add(const ClientUnderRules& client) { clients_.push_back({client, 0, 0}); }

  // Control published; `fenced`: tenants that are fenced by policy may not leave under it.
  void published(const protocol::SnapshotOrder& order, bool fenced) { fenced_[order] = fenced; }
  // What the edge of a site serves by at this moment; {0, 0} while it does not.
  void serves_by(std::size_t site, const protocol::SnapshotOrder& order, Instant now);
  // A machine of the site did, at some time of the story.
  void lost_power(const Uid& site) { powerless_.insert(site); }
  // After each step.
  void check(Instant now);
  // Control is down, and its store shows what a crash left; `told`: what control said to an edge
  // that it keeps.
  void check_uploads(store::MemoryStore& store, const Uid& edge, std::uint32_t epoch,
                     std::uint64_t told);
  // The end.
  void check_books(store::MemoryStore& store, const meter::ListPrice& price);

  // What control keeps of an edge; nothing while it is writing.
  [[nodiscard]] static std::optional<std::uint64_t> kept(store::MemoryStore& store, const Uid& edge,
                                                         std::uint32_t epoch);

  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] std::uint64_t sold() const { return sold_; }

 private:
  struct Applied {
    Instant since;
    protocol::SnapshotOrder order;
  };
  struct Site {
    SiteUnderRules site;
    std::vector<Applied> history;
    std::size_t attempts = 0;  // looked at
  };
  struct Client {
    ClientUnderRules client;
    std::size_t told = 0;  // answers that cannot change any more
    std::size_t text = 0;  // of the one that can: looked at
  };
  void violate(std::string what);
  void check_attempts(Site& site, Instant now);
  [[nodiscard]] bool may_serve(const Site& site, const std::string& mark) const;
  void check_text(Client& client);
  [[nodiscard]] bool is_true(const Told& told) const;
  void check_hops(const std::vector<const meter::UsageRecord*>& bought,
                  const std::vector<const meter::UsageRecord*>& sold);

  std::vector<Site> sites_;
  std::vector<Client> clients_;
  std::map<protocol::SnapshotOrder, bool> fenced_;
  std::set<Uid> powerless_;
  std::vector<std::string> violations_;
  std::uint64_t records_ = 0;
  std::uint64_t sold_ = 0;
};

}  // namespace tdn::sim
