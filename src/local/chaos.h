// What is broken on purpose in a running network, and what that means for its parts. Pure: it keeps
// the list and says what holds; breaker.h does it.
//
//   kill    edge and engine of a site, or control: SIGKILL, and not started again before `heal`
//   pause   the same stand still (SIGSTOP)
//   cut     a black hole between nodes; reset: RST; slow: round trips take longer (wan/faults.h)
//
// A target of kill and pause is a site or control; of the others also a city, two nodes (A-B), or
// all. On one target there is one of kill and pause, and one of cut, reset and slow: the later
// replaces the former.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "wan/faults.h"

namespace tdn::local {

enum class Harm : std::uint8_t { kKill, kPause, kCut, kReset, kSlow };
[[nodiscard]] std::string_view to_string(Harm harm);

struct Broken {
  Harm harm = Harm::kKill;
  std::string target;
  Duration added{};  // of slow, to a round trip
  WallTime since;

  bool operator==(const Broken&) const = default;
};

// What an operator asks for.
struct ChaosRequest {
  std::optional<Harm> harm;  // none: heal
  std::string target = {};   // may be empty to heal: all
  Duration added{};
};

// {"action":"slow","target":"paris","addedMs":200}
[[nodiscard]] std::string to_json(const ChaosRequest& request);
[[nodiscard]] Result<ChaosRequest> parse_chaos_request(std::string_view json);

// {"broken":[{"what":"cut","target":"paris-frankfurt","addedMs":0,"since":"2026-…Z"}]}
[[nodiscard]] std::string to_json(const std::vector<Broken>& broken);

// The nodes of a network, by their names.
struct Nodes {
  std::vector<std::string> sites;
  std::vector<std::string> cities;
  bool has_links = false;  // tdn wan runs: there is something to cut
};

class Chaos {
 public:
  static constexpr std::size_t kMost = 256;

  explicit Chaos(Nodes nodes);

  // kInvalid, naming the remedy, if the request makes no sense here. Otherwise what it asks for
  // holds from now on.
  [[nodiscard]] Result<void> take(const ChaosRequest& request, WallTime now);

  [[nodiscard]] const std::vector<Broken>& broken() const { return broken_; }
  // Of a site or control.
  [[nodiscard]] bool is(Harm harm, std::string_view node) const;
  // Of the links.
  [[nodiscard]] std::vector<wan::Fault> faults() const;
  [[nodiscard]] const Nodes& nodes() const { return nodes_; }

 private:
  [[nodiscard]] Result<void> heal(const std::string& target);
  [[nodiscard]] Result<std::string> check(Harm harm, const std::string& target) const;

  Nodes nodes_;
  wan::Names names_;
  std::vector<Broken> broken_;
};

}  // namespace tdn::local
