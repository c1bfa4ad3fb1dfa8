#include "cli/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "books/journal_files.h"
#include "codec/hex.h"
#include "codec/tree.h"
#include "domain/identity.h"

namespace tdn::cli {
namespace {

constexpr int kDepth = 3;

bool has_segments(const std::vector<std::string>& names) {
  return std::ranges::any_of(names, [](const std::string& name) {
    return books::parse_file_name(name, books::kSegmentSuffix).has_value();
  });
}

// Folders only by trying: what cannot be listed is a file, or is not ours to read.
void search(io::Disk& disk, const std::string& dir, int depth, std::vector<std::string>& found) {
  const auto names = disk.list(dir);
  if (!names) {
    return;
  }
  if (has_segments(*names)) {
    found.push_back(dir);
    return;
  }
  for (const std::string& name : *names) {
    if (depth > 0) {
      search(disk, dir + "/" + name, depth - 1, found);
    }
  }
}

// What a snapshot's sections call the objects of a kind.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kMembers{{
    {"zones", "Zone"},
    {"sites", "Site"},
    {"accounts", "Account"},
    {"models", "Model"},
    {"endpoints", "Endpoint"},
    {"tenants", "Tenant"},
    {"projects", "Project"},
    {"keys", "Key"},
}};

// The sections of an edge's last snapshot are files named by their hash.
bool is_section(const std::string& name) { return name.size() == 64 && codec::from_hex(name); }

Result<void> add_section(io::Disk& disk, const std::string& path, Names& names) {
  TDN_TRY(const std::vector<std::uint8_t> bytes, io::read_file(disk, path));
  TDN_TRY(const codec::yaml::Node section, codec::yaml::from_json(text_of(bytes)));
  for (const auto& [member, kind] : kMembers) {
    const codec::yaml::Node* const objects = section.find(member);
    if (objects == nullptr) {
      continue;
    }
    for (const codec::yaml::Node& object : objects->items) {
      const std::optional<Uid> uid = Uid::parse(codec::yaml::text_at(object, "uid"));
      if (uid) {
        names[std::string(kind)].insert_or_assign(
            *uid, std::string(codec::yaml::text_at(object, "name")));
      }
    }
  }
  return {};
}

Result<void> add_snapshot(io::Disk& disk, const std::string& folder, Names& names) {
  const auto files = disk.list(folder);
  if (!files) {
    return {};  // an edge alone has none
  }
  for (const std::string& file : *files) {
    if (is_section(file)) {
      TDN_TRY_VOID(add_section(disk, folder + "/" + file, names));
    }
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> find_journals(io::Disk& disk, const std::string& dir) {
  TDN_TRY_VOID(disk.list(dir));
  std::vector<std::string> found;
  search(disk, dir, kDepth, found);
  if (found.empty()) {
    return fail(
        Code::kMissing,
        fmt::format("{}: no journal (*.tj) here or below; give the --state folder of an edge "
                    "or of tdn up",
                    dir));
  }
  return found;
}

Result<Names> read_names(io::Disk& disk, const std::string& dir,
                         const std::vector<std::string>& journals) {
  std::set<std::string> folders{dir};
  for (const std::string& journal : journals) {
    folders.insert(io::parent_dir(journal));
  }
  Names names;
  for (const std::string& folder : folders) {
    TDN_TRY_VOID(add_snapshot(disk, folder + "/snapshot", names));
    TDN_TRY(const domain::Identities identities, domain::read_identities(folder + "/uids.json"));
    for (const domain::FormerObject& former : identities.former) {
      names[former.kind].emplace(former.uid, former.name);
    }
    for (const auto& [kind, objects] : identities.kinds) {
      for (const auto& [name, identity] : objects) {
        names[kind].insert_or_assign(identity.uid, name);
      }
    }
  }
  return names;
}

}  // namespace tdn::cli
