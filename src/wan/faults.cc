#include "wan/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace tdn::wan {
namespace {

using codec::JsonReader;

constexpr std::array<std::string_view, 4> kStates = {"normal", "slow", "reset", "cut"};

std::string join(const Names& names) {
  std::string text;
  for (const std::string& name : names) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", name);
  }
  return text;
}

// Every way to read `a-b` as two names.
std::vector<Target> pairs(std::string_view word, const Names& names) {
  std::vector<Target> found;
  for (std::size_t at = word.find('-'); at != word.npos; at = word.find('-', at + 1)) {
    const std::string_view first = word.substr(0, at);
    const std::string_view second = word.substr(at + 1);
    if (first != second && names.contains(first) && names.contains(second)) {
      found.push_back({std::string(first), std::string(second)});
    }
  }
  return found;
}

Result<Fault> read_fault(JsonReader& json) {
  Fault fault;
  std::string state;
  std::optional<std::uint64_t> added = 0;
  json.enter_object();
  while (const auto key = json.next_key()) {
    if (JsonReader::matches(*key, "target")) {
      fault.target = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "state")) {
      state = codec::json_unescape(json.string());
    } else if (JsonReader::matches(*key, "addedMs")) {
      added = json.count();
    } else {
      json.skip();
    }
  }
  const auto* const known = std::ranges::find(kStates, state);
  if (fault.target.empty() || known == kStates.begin() || known == kStates.end()) {
    return fail(Code::kInvalid,
                "each fault needs a target, and the state slow, reset or cut; what is not named "
                "is normal");
  }
  if (!added || *added > kMostAddedMs) {
    return fail(Code::kInvalid, fmt::format("addedMs must be a number from 0 to {}", kMostAddedMs));
  }
  fault.state = static_cast<LinkState>(known - kStates.begin());
  if (fault.state == LinkState::kSlow) {
    fault.added = std::chrono::milliseconds(*added);
  }
  return fault;
}

}  // namespace

std::string_view to_string(LinkState state) { return kStates[static_cast<std::size_t>(state)]; }

bool Target::covers(std::string_view from, std::string_view to) const {
  if (node.empty()) {
    return true;
  }
  if (other.empty()) {
    return from == node || to == node;
  }
  return (from == node && to == other) || (from == other && to == node);
}

Result<Target> find_target(std::string_view word, const Names& names) {
  if (names.contains(word)) {
    return Target{std::string(word), ""};
  }
  if (word == "all") {
    return Target{};
  }
  const std::vector<Target> found = pairs(word, names);
  if (found.size() == 1) {
    return found.front();
  }
  if (found.size() > 1) {
    return fail(Code::kInvalid,
                fmt::format("'{}' is both {} with {} and {} with {}; name the nodes so that a "
                            "hyphen does not join two of them",
                            word, found[0].node, found[0].other, found[1].node, found[1].other));
  }
  return fail(Code::kInvalid,
              fmt::format("there is no '{}' here; give one of {}, two of them as A-B, or all",
                          word.substr(0, 100), join(names)));
}

Condition condition_of(std::string_view from, std::string_view to,
                       const std::vector<Placed>& faults) {
  Condition condition;
  for (const Placed& placed : faults) {
    if (placed.target.covers(from, to)) {
      condition.state = std::max(condition.state, placed.fault.state);
      condition.added += placed.fault.added;
    }
  }
  return condition;
}

std::string to_json(const std::vector<Fault>& faults) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("faults").begin_array();
  for (const Fault& fault : faults) {
    json.begin_object().key("target").string(fault.target);
    json.key("state").string(to_string(fault.state));
    json.key("addedMs").number(std::chrono::round<std::chrono::milliseconds>(fault.added).count());
    json.end_object();
  }
  json.end_array().end_object();
  return text;
}

Result<std::vector<Fault>> parse_faults(std::string_view text) {
  std::vector<Fault> faults;
  JsonReader json(text);
  std::optional<Error> wrong;
  bool listed = false;
  json.enter_object();
  while (const auto key = json.next_key()) {
    if (!JsonReader::matches(*key, "faults")) {
      json.skip();
      continue;
    }
    listed = true;
    json.enter_array();
    while (json.next_element()) {
      Result<Fault> fault = read_fault(json);
      if (faults.size() == kMostFaults) {
        fault = fail(Code::kInvalid, fmt::format("more than {} faults", kMostFaults));
      }
      if (!fault && !wrong) {
        wrong = fault.error();
      } else if (fault) {
        faults.push_back(*std::move(fault));
      }
    }
  }
  TDN_TRY_VOID(json.finish());
  if (wrong) {
    return fail(*std::move(wrong));
  }
  if (!listed) {
    return fail(Code::kInvalid,
                "`faults` is missing: a list of all that is broken, [] for nothing");
  }
  return faults;
}

}  // namespace tdn::wan
