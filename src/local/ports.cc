#include "local/ports.h"

#include <fmt/format.h>

#include <charconv>

#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace tdn::local {
namespace {

// The highest base that leaves room for the engine of the second site.
constexpr int kLastFirst = 65535 - PortChoice::kPerSite - 2;

void write_site(codec::JsonWriter& json, std::string_view name, const SitePorts& ports) {
  json.key(name).begin_object();
  json.key("gateway").number(int{ports.gateway});
  json.key("admin").number(int{ports.admin});
  json.key("engine").number(int{ports.engine}).end_object();
}

bool read_port(codec::JsonReader& json, std::uint16_t& port) {
  const std::optional<std::uint64_t> number = json.count();
  if (!number || *number > 65535) {
    return false;
  }
  port = static_cast<std::uint16_t>(*number);
  return true;
}

bool read_site(codec::JsonReader& json, SitePorts& ports) {
  bool good = json.enter_object();
  while (const auto key = json.next_key()) {
    if (codec::JsonReader::matches(*key, "gateway")) {
      good = read_port(json, ports.gateway) && good;
    } else if (codec::JsonReader::matches(*key, "admin")) {
      good = read_port(json, ports.admin) && good;
    } else if (codec::JsonReader::matches(*key, "engine")) {
      good = read_port(json, ports.engine) && good;
    } else {
      json.skip();
    }
  }
  return good;
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

PortPlan plan_ports(PortChoice choice) {
  if (choice.first == 0) {
    return {};
  }
  const auto port = [&](int offset) { return static_cast<std::uint16_t>(choice.first + offset); };
  return {.frankfurt = {.gateway = port(0), .admin = port(1), .engine = port(2)},
          .paris = {.engine = port(PortChoice::kPerSite + 2)}};
}

std::string to_json(const PortPlan& plan) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object();
  write_site(json, "frankfurt", plan.frankfurt);
  write_site(json, "paris", plan.paris);
  json.end_object();
  return text;
}

std::optional<PortPlan> parse_port_plan(std::string_view text) {
  PortPlan plan;
  codec::JsonReader json(text);
  bool good = json.enter_object();
  while (const auto key = json.next_key()) {
    if (codec::JsonReader::matches(*key, "frankfurt")) {
      good = read_site(json, plan.frankfurt) && good;
    } else if (codec::JsonReader::matches(*key, "paris")) {
      good = read_site(json, plan.paris) && good;
    } else {
      json.skip();
    }
  }
  return json.finish() && good ? std::optional(plan) : std::nullopt;
}

}  // namespace tdn::local
