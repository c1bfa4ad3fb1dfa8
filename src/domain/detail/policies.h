// Policies worked out: for each distinct set of rules that concerns some key (a profile), what they
// come to for every model and every client country that makes a difference.
#pragma once

#include <cstdint>
#include <vector>

#include "domain/snapshot.h"

namespace tdn::domain::detail {

struct Policies {
  struct Profile {
    std::vector<Country> countries;       // sorted: those that the rules name
    std::vector<std::uint32_t> outcomes;  // [country class · models + model]

    // 0: a country that no rule names; otherwise its place in `countries`, plus one.
    [[nodiscard]] std::size_t class_of(Country client) const;
  };

  std::size_t models = 0;
  std::vector<Profile> profiles;  // [Key::profile]
  std::vector<Outcome> outcomes;
  std::vector<std::vector<std::uint32_t>> gates_by_class;  // [Key::gates][country class]
  std::vector<Gate> gates;
};

// Works the policies out for all keys, and sets each key's `profile` and `gates`. The snapshot's
// zones, sites, models, tenants and projects must be complete.
[[nodiscard]] Policies compile_policies(const Snapshot& snapshot, const Manifests& manifests,
                                        std::vector<Key>& keys);

}  // namespace tdn::domain::detail
