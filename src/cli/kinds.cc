#include "cli/kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "client/control.h"

namespace tdn::cli {
namespace {

using domain::Kind;

constexpr std::array<KindName, domain::kKinds> kNames{{
    {Kind::kZone, "Zone", "zone", "zones", "zo"},
    {Kind::kSite, "Site", "site", "sites", "si"},
    {Kind::kModel, "Model", "model", "models", "mo"},
    {Kind::kEndpoint, "Endpoint", "endpoint", "endpoints", "ep"},
    {Kind::kTenant, "Tenant", "tenant", "tenants", "te"},
    {Kind::kProject, "Project", "project", "projects", "pj"},
    {Kind::kKey, "Key", "key", "keys", "ke"},
    {Kind::kPolicy, "Policy", "policy", "policies", "po"},
}};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

}  // namespace

std::span<const KindName> kind_names() { return kNames; }

const KindName& name_of(Kind kind) { return *std::ranges::find(kNames, kind, &KindName::kind); }

Result<KindName> find_kind(std::string_view word) {
  const std::string given = lower(word);
  std::vector<std::string_view> known;
  std::string list;
  for (const KindName& name : kNames) {
    if (given == name.singular || given == name.plural || given == name.brief) {
      return name;
    }
    known.insert(known.end(), {name.singular, name.plural});
    list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", name.plural, name.brief);
  }
  const std::string meant = domain::did_you_mean(given, known);
  return fail(Code::kInvalid, fmt::format("there is no kind `{}`{}", word.substr(0, 100),
                                          meant.empty() ? "; there are " + list : meant));
}

Result<Reference> parse_reference(std::string_view first, std::string_view second,
                                  bool name_needed) {
  std::string_view kind = first;
  std::string_view name = second;
  // Names hold slashes themselves: the first one ends the kind.
  if (const std::size_t slash = first.find('/'); name.empty() && slash != first.npos) {
    kind = first.substr(0, slash);
    name = first.substr(slash + 1);
  }
  TDN_TRY(const KindName found, find_kind(kind));
  if (name_needed && name.empty()) {
    return fail(Code::kInvalid, fmt::format("which {}? give its name", found.singular));
  }
  return Reference{found, std::string(name)};
}

std::string path_of(const KindName& kind, std::string_view name) {
  return name.empty() ? fmt::format("/api/v1/{}", kind.plural)
                      : fmt::format("/api/v1/{}/{}", kind.plural, client::escape_path(name));
}

}  // namespace tdn::cli
