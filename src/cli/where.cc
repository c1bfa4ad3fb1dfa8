#include "cli/where.h"

#include <fmt/format.h>

#include <filesystem>
#include <span>
#include <vector>

#include "codec/tree.h"
#include "local/breaker.h"
#include "local/files.h"
#include "local/reports.h"

namespace tdn::cli {
namespace {

using codec::yaml::Node;
using codec::yaml::text_at;

constexpr std::string_view kToken = "operator-token";

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// Where control keeps its files below a state folder; empty if there is no control.
std::string control_folder(const std::string& state) {
  for (const std::string& folder : {state + "/control", state}) {
    if (exists(fmt::format("{}/{}", folder, kToken))) {
      return folder;
    }
  }
  return {};
}

Result<Secret> read_token(const std::string& path) {
  TDN_TRY(std::string text, local::read_text(path));
  while (text.ends_with('\n') || text.ends_with('\r')) {
    text.pop_back();
  }
  if (text.empty() || text.find_first_of(" \t\r\n") != text.npos) {
    return fail(Code::kInvalid,
                fmt::format("{} holds no token: give control's operator-token", path));
  }
  return Secret(std::move(text));
}

// What to do about a control that is away. Below a `tdn up` that runs it comes back by itself,
// unless it was killed on purpose.
std::string remedy_for(const std::string& state, bool alone) {
  if (alone) {
    return fmt::format("start it with `tdn control --state {}`", state);
  }
  if (exists(local::chaos_file(state))) {
    return fmt::format(
        "`tdn chaos heal control --state {}` starts it if that killed it; otherwise `tdn up` will",
        state);
  }
  return fmt::format("start it with `tdn up --state {}`", state);
}

Result<client::Control> control_of_state(const std::string& state) {
  const std::string folder = control_folder(state);
  if (folder.empty()) {
    return fail(Code::kMissing,
                fmt::format("there is no network in {}: start one with `tdn up --state {}`, or say "
                            "where it is by --state, --control or --context",
                            state, state));
  }
  const std::string remedy = remedy_for(state, folder == state);
  const Result<std::string> ready =
      local::read_text(fmt::format("{}/{}", folder, local::kControlReadyFile));
  if (!ready) {
    return fail(Code::kUnavailable, fmt::format("control is not running in {}: {}", state, remedy));
  }
  TDN_TRY(const Node report, codec::yaml::from_json(*ready));
  TDN_TRY(Secret token, read_token(fmt::format("{}/{}", folder, kToken)));
  return client::Control{
      .url = std::string(text_at(report, "control")), .token = std::move(token), .remedy = remedy};
}

Result<client::Control> control_at(const std::string& url, const std::string& token_file,
                                   std::string_view asked_by) {
  if (token_file.empty()) {
    return fail(Code::kInvalid, fmt::format("{} {} needs the operator token: give the file that "
                                            "holds it (operator-token in control's state folder)",
                                            asked_by, url));
  }
  TDN_TRY(Secret token, read_token(token_file));
  std::string base = url;
  while (base.ends_with('/')) {
    base.pop_back();
  }
  return client::Control{.url = std::move(base),
                         .token = std::move(token),
                         .remedy = "start it with `tdn up`, or `tdn control`"};
}

// The contexts file: `current: NAME` and `contexts: [{name, control, tokenFile} or {name, state}]`.
struct Context {
  std::string name;
  std::string control;
  std::string token_file;
  std::string state;
};

Result<Context> read_context(const Node& item, const std::string& file) {
  Context context{.name = std::string(text_at(item, "name")),
                  .control = std::string(text_at(item, "control")),
                  .token_file = std::string(text_at(item, "tokenFile")),
                  .state = std::string(text_at(item, "state"))};
  const bool address = !context.control.empty() && !context.token_file.empty();
  if (context.name.empty() || address == !context.state.empty()) {
    return fail(Code::kInvalid,
                fmt::format("{}:{}: a context needs name and either state or control and tokenFile",
                            file, item.line));
  }
  return context;
}

// None: there is no contexts file, or it names no current one and none was asked for.
Result<std::optional<Context>> find_context(const std::string& asked, const std::string& file) {
  const Result<std::string> text = local::read_text(file);
  if (!text) {
    if (asked.empty() && (file.empty() || text.error().code() == Code::kMissing)) {
      return std::nullopt;
    }
    return fail(text.error().with("--context " + asked));
  }
  TDN_TRY(const std::vector<Node> documents, codec::yaml::parse(*text, file));
  const Node all = documents.empty() ? Node() : documents.front();
  const std::string wanted = asked.empty() ? std::string(text_at(all, "current")) : asked;
  if (wanted.empty()) {
    return std::nullopt;
  }
  std::string known;
  if (const Node* contexts = all.find("contexts"); contexts != nullptr) {
    for (const Node& item : contexts->items) {
      TDN_TRY(Context context, read_context(item, file));
      if (context.name == wanted) {
        return context;
      }
      known += (known.empty() ? "" : ", ") + context.name;
    }
  }
  return fail(Code::kMissing, fmt::format("{}: there is no context `{}`; there are: {}", file,
                                          wanted, known.empty() ? "none" : known));
}

// The file in which `tdn up` puts them in at its start; other kinds are among them.
Result<std::vector<Node>> written_sites(const std::string& state) {
  const std::string file = state + "/manifests/sites.yaml";
  TDN_TRY(const std::string text, local::read_text(file));
  return codec::yaml::parse(text, file);
}

// `site`, or the first, if it says where its gateway is; else null.
const Node* find_with_gateway(std::span<const Node> sites, std::string_view site) {
  for (const Node& one : sites) {
    if ((site.empty() || text_at(one, "metadata.name") == site) &&
        !text_at(one, "spec.gateway").empty()) {
      return &one;
    }
  }
  return nullptr;
}

std::string text_of(const Node* site, std::string_view path) {
  return site == nullptr ? std::string() : std::string(text_at(*site, path));
}

}  // namespace

std::string default_contexts_file(const char* xdg_config_home, const char* home) {
  // Relative values are to be ignored (XDG Base Directory Specification 0.8).
  if (xdg_config_home != nullptr && *xdg_config_home == '/') {
    return std::string(xdg_config_home) + "/tdn/contexts.yaml";
  }
  return home != nullptr && *home != '\0' ? std::string(home) + "/.config/tdn/contexts.yaml" : "";
}

bool is_network(const std::string& state) { return !control_folder(state).empty(); }

Result<std::optional<std::string>> find_state(const Where& where, const WhereDefaults& defaults) {
  if (!where.control.empty()) {
    return std::nullopt;
  }
  if (!where.state.empty()) {
    return where.state;
  }
  TDN_TRY(const std::optional<Context> context,
          find_context(where.context, defaults.contexts_file));
  if (!context) {
    return defaults.state;
  }
  return context->state.empty() ? std::nullopt : std::optional(context->state);
}

Result<client::Control> find_control(const Where& where, const WhereDefaults& defaults) {
  if (!where.control.empty()) {
    return control_at(where.control, where.token_file, "--control");
  }
  TDN_TRY(const std::optional<std::string> state, find_state(where, defaults));
  if (state) {
    return control_of_state(*state);
  }
  TDN_TRY(const std::optional<Context> context,
          find_context(where.context, defaults.contexts_file));
  return control_at(context->control, context->token_file, "the context's control");
}

std::string written_gateway(const std::string& state, std::string_view site) {
  const Result<std::vector<Node>> sites = written_sites(state);
  return sites ? text_of(find_with_gateway(*sites, site), "spec.gateway") : std::string();
}

io::Task<Result<std::string>> find_gateway(client::ControlClient& control, std::string state,
                                           std::string site) {
  if (site.empty()) {
    const Result<std::vector<Node>> written = written_sites(state);
    site = written ? text_of(find_with_gateway(*written, ""), "metadata.name") : "";
  }
  TDN_CO_TRY(const Node sites, co_await control.get("/api/v1/sites"));
  const Node* const items = sites.find("items");
  std::string gateway =
      items == nullptr ? "" : text_of(find_with_gateway(items->items, site), "spec.gateway");
  if (gateway.empty()) {
    co_return fail(Code::kMissing,
                   fmt::format("{} of this network says where its gateway is; see `tdn get sites`",
                               site.empty() ? "no site" : "no site " + site));
  }
  co_return gateway;
}

}  // namespace tdn::cli
