#include "cli/site.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "client/change.h"
#include "codec/tree.h"

namespace tdn::cli {
namespace {

using codec::yaml::Entry;
using codec::yaml::Kind;
using codec::yaml::Node;

// Control answers within five seconds even if edges are late.
constexpr Duration kSitePatience = std::chrono::seconds(30);

struct Wanted {
  std::string_view state;
  std::string_view told;
};

Wanted wanted_by(std::string_view command) {
  if (command == "drain") {
    return {"draining",
            "is draining: nothing new is served there; what is open ends, its clients move"};
  }
  if (command == "cordon") {
    return {"cordoned",
            "is cordoned: nothing new is served there; its clients are served elsewhere"};
  }
  return {"active", "is in service"};
}

Node& member(Node& mapping, std::string_view key) {
  mapping.kind = Kind::kMapping;
  const auto found = std::ranges::find(mapping.entries, key, &Entry::key);
  if (found != mapping.entries.end()) {
    return found->value;
  }
  mapping.entries.push_back({.key = std::string(key), .value = {}});
  return mapping.entries.back().value;
}

void set_state(Node& site, std::string_view state) {
  Node& text = member(member(site, "spec"), "state");
  text = {};
  text.kind = Kind::kScalar;
  text.text = state;
}

}  // namespace

io::Task<int> set_site_state(client::ControlClient& control, SiteStateOptions options,
                             Screen screen) {
  const std::string command = "site " + options.command;
  Result<Node> site = co_await control.get("/api/v1/sites/" + client::escape_path(options.name));
  if (!site) {
    co_return tell_failure(screen, command, site.error());
  }
  const Wanted wanted = wanted_by(options.command);
  set_state(*site, wanted.state);
  const client::ManifestText text{"site " + options.name, codec::yaml::to_yaml(*site)};
  std::string body = client::apply_body(std::span(&text, 1), false);
  const Result<Node> answer =
      co_await control.post("/api/v1/apply", std::move(body), kSitePatience);
  if (!answer) {
    co_return tell_failure(screen, command, answer.error());
  }
  const Result<client::Change> change = client::read_change(*answer);
  if (!change) {
    co_return tell_failure(screen, command, change.error());
  }
  if (options.json) {
    screen.out << codec::yaml::to_json(*answer);
    co_return 0;
  }
  screen.out << fmt::format("site {} {}\n", options.name, wanted.told);
  tell_acknowledgements(screen.out, *change, screen.colours);
  co_return 0;
}

}  // namespace tdn::cli
