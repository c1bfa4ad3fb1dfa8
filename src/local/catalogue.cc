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
constexpr Duration kPatience = std::chrono::seconds(15);

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
  const Result<Node> answer = co_await control.remove(std::move(path), kPatience);
  // What something else refers to stays: an operator put that there, and takes it out.
  if (!answer && answer.error().code() == Code::kUnavailable) {
    co_return fail(answer.error());
  }
  co_return {};
}

// Those of the last start that are not described any more.
io::Task<Result<void>> remove_former_sites(client::ControlClient& control, const StateFolder& state,
                                           const NetworkDescription& network) {
  const Result<std::string> former = read_text(path_in(state, "sites.yaml"));
  if (!former) {
    co_return {};
  }
  for (const std::string& site : sites_in(*former)) {
    const bool stays = std::ranges::any_of(
        network.sites, [&](const SiteDescription& one) { return one.plan.name == site; });
    if (stays) {
      continue;
    }
    std::string endpoint = "/api/v1/endpoints/" + endpoint_of(site);
    TDN_CO_TRY_VOID(co_await remove_object(control, std::move(endpoint)));
    TDN_CO_TRY_VOID(co_await remove_object(control, "/api/v1/sites/" + site));
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
  TDN_CO_TRY_VOID(co_await control.post("/api/v1/apply", std::move(body), kPatience));
  if (!all) {
    TDN_CO_TRY_VOID(co_await remove_former_sites(control, state, network));
  }
  // Last, so that a start that was broken off before does it again.
  for (const ManifestFile& file : files) {
    TDN_CO_TRY_VOID(write_private(path_in(state, file.name), file.text));
  }
  co_return {};
}

}  // namespace tdn::local
