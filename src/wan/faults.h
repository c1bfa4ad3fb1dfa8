// What can be wrong with links, and which links a word names.
//
// A network has nodes (client cities, sites, control) and directed links between them. A fault
// has a target: `A-B` is both directions between two nodes, `A` every link that begins or ends at
// it, `all` every link. Several faults may meet on one link: the worst kind holds, and what slows
// adds up.
//
// The set of faults is always said as a whole, so whoever says it again (after `tdn wan` was
// started again) changes nothing.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace tdn::wan {

// The later one wins where several meet.
enum class LinkState : std::uint8_t {
  kNormal,
  kSlow,   // every round trip takes longer
  kReset,  // every connection is reset, and every new one
  kCut,    // a black hole: nothing arrives, nothing is accepted; after it, connections go on
};
[[nodiscard]] std::string_view to_string(LinkState state);

struct Condition {
  LinkState state = LinkState::kNormal;
  Duration added{};  // to a round trip; half of it each way

  bool operator==(const Condition&) const = default;
};

struct Fault {
  std::string target;
  LinkState state = LinkState::kCut;
  Duration added{};  // of kSlow

  bool operator==(const Fault&) const = default;
};

using Names = std::set<std::string, std::less<>>;

// What a target names. Both empty: every link.
struct Target {
  std::string node;
  std::string other;  // empty: every link of `node`

  [[nodiscard]] bool covers(std::string_view from, std::string_view to) const;
};

// kInvalid, naming what there is, if the word names nothing; also if it can be read in two ways
// (names may contain hyphens).
[[nodiscard]] Result<Target> find_target(std::string_view word, const Names& names);

// Of one link, under all faults; their targets are known to be right.
struct Placed {
  Target target;
  Fault fault;
};
[[nodiscard]] Condition condition_of(std::string_view from, std::string_view to,
                                     const std::vector<Placed>& faults);

inline constexpr std::size_t kMostFaults = 1000;
inline constexpr std::int64_t kMostAddedMs = 60'000;

// {"faults":[{"target":"paris-frankfurt","state":"slow","addedMs":200}]}
[[nodiscard]] std::string to_json(const std::vector<Fault>& faults);
[[nodiscard]] Result<std::vector<Fault>> parse_faults(std::string_view json);

}  // namespace tdn::wan
