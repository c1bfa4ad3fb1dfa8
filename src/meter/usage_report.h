// What `tdn usage` shows, whoever made it: a summary with names instead of uids, and until when it
// is complete.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "meter/summary.h"

namespace tdn::meter {

struct UsageLine {
  std::vector<std::string> by;  // in the order of the report's dimensions
  Currency currency;
  SummaryRow row;
};

struct UsageReport {
  // A journal whose first records are gone from here: control has them.
  struct Beginning {
    std::string journal;
    std::uint64_t seq = 0;
    WallTime settled;
  };

  std::vector<Dimension> by;
  // Books that are out of service and may hold records that never came here: of an edge that was
  // quarantined and replaced, or of an epoch in which an older state came back.
  struct SetAside {
    std::string site;
    Uid edge;
    std::string reason;
  };

  std::vector<UsageLine> lines;  // in the order of what they show
  // Everything settled until then is in the lines; none if an edge has not yet said so.
  std::optional<WallTime> complete_through;
  // Those that have not uploaded for a while, or not since it was asked for.
  std::vector<std::string> late_sites;
  std::vector<Beginning> beginnings;
  std::vector<SetAside> set_aside;
};

// The name of an object of that kind; empty if nobody knows it, then its uid is shown.
using NameOf = std::function<std::string(std::string_view kind, const Uid& uid)>;

// Of the summary alone: what concerns completeness is the caller's to add.
[[nodiscard]] UsageReport make_report(const Summary& summary, const NameOf& name_of);

// {"rows":[{"by":{"tenant":"demo"},"requests":"1","tokens":{"input":"1","cachedInput":"0",
// "output":"2"},"amount":"0.01","currency":"USD"}],"completeThrough":TIME or null,"lateSites":[]}
// and, if there are any, "beginsAt":[{"journal","seq","settled"}] after the rows and
// "setAside":[{"site","edge","reason"}] at the end.
[[nodiscard]] std::string to_json(const UsageReport& report);

}  // namespace tdn::meter
