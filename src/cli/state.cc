#include "cli/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "books/journal_files.h"
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

Result<Names> read_names(const std::string& dir, const std::vector<std::string>& journals) {
  std::set<std::string> folders{dir};
  for (const std::string& journal : journals) {
    folders.insert(io::parent_dir(journal));
  }
  Names names;
  for (const std::string& folder : folders) {
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
