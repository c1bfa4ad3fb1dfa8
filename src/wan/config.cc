#include "wan/config.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "codec/json_writer.h"
#include "codec/yaml_fields.h"

namespace tdn::wan {
namespace {

using codec::YamlFields;
using codec::yaml::Node;

constexpr std::string_view kReference = "docs/internals/wan.md";

// On loopback; any port if it may be left out and is.
Result<io::Address> address(YamlFields& fields, std::string_view name, bool may_lack) {
  const Node* node = fields.take(name);
  if (node == nullptr && may_lack) {
    return any_port();
  }
  if (node == nullptr) {
    return fail(fields.wrong(fmt::format("{} is missing; give 127.0.0.1:PORT", name)));
  }
  const Result<io::Address> address = io::Address::parse(node->text);
  if (!address || !address->is_loopback()) {
    return fail(fields.wrong(*node, fmt::format("{}: give an address on loopback, 127.0.0.1:PORT; "
                                                "this network is on one machine",
                                                name)));
  }
  return *address;
}

Duration from_ms(double ms) {
  return std::chrono::round<Duration>(std::chrono::duration<double, std::milli>(ms));
}

double to_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

Result<LinkPlan> read_link(const Node& node, const std::string& file) {
  YamlFields fields(node, file, kReference);
  LinkPlan link;
  TDN_TRY(link.from, fields.text("from"));
  TDN_TRY(link.to, fields.text("to"));
  TDN_TRY(link.listen, address(fields, "listen", true));
  TDN_TRY(link.target, address(fields, "target", false));
  TDN_TRY(const double rtt, fields.number("rttMs", {.most = kMostRttMs}));
  TDN_TRY(const double jitter, fields.number("jitterMs", {.most = kMostRttMs, .otherwise = 0}));
  TDN_TRY(const double bytes, fields.number("bytesPerSecond", {.most = 1e12, .otherwise = 0}));
  TDN_TRY_VOID(fields.done());
  if (bytes > 0 && bytes < 1) {
    return fail(fields.wrong(node, "bytesPerSecond is 0, for no bound, or at least 1"));
  }
  if (link.from == link.to) {
    return fail(
        fields.wrong(node, fmt::format("a link from {} to itself; give two nodes", link.from)));
  }
  link.rtt = from_ms(rtt);
  link.jitter = from_ms(jitter);
  link.bytes_per_second = static_cast<std::uint64_t>(bytes);
  return link;
}

Result<void> read_control(const Node& node, const std::string& file, Config& config) {
  YamlFields fields(node, file, kReference);
  TDN_TRY(config.control, address(fields, "listen", true));
  TDN_TRY(config.token_file, fields.text("tokenFile"));
  return fields.done();
}

}  // namespace

io::Address any_port() {
  io::Address address;
  address.ip[0] = 127;
  address.ip[3] = 1;
  return address;
}

Result<Config> parse_config(std::string_view text, const std::string& file) {
  TDN_TRY(const std::vector<Node> documents, codec::yaml::parse(text, file));
  if (documents.size() != 1) {
    return fail(Code::kInvalid, fmt::format("{}: {} documents; give one, with control and links",
                                            file, documents.size()));
  }
  const Node& root = documents.front();
  YamlFields fields(root, file, kReference);
  Config config;
  const Node* control = fields.take("control");
  const Node* links = fields.take("links");
  TDN_TRY_VOID(fields.done());
  if (control == nullptr || links == nullptr) {
    return fail(fields.wrong(root, "control and links are needed; see docs/internals/wan.md"));
  }
  TDN_TRY_VOID(read_control(*control, file, config));
  if (!links->is_sequence() || links->items.empty() || links->items.size() > kMostLinks) {
    return fail(fields.wrong(*links, fmt::format("links must be a list of 1 to {}", kMostLinks)));
  }
  std::set<std::pair<std::string, std::string>> pairs;
  for (const Node& node : links->items) {
    TDN_TRY(LinkPlan link, read_link(node, file));
    if (!pairs.emplace(link.from, link.to).second) {
      return fail(fields.wrong(
          node, fmt::format("a second link from {} to {}; take one out", link.from, link.to)));
    }
    config.links.push_back(std::move(link));
  }
  return config;
}

std::string to_json(const Config& config) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("control").begin_object();
  json.key("listen").string(io::to_string(config.control));
  json.key("tokenFile").string(config.token_file).end_object();
  json.key("links").begin_array();
  for (const LinkPlan& link : config.links) {
    json.begin_object().key("from").string(link.from).key("to").string(link.to);
    json.key("listen").string(io::to_string(link.listen));
    json.key("target").string(io::to_string(link.target));
    json.key("rttMs").number(to_ms(link.rtt)).key("jitterMs").number(to_ms(link.jitter));
    json.key("bytesPerSecond").number(link.bytes_per_second).end_object();
  }
  json.end_array().end_object();
  return text;
}

Names names_of(const std::vector<LinkPlan>& links) {
  Names names;
  for (const LinkPlan& link : links) {
    names.insert(link.from);
    names.insert(link.to);
  }
  return names;
}

}  // namespace tdn::wan
