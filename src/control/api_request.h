// What callers of control's API send, taken apart: targets, queries, bodies. Outside bytes: strict,
// bounded, and fuzzed.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "domain/kinds.h"
#include "domain/load.h"
#include "meter/summary.h"

namespace tdn::control {

// What a request is for; api_reference.cc says how each is used.
enum class Endpoint : std::uint8_t {
  kApply,
  kList,
  kGet,
  kDelete,
  kDeleteAll,
  kIssue,
  kRevoke,
  kUsage,
  kNetwork,
  kRotate,
  kSync,
  kWatch,
  kSection,
  kHealth,
  kReady,
  kMetrics,
};
inline constexpr int kEndpoints = 16;

struct Target {
  Endpoint endpoint = Endpoint::kHealth;
  domain::Kind kind = domain::Kind::kZone;  // of kList, kGet, kDelete
  std::string name;                         // of an object, or a section's hash
};

// kNotFound, or kMethodNotAllowed, which names those that are.
[[nodiscard]] Result<Target> parse_target(std::string_view method, std::string_view path);

// "zones" ↔ Zone.
[[nodiscard]] std::string_view plural_of(domain::Kind kind);
[[nodiscard]] std::optional<domain::Kind> kind_of_plural(std::string_view plural);

struct ApplyRequest {
  static constexpr std::size_t kMostSources = 10'000;
  std::vector<domain::Source> sources;
  bool dry_run = false;
};

// Errors are Code::kInvalidRequest.
[[nodiscard]] Result<ApplyRequest> parse_apply(std::string_view json);
// At least one, at most `kMostDeleted`: what refers to each of them is looked for among everything.
inline constexpr std::size_t kMostDeleted = 1'000;
[[nodiscard]] Result<std::vector<domain::ObjectName>> parse_delete(std::string_view json);
// The id of the secret to revoke; empty for all.
[[nodiscard]] Result<std::string> parse_revoke(std::string_view json);

struct UsageQuery {
  static constexpr Duration kMostWait = std::chrono::seconds(60);
  std::vector<meter::Dimension> by{meter::Dimension::kModel};
  std::optional<Duration> wait;
};

[[nodiscard]] Result<UsageQuery> parse_usage_query(std::string_view query);

}  // namespace tdn::control
