// A decision told: every endpoint with its exclusion or its score term by term, the runner-up, and
// what would have to be different for another choice, found by deciding again with it different.
// The same for a request that is only asked about, for one that was served and recorded, and in the
// simulator. As JSON (docs/reference/explain.md) and as text for people.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "route/decide.h"

namespace tdn::route {

// The names of what a decision knows by numbers; one per facts, in their order.
struct Place {
  std::string site;
  std::string endpoint;
  [[nodiscard]] std::string name() const { return site + "/" + endpoint; }
};

// How a recorded request came out. All borrowed.
struct Ending {
  std::uint32_t status = 0;    // HTTP; 0: the client got none
  std::string_view code;       // of our error; empty: none
  std::string_view endpoint;   // "site/endpoint" that answered, or was tried last; empty: none
  std::uint64_t output = 0;    // tokens
  std::uint64_t first_us = 0;  // to the first byte; 0: none
  std::uint64_t total_us = 0;
};

// All borrowed but the decision.
struct Explanation {
  std::string_view request;  // its id
  WallTime at;
  std::string_view here;  // the site that decides
  std::string_view model;
  std::uint64_t body_bytes = 0;
  const Work* work = nullptr;
  std::span<const Facts> facts;
  std::span<const Place> places;
  std::uint32_t left_out = 0;  // endpoints of the model that were not recorded
  Decision decision;
  std::string_view refusal;  // what the client is told, if refused
  // Of a recorded decision: what was chosen then, if running it again gives another one.
  std::optional<std::string> recorded;
  std::optional<Ending> ended;  // of a recorded decision: of its request, once that is over
};

// Something that would have changed the choice.
struct Flip {
  enum class What : std::uint8_t {
    kMargin,
    kRequests,
    kTokens,
    kCache,
    kPrice,
    kObjective,
    kOutage
  };
  What what = What::kMargin;
  std::size_t at = 0;       // whose condition would be different
  std::size_t to = 0;       // who would be chosen
  std::int64_t amount = 0;  // µs, requests, tokens, tokens, percent, Objective, 0
};
[[nodiscard]] std::string_view to_string(Flip::What what);

// Nothing if it was refused or nobody else may. Recorded decisions know of those recorded alone.
[[nodiscard]] std::vector<Flip> find_flips(const Work& work, std::span<const Facts> facts);

[[nodiscard]] std::string to_json(const Explanation& explanation);
[[nodiscard]] std::string to_text(const Explanation& explanation);

// One sentence each, for people.
[[nodiscard]] std::string_view meaning(Exclusion exclusion);
[[nodiscard]] std::string_view meaning(Reason reason);
[[nodiscard]] std::string to_sentence(const Flip& flip, std::span<const Place> places);

}  // namespace tdn::route
