// Three books compared: what clients were told, what engines count, and what the journal says after
// the crash. The rules are FORMATS §4's table and the invariants of the design; each that is broken
// is one line.
//
//   finish seen       exactly one bought record, complete, with the engine's counts, and the text
//   whole answer begun      exactly one bought record refused           nothing billed; without a
//   good key, model and body not even a record record            admitted before; its charge is
//   list price × its tokens; never more tokens than the
//                     engine generated, never fewer than the client got, unless it is an orphan
//   orphan            as of its last checkpoint; without output there, billed nothing
//   journal           seq dense from 1, chain unbroken, nothing twice
#pragma once

#include <string>
#include <vector>

#include "meter/price.h"
#include "sim/client.h"
#include "sim/engine.h"
#include "sim/replayed_journal.h"

namespace tdn::sim {

// All borrowed.
struct Testimony {
  std::vector<const Told*> told;
  std::vector<const EngineAttempt*> attempts;
  const ReplayedJournal* journal = nullptr;
  meter::ListPrice price;
  // The records are those of control, of every edge: without their admissions, in the order of
  // edge, epoch and seq.
  bool central = false;
};

[[nodiscard]] std::vector<std::string> find_violations(const Testimony& testimony);

}  // namespace tdn::sim
