// How commands name kinds of objects: `site`, `sites`, `si`, `Site`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "domain/manifest.h"

namespace tdn::cli {

struct KindName {
  domain::Kind kind;
  std::string_view manifest;  // "Site"
  std::string_view singular;
  std::string_view plural;  // also in control's paths
  std::string_view brief;
};

// In the order in which one object needs another: a kind refers to those before it only.
[[nodiscard]] std::span<const KindName> kind_names();
[[nodiscard]] const KindName& name_of(domain::Kind kind);

// kInvalid, with what there is, for anything else.
[[nodiscard]] Result<KindName> find_kind(std::string_view word);

// "KIND NAME", "KIND/NAME" or, where `name_needed` is false, "KIND".
struct Reference {
  KindName kind;
  std::string name;  // empty: all
};
[[nodiscard]] Result<Reference> parse_reference(std::string_view first, std::string_view second,
                                                bool name_needed);

// "/api/v1/sites" and "/api/v1/sites/frankfurt".
[[nodiscard]] std::string path_of(const KindName& kind, std::string_view name = {});

}  // namespace tdn::cli
