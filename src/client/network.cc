#include "client/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace tdn::client {
namespace {

using codec::yaml::Node;
using codec::yaml::text_at;

// Of a number or of a decimal string; what is after a point is dropped.
std::optional<std::uint64_t> number_at(const Node& node, std::string_view path) {
  const std::string_view text = text_at(node, path);
  std::uint64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  return fault == std::errc() && end != text.data() ? std::optional(number) : std::nullopt;
}

EndpointView read_endpoint(const Node& node) {
  const std::optional<std::uint64_t> ttft_ms = number_at(node, "ttftMs");
  return {.name = std::string(text_at(node, "name")),
          .health = std::string(text_at(node, "health")),
          .running = number_at(node, "running").value_or(0),
          .waiting = number_at(node, "waiting").value_or(0),
          .tokens_per_second = number_at(node, "tokensPerSecond").value_or(0),
          .ttft_ms = ttft_ms == 0 ? std::nullopt : ttft_ms};
}

SiteView read_site(const Node& node) {
  SiteView site{.name = std::string(text_at(node, "name")),
                .state = std::string(text_at(node, "state")),
                .connected = text_at(node, "connected") == "true",
                .quarantined = !text_at(node, "quarantine").empty(),
                .last_sync = parse_rfc3339(text_at(node, "lastSync")),
                .snapshot = {},
                .acked = std::string(text_at(node, "acked")),
                .late_by_seconds = number_at(node, "lateBy").value_or(0),
                .endpoints = {}};
  if (const std::string_view version = text_at(node, "snapshot.version"); !version.empty()) {
    site.snapshot = fmt::format("{}.{}", text_at(node, "snapshot.controlEpoch"), version);
  }
  if (const Node* endpoints = node.find("endpoints"); endpoints != nullptr) {
    std::ranges::transform(endpoints->items, std::back_inserter(site.endpoints), read_endpoint);
  }
  return site;
}

template <class Views>
auto find_named(const Views& views, std::string_view name) -> decltype(views.data()) {
  const auto found = std::ranges::find(views, name, [](const auto& view) { return view.name; });
  return found == views.end() ? nullptr : &*found;
}

}  // namespace

const EndpointView* SiteView::find(std::string_view endpoint) const {
  return find_named(endpoints, endpoint);
}

const SiteView* NetworkView::find(std::string_view site) const { return find_named(sites, site); }

Result<NetworkView> read_network(const Node& answer) {
  const Node* sites = answer.find("sites");
  if (sites == nullptr) {
    return fail(Code::kUpstreamError, "control did not tell of its sites: is it another version?");
  }
  NetworkView network;
  std::ranges::transform(sites->items, std::back_inserter(network.sites), read_site);
  return network;
}

}  // namespace tdn::client
