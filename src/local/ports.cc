#include "local/ports.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include "codec/json_writer.h"
#include "codec/tree.h"

namespace tdn::local {
namespace {

using codec::yaml::Node;
using codec::yaml::text_at;

// The highest base that leaves room for one site and control.
constexpr int kLastFirst = 65535 - PortChoice::kControl;

constexpr std::array<std::pair<std::string_view, std::uint16_t SitePorts::*>, 4> kSitePorts{
    {{"gateway", &SitePorts::gateway},
     {"admin", &SitePorts::admin},
     {"engine", &SitePorts::engine},
     {"peers", &SitePorts::peers}}};

std::optional<std::uint16_t> read_port(const Node& node, std::string_view name) {
  const std::string_view text = text_at(node, name);
  std::uint16_t port = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
  return fault == std::errc() && end == text.data() + text.size() ? std::optional(port)
                                                                  : std::nullopt;
}

}  // namespace

Result<PortChoice> parse_port_choice(std::string_view text) {
  if (text == "auto") {
    return PortChoice{.first = 0};
  }
  int first = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), first);
  if (error != std::errc() || end != text.data() + text.size() || first < 1 || first > kLastFirst) {
    return fail(Code::kInvalid, fmt::format("--ports '{}': give auto, or the first port, 1 to {}",
                                            text, kLastFirst));
  }
  return PortChoice{.first = static_cast<std::uint16_t>(first)};
}

Result<PortPlan> plan_ports(PortChoice choice, const std::vector<std::string>& sites) {
  PortPlan plan;
  int base = choice.first;
  for (const std::string& site : sites) {
    SitePorts& ports = plan.sites[site];
    if (choice.first == 0) {
      continue;
    }
    if (base + 3 > 65535) {
      return fail(Code::kInvalid,
                  fmt::format("--ports {}: no room for {} sites, {} ports each; give a lower one",
                              choice.first, sites.size(), PortChoice::kPerSite));
    }
    int next = base;
    for (const auto& [name, member] : kSitePorts) {
      ports.*member = static_cast<std::uint16_t>(next++);
    }
    base += PortChoice::kPerSite;
  }
  plan.control = choice.first == 0
                     ? std::uint16_t{0}
                     : static_cast<std::uint16_t>(choice.first + PortChoice::kControl);
  return plan;
}

std::string to_json(const PortPlan& plan) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("control").number(int{plan.control}).key("sites").begin_object();
  for (const auto& [site, ports] : plan.sites) {
    json.key(site).begin_object();
    for (const auto& [name, member] : kSitePorts) {
      json.key(name).number(int{ports.*member});
    }
    json.end_object();
  }
  json.end_object().end_object();
  return text;
}

std::optional<PortPlan> parse_port_plan(std::string_view text) {
  const Result<Node> tree = codec::yaml::from_json(text);
  const Node* sites = tree ? tree->find("sites") : nullptr;
  const std::optional<std::uint16_t> control = tree ? read_port(*tree, "control") : std::nullopt;
  if (!control || sites == nullptr || !sites->is_mapping()) {
    return std::nullopt;
  }
  PortPlan plan{.control = *control, .sites = {}};
  for (const codec::yaml::Entry& site : sites->entries) {
    for (const auto& [name, member] : kSitePorts) {
      const std::optional<std::uint16_t> port = read_port(site.value, name);
      if (!port) {
        return std::nullopt;
      }
      plan.sites[site.key].*member = *port;
    }
  }
  return plan;
}

}  // namespace tdn::local
