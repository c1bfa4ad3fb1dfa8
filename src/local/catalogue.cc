#include "local/catalogue.h"

#include <fmt/format.h>

#include <algorithm>

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

// All or none; not there or in use is no failure.
io::Task<Result<bool>> remove_objects(client::ControlClient& control,
                                      std::vector<client::NamedObject> objects) {
  const Result<Node> answer =
      co_await control.post("/api/v1/delete", client::delete_body(objects), kControlPatience);
  if (!answer && answer.error().code() == Code::kUnavailable) {
    co_return fail(answer.error());
  }
  co_return answer.has_value();
}

// Those of the last start that are not described any more. What an operator put there may refer to
// a tenant of them: then it stays, and its policies with it, and only sites and their endpoints go.
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
  std::vector<client::NamedObject> gone;
  for (const ObjectLabel& object : former) {
    if (!object.kind.empty() && std::ranges::find(described, object) == described.end()) {
      gone.push_back({object.kind, object.name});
    }
  }
  if (gone.empty()) {
    co_return {};
  }
  TDN_CO_TRY(const bool all_gone, co_await remove_objects(control, gone));
  for (const std::string_view kind : {"Endpoint", "Site"}) {
    for (const client::NamedObject& object : gone) {
      if (!all_gone && object.kind == kind) {
        std::vector<client::NamedObject> one{object};
        TDN_CO_TRY_VOID(co_await remove_objects(control, std::move(one)));
      }
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
