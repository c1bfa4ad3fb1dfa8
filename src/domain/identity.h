// Who an object is over time: a uid given at first sight and never reused, and a version that
// counts the changes of its spec. Records carry both, so they stay true when names are reused and
// prices change. An edge without control keeps them in its state folder as `uids.json`:
//
//   {"kinds":{"Model":{"smollm2":{"uid":"…","version":2,"digest":"…",
//                                 "parts":{"price":{"version":1,"digest":"…"}}}}},
//    "former":[{"kind":"Tenant","name":"old","uid":"…"}]}
//
// Beside the manifests' kinds there are Account (owners of sites) and PolicySet, whose one member
// `all` counts the changes of all policies and zones together: the policy version of a record.
// Parts with versions of their own: Model has price and weights, Site has jurisdiction. An object
// that is gone from the manifests moves to `former`, where reports find its name; created again, it
// is another object.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "base/uid.h"
#include "domain/kinds.h"

namespace tdn::domain {

struct Revision {
  std::uint64_t version = 1;
  std::string digest;  // digest.h
};

struct Identity {
  Uid uid;
  Revision revision;
  std::map<std::string, Revision> parts;
};

struct FormerObject {
  std::string kind;
  std::string name;
  Uid uid;
};

struct Identities {
  static constexpr std::size_t kMostFormer = 10'000;  // the oldest are forgotten first

  std::map<std::string, std::map<std::string, Identity>> kinds;
  std::vector<FormerObject> former;

  // Null if there is none.
  [[nodiscard]] const Identity* find(std::string_view kind, std::string_view name) const;
};

// Brings the identities up to what the manifests say. True if anything changed.
bool update(Identities& identities, const Manifests& manifests, WallTime now, Random& random);

// The same step by step, for who knows what changed: each object that was made or changed, each
// that is gone, and at last what all have in common (accounts, the set of policies), which is
// cheap. True if anything changed.
template <class Spec>
bool revise(Identities& identities, Kind kind, const Object<Spec>& object, WallTime now,
            Random& random);
bool forget(Identities& identities, std::string_view kind, const std::string& name);
bool revise_common(Identities& identities, const Manifests& manifests, WallTime now,
                   Random& random);

[[nodiscard]] std::string to_json(const Identities& identities);
[[nodiscard]] Result<Identities> parse_identities(std::string_view json, std::string_view file);

// An absent file is an empty set; a damaged one is an error, for new uids would orphan the books.
[[nodiscard]] Result<Identities> read_identities(const std::string& path);
// Atomic and durable: a temporary file, synced, renamed, its folder synced.
[[nodiscard]] Result<void> write_identities(const std::string& path, const Identities& identities);

}  // namespace tdn::domain
