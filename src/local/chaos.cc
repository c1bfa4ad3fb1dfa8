#include "local/chaos.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace tdn::local {
namespace {

using codec::JsonReader;

constexpr std::array<std::string_view, 5> kHarms = {"kill", "pause", "cut", "reset", "slow"};
constexpr std::string_view kControlTarget = "control";

bool is_of_processes(Harm harm) { return harm == Harm::kKill || harm == Harm::kPause; }

wan::LinkState state_of(Harm harm) {
  switch (harm) {
    case Harm::kSlow:
      return wan::LinkState::kSlow;
    case Harm::kReset:
      return wan::LinkState::kReset;
    default:
      return wan::LinkState::kCut;
  }
}

std::int64_t to_ms(Duration duration) {
  return std::chrono::round<std::chrono::milliseconds>(duration).count();
}

std::string list_of(const std::vector<Broken>& broken) {
  std::string text;
  for (const Broken& one : broken) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", one.target);
  }
  return text;
}

}  // namespace

std::string_view to_string(Harm harm) { return kHarms[static_cast<std::size_t>(harm)]; }

std::string to_json(const ChaosRequest& request) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("action").string(request.harm ? to_string(*request.harm) : "heal");
  json.key("target").string(request.target);
  json.key("addedMs").number(to_ms(request.added)).end_object();
  return text;
}

Result<ChaosRequest> parse_chaos_request(std::string_view text) {
  std::string action;
  ChaosRequest request;
  std::optional<std::uint64_t> added = 0;
  JsonReader json(text);
  json.enter_object();
  while (const auto key = json.next_key()) {
    if (JsonReader::matches(*key, "action")) {
      action = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "target")) {
      request.target = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "addedMs")) {
      added = json.count();
    } else {
      json.skip();
    }
  }
  TDN_TRY_VOID(json.finish());
  const auto* const harm = std::ranges::find(kHarms, action);
  if (harm == kHarms.end() && action != "heal") {
    return fail(Code::kInvalid, "action must be kill, pause, cut, reset, slow or heal");
  }
  if (harm != kHarms.end()) {
    request.harm = static_cast<Harm>(harm - kHarms.begin());
  }
  if (!added || *added > wan::kMostAddedMs) {
    return fail(Code::kInvalid,
                fmt::format("addedMs must be a number from 0 to {}", wan::kMostAddedMs));
  }
  if (request.harm == Harm::kSlow) {
    request.added = std::chrono::milliseconds(*added);
  }
  return request;
}

std::string to_json(const std::vector<Broken>& broken) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("broken").begin_array();
  for (const Broken& one : broken) {
    json.begin_object().key("what").string(to_string(one.harm)).key("target").string(one.target);
    json.key("addedMs").number(to_ms(one.added)).key("since").string(to_rfc3339(one.since));
    json.end_object();
  }
  json.end_array().end_object();
  return text;
}

Chaos::Chaos(Nodes nodes) : nodes_(std::move(nodes)) {
  names_.insert(nodes_.sites.begin(), nodes_.sites.end());
  names_.insert(nodes_.cities.begin(), nodes_.cities.end());
  names_.emplace(kControlTarget);
}

// The target in the one spelling by which it is kept: A-B and B-A are the same.
Result<std::string> Chaos::check(Harm harm, const std::string& target) const {
  if (is_of_processes(harm)) {
    const bool known =
        target == kControlTarget || std::ranges::find(nodes_.sites, target) != nodes_.sites.end();
    if (!known) {
      std::string sites;
      for (const std::string& site : nodes_.sites) {
        sites += site + ", ";
      }
      return fail(Code::kInvalid,
                  fmt::format("there is no site '{}' here to {}; give one of {}{}",
                              target.substr(0, 100), to_string(harm), sites, kControlTarget));
    }
    return target;
  }
  if (!nodes_.has_links) {
    return fail(Code::kInvalid,
                fmt::format("this network has no distances, so nothing can be {}; start it with "
                            "`tdn up --scenario three`, or kill or pause a site",
                            harm == Harm::kSlow  ? "slowed"
                            : harm == Harm::kCut ? "cut"
                                                 : "reset"));
  }
  TDN_TRY(const wan::Target found, wan::find_target(target, names_));
  if (found.other.empty()) {
    return target;
  }
  const auto is_city = [&](std::string_view name) {
    return std::ranges::find(nodes_.cities, name) != nodes_.cities.end();
  };
  if (is_city(found.node) && is_city(found.other)) {
    return fail(Code::kInvalid,
                fmt::format("nothing goes between {} and {}, both places of clients; give a city "
                            "and a site, or two sites",
                            found.node, found.other));
  }
  return fmt::format("{}-{}", std::min(found.node, found.other), std::max(found.node, found.other));
}

Result<void> Chaos::take(const ChaosRequest& request, WallTime now) {
  if (!request.harm) {
    return heal(request.target);
  }
  const Harm harm = *request.harm;
  TDN_TRY(const std::string target, check(harm, request.target));
  if (harm == Harm::kPause && is(Harm::kKill, target)) {
    return fail(Code::kInvalid, fmt::format("{0} is killed and cannot be paused; `tdn chaos heal "
                                            "{0}` first",
                                            target));
  }
  if (harm == Harm::kSlow && request.added <= Duration::zero()) {
    return fail(Code::kInvalid, "by how much? Give --ms, such as --ms 200");
  }
  const auto same = [&](const Broken& one) {
    return one.target == target && is_of_processes(one.harm) == is_of_processes(harm);
  };
  std::erase_if(broken_, same);
  if (broken_.size() >= kMost) {
    return fail(Code::kInvalid,
                fmt::format("{} things are broken already; heal some of them", broken_.size()));
  }
  broken_.push_back({.harm = harm, .target = target, .added = request.added, .since = now});
  return {};
}

Result<void> Chaos::heal(const std::string& target) {
  if (target.empty()) {
    broken_.clear();
    return {};
  }
  std::string name = target;
  if (const auto found = wan::find_target(target, names_); !found) {
    return fail(found.error());
  } else if (!found->other.empty()) {
    name = fmt::format("{}-{}", std::min(found->node, found->other),
                       std::max(found->node, found->other));
  }
  if (std::erase_if(broken_, [&](const Broken& one) { return one.target == name; }) == 0) {
    return fail(Code::kInvalid, broken_.empty()
                                    ? fmt::format("{} is not broken; nothing is", target)
                                    : fmt::format("{} is not broken by itself; what is: {}", target,
                                                  list_of(broken_)));
  }
  return {};
}

bool Chaos::is(Harm harm, std::string_view node) const {
  return std::ranges::any_of(
      broken_, [&](const Broken& one) { return one.harm == harm && one.target == node; });
}

std::vector<wan::Fault> Chaos::faults() const {
  std::vector<wan::Fault> faults;
  for (const Broken& one : broken_) {
    if (!is_of_processes(one.harm)) {
      faults.push_back({.target = one.target, .state = state_of(one.harm), .added = one.added});
    }
  }
  return faults;
}

}  // namespace tdn::local
