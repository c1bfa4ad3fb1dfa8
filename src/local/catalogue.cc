#include "local/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "client/change.h"
#include "local/files.h"

namespace tdn::local {
namespace {

using client::ManifestText;
using codec::yaml::Node;

// Control answers within five seconds even if edges are late.
constexpr Duration kControlPatience = std::chrono::seconds(15);

std::string path_in(const StateFolder& state, const std::string& name) {
  return state.file("manifests/" + name);
}

// Whether control has any site: if not, its store is new, whatever the folder says.
io::Task<Result<bool>> is_empty(client::ControlClient& control) {
  TDN_CO_TRY(const Node sites, co_await control.get("/api/v1/sites"));
  const Node* items = sites.find("items");
  co_return items == nullptr || items->items.empty();
}

io::Task<Result<void>> remove_object(client::ControlClient& control, std::string path) {
  const Result<Node> answer = co_await control.remove(std::move(path), kControlPatience);
  // What something else refers to stays: an operator put that there, and takes it out.
  if (!answer && answer.error().code() == Code::kUnavailable) {
    co_return fail(answer.error());
  }
  co_return {};
}

// "Policy" → "/api/v1/policies/": what control calls the kinds that we put there.
std::string folder_of(std::string_view kind) {
  std::string plural(kind);
  plural.front() = static_cast<char>(plural.front() - 'A' + 'a');
  if (plural.ends_with('y') && plural != "key") {
    plural.replace(plural.size() - 1, 1, "ie");
  }
  return fmt::format("/api/v1/{}s/", plural);
}

// Those of the last start that are not described any more, the last first, for they may refer to
// those before.
io::Task<Result<void>> remove_former(client::ControlClient& control, const StateFolder& state,
                                     const std::vector<ManifestFile>& files) {
  std::vector<ObjectLabel> described;
  std::vector<ObjectLabel> former;
  for (const ManifestFile& file : files) {
    const std::vector<ObjectLabel> objects = objects_in(file.text);
    described.insert(described.end(), objects.begin(), objects.end());
  }
  for (const auto& [name, only] :
       {std::pair{"sites.yaml", "Site"}, {"models.yaml", "Endpoint"}, {"scenario.yaml", ""}}) {
    for (ObjectLabel& object : objects_in(read_text(path_in(state, name)).value_or(""))) {
      if (std::string_view(only).empty() || object.kind == only) {
        former.push_back(std::move(object));
      }
    }
  }
  for (const ObjectLabel& object : former | std::views::reverse) {
    if (!object.kind.empty() && std::ranges::find(described, object) == described.end()) {
      std::string path = folder_of(object.kind) + object.name;
      TDN_CO_TRY_VOID(co_await remove_object(control, std::move(path)));
    }
  }
  co_return {};
}

}  // namespace

io::Task<Result<void>> put_catalogue(client::ControlClient& control, const StateFolder& state,
                                     const NetworkDescription& network) {
  TDN_CO_TRY(const bool all, co_await is_empty(control));
  const std::vector<ManifestFile> files = write_manifests(network);
  std::vector<ManifestText> changed;
  for (const ManifestFile& file : files) {
    const Result<std::string> last = read_text(path_in(state, file.name));
    if (all || !last || *last != file.text) {
      changed.push_back({file.name, file.text});
    }
  }
  if (changed.empty()) {
    co_return {};
  }
  std::string body = client::apply_body(changed, false);
  TDN_CO_TRY_VOID(co_await control.post("/api/v1/apply", std::move(body), kControlPatience));
  if (!all) {
    TDN_CO_TRY_VOID(co_await remove_former(control, state, files));
  }
  // Last, so that a start that was broken off before does it again.
  for (const ManifestFile& file : files) {
    TDN_CO_TRY_VOID(write_private(path_in(state, file.name), file.text));
  }
  if (network.more.empty()) {
    remove_file(path_in(state, "scenario.yaml"));
  }
  co_return {};
}

}  // namespace tdn::local
