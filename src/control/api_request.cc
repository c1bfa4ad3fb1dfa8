#include "control/api_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "codec/json_reader.h"

namespace tdn::control {
namespace {

using codec::JsonReader;
using domain::Kind;

constexpr std::array<std::string_view, domain::kKinds> kPlurals{
    "zones", "sites", "models", "endpoints", "tenants", "projects", "keys", "policies"};

Result<Target> with_method(std::string_view method, std::string_view path, Target target,
                           std::string_view wanted) {
  if (method != wanted && !(wanted == "GET" && method == "HEAD")) {
    return fail(Code::kMethodNotAllowed, fmt::format("{} takes {}", path.substr(0, 200), wanted));
  }
  return target;
}

Result<Target> unknown(std::string_view path) {
  return fail(Code::kNotFound,
              fmt::format("there is nothing at {}; docs/reference/control-api.md lists what is",
                          path.substr(0, 200)));
}

// "a/b/c" → "a/b" if it ends in "/c".
std::optional<std::string_view> before(std::string_view name, std::string_view last) {
  if (!name.ends_with(last)) {
    return std::nullopt;
  }
  return name.substr(0, name.size() - last.size());
}

Result<Target> parse_object(std::string_view method, std::string_view path, Kind kind,
                            std::string_view name) {
  // A key's own name has three parts, so a fourth is what is to be done with it. Nothing is posted
  // to a key itself: one that is named wrongly is told so by whoever looks it up.
  if (kind == Kind::kKey && (std::ranges::count(name, '/') == 3 || method == "POST")) {
    if (const auto key = before(name, "/issue")) {
      return with_method(method, path, {Endpoint::kIssue, kind, std::string(*key)}, "POST");
    }
    if (const auto key = before(name, "/revoke")) {
      return with_method(method, path, {Endpoint::kRevoke, kind, std::string(*key)}, "POST");
    }
  }
  if (method == "DELETE") {
    return Target{Endpoint::kDelete, kind, std::string(name)};
  }
  if (method != "GET" && method != "HEAD") {
    return fail(Code::kMethodNotAllowed,
                fmt::format("{} takes GET and DELETE; objects are made by POST /api/v1/apply",
                            path.substr(0, 200)));
  }
  return Target{Endpoint::kGet, kind, std::string(name)};
}

Result<Target> parse_api(std::string_view method, std::string_view path, std::string_view rest) {
  struct Fixed {
    std::string_view rest;
    std::string_view method;
    Endpoint endpoint;
  };
  static constexpr std::array<Fixed, 5> kFixed{{
      {"apply", "POST", Endpoint::kApply},
      {"delete", "POST", Endpoint::kDeleteAll},
      {"usage", "GET", Endpoint::kUsage},
      {"network", "GET", Endpoint::kNetwork},
      {"network/rotate-secret", "POST", Endpoint::kRotate},
  }};
  for (const Fixed& fixed : kFixed) {
    if (rest == fixed.rest) {
      return with_method(method, path, {fixed.endpoint, {}, {}}, fixed.method);
    }
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::optional<Kind> kind = kind_of_plural(rest.substr(0, slash));
  if (!kind) {
    return unknown(path);
  }
  if (slash >= rest.size()) {
    return with_method(method, path, {Endpoint::kList, *kind, {}}, "GET");
  }
  return parse_object(method, path, *kind, rest.substr(slash + 1));
}

Result<Target> parse_edge(std::string_view method, std::string_view path, std::string_view rest) {
  constexpr std::string_view kSections = "sections/";
  if (rest == "sync") {
    return with_method(method, path, {Endpoint::kSync, {}, {}}, "POST");
  }
  if (rest == "watch") {
    return with_method(method, path, {Endpoint::kWatch, {}, {}}, "GET");
  }
  if (rest.starts_with(kSections)) {
    return with_method(method, path,
                       {Endpoint::kSection, {}, std::string(rest.substr(kSections.size()))}, "GET");
  }
  return unknown(path);
}

Error malformed(std::string_view what, const Result<void>& whole) {
  return {Code::kInvalidRequest, fmt::format("the body is not {}{}{}", what, whole ? "" : ": ",
                                             whole ? "" : whole.error().detail())};
}

void read_source(JsonReader& json, domain::Source& source, bool& good) {
  bool has_text = false;
  if (json.enter_object()) {
    while (const auto key = json.next_key()) {
      if (json.named(*key, "name")) {
        source.name = codec::json_unescape(json.string());
      } else if (json.named(*key, "text")) {
        source.text = codec::json_unescape(json.string());
        has_text = true;
      } else {
        json.skip();
      }
    }
  }
  good = good && has_text && !source.name.empty();
}

void read_object_name(JsonReader& json, std::vector<domain::ObjectName>& objects, bool& good) {
  std::optional<Kind> kind;
  std::string name;
  if (json.enter_object()) {
    while (const auto key = json.next_key()) {
      if (json.named(*key, "kind")) {
        kind = domain::parse_kind(codec::json_unescape(json.string()));
      } else if (json.named(*key, "name")) {
        name = codec::json_unescape(json.string());
      } else {
        json.skip();
      }
    }
  }
  good = good && kind && !name.empty();
  if (good) {
    objects.push_back({*kind, std::move(name)});
  }
}

// "%2C" → ","; nothing if it is malformed.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    int value = 0;
    const char* end = text.data() + std::min(i + 3, text.size());
    const auto parsed = std::from_chars(text.data() + i + 1, end, value, 16);
    if (i + 3 > text.size() || parsed.ptr != end || parsed.ec != std::errc()) {
      return std::nullopt;
    }
    decoded.push_back(static_cast<char>(value));
    i += 2;
  }
  return decoded;
}

Result<void> read_parameter(std::string_view name, std::string_view value, UsageQuery& query) {
  if (name == "by") {
    auto by = meter::parse_dimensions(value);
    if (!by) {
      return fail(Code::kInvalidRequest, by.error().detail());
    }
    query.by = *std::move(by);
    return {};
  }
  if (name != "wait") {
    return fail(
        Code::kInvalidRequest,
        fmt::format("there is no parameter `{}`; usage takes by and wait", name.substr(0, 40)));
  }
  int seconds = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size() || seconds < 0 ||
      std::chrono::seconds(seconds) > UsageQuery::kMostWait) {
    return fail(Code::kInvalidRequest, "wait takes whole seconds, 0 to 60");
  }
  query.wait = std::chrono::seconds(seconds);
  return {};
}

}  // namespace

std::string_view plural_of(Kind kind) { return kPlurals[static_cast<std::size_t>(kind)]; }

std::optional<Kind> kind_of_plural(std::string_view plural) {
  const auto found = std::ranges::find(kPlurals, plural);
  if (found == kPlurals.end()) {
    return std::nullopt;
  }
  return static_cast<Kind>(found - kPlurals.begin());
}

Result<Target> parse_target(std::string_view method, std::string_view path) {
  constexpr std::string_view kApi = "/api/v1/";
  constexpr std::string_view kEdge = "/edge/v1/";
  if (path.starts_with(kApi)) {
    return parse_api(method, path, path.substr(kApi.size()));
  }
  if (path.starts_with(kEdge)) {
    return parse_edge(method, path, path.substr(kEdge.size()));
  }
  if (path == "/healthz") {
    return with_method(method, path, {Endpoint::kHealth, {}, {}}, "GET");
  }
  if (path == "/readyz") {
    return with_method(method, path, {Endpoint::kReady, {}, {}}, "GET");
  }
  if (path == "/metrics") {
    return with_method(method, path, {Endpoint::kMetrics, {}, {}}, "GET");
  }
  return unknown(path);
}

Result<ApplyRequest> parse_apply(std::string_view text) {
  ApplyRequest request;
  bool good = true;
  JsonReader json(text);
  if (json.enter_object()) {
    while (const auto key = json.next_key()) {
      if (json.named(*key, "sources") && json.enter_array()) {
        while (json.next_element() && good) {
          read_source(json, request.sources.emplace_back(), good);
          good = good && request.sources.size() <= ApplyRequest::kMostSources;
        }
      } else if (json.named(*key, "dryRun")) {
        const std::optional<bool> dry_run = json.boolean();
        good = good && dry_run.has_value();
        request.dry_run = dry_run.value_or(false);
      } else {
        json.skip();
      }
    }
  }
  const Result<void> whole = good ? json.finish() : Result<void>();
  if (!whole || !good || request.sources.empty()) {
    return fail(malformed(R"({"sources":[{"name","text"}],"dryRun":false})", whole));
  }
  return request;
}

Result<std::vector<domain::ObjectName>> parse_delete(std::string_view text) {
  std::vector<domain::ObjectName> objects;
  bool good = true;
  JsonReader json(text);
  if (json.enter_object()) {
    while (const auto key = json.next_key()) {
      if (json.named(*key, "objects") && json.enter_array()) {
        while (json.next_element() && good) {
          read_object_name(json, objects, good);
          good = good && objects.size() <= kMostDeleted;
        }
      } else {
        json.skip();
      }
    }
  }
  const Result<void> whole = good ? json.finish() : Result<void>();
  if (!whole || !good || objects.empty()) {
    return fail(malformed(R"({"objects":[{"kind":"Tenant","name":"…"}]} of at most 1,000)", whole));
  }
  return objects;
}

// A member that is passed over, or an id that is empty, would revoke all.
Result<std::string> parse_revoke(std::string_view text) {
  std::string id;
  bool good = true;
  JsonReader json(text);
  if (json.enter_object()) {
    while (const auto key = json.next_key()) {
      if (json.named(*key, "id")) {
        id = codec::json_unescape(json.string());
        good = good && !id.empty();
      } else {
        json.skip();
        good = false;
      }
    }
  }
  const Result<void> whole = json.finish();
  if (!whole || !good) {
    return fail(malformed(R"({"id":"…"} and no other member, or {} to revoke all secrets)", whole));
  }
  return id;
}

Result<UsageQuery> parse_usage_query(std::string_view text) {
  UsageQuery query;
  std::vector<std::string_view> seen;
  while (!text.empty()) {
    const std::string_view parameter = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(parameter.size() + 1, text.size()));
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    const std::string_view value = parameter.substr(std::min(equals + 1, parameter.size()));
    const std::optional<std::string> decoded = percent_decoded(value);
    if (!decoded) {
      return fail(Code::kInvalidRequest, "the query has a broken percent escape");
    }
    const std::string_view name = parameter.substr(0, equals);
    if (std::ranges::find(seen, name) != seen.end()) {
      return fail(Code::kInvalidRequest,
                  fmt::format("the parameter `{}` is there twice; several dimensions are one list, "
                              "as in by=site,model",
                              name.substr(0, 40)));
    }
    seen.push_back(name);
    TDN_TRY_VOID(read_parameter(name, *decoded, query));
  }
  return query;
}

}  // namespace tdn::control
