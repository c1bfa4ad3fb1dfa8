#include "control/nodes.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "codec/hex.h"
#include "codec/json_reader.h"
#include "domain/fields.h"

namespace tdn::control {
namespace {

using codec::JsonReader;

codec::Digest digest_of(std::string_view token) { return codec::sha256(bytes_of(token)); }

}  // namespace

Result<Nodes> Nodes::parse(std::string_view text, std::string_view file) {
  Nodes nodes;
  std::string wrong;
  JsonReader json(text);
  const auto read_node = [&] {
    Node node;
    bool has_hash = false;
    while (const auto key = json.next_key()) {
      if (json.named(*key, "site")) {
        node.site = codec::json_unescape(json.string());
      } else if (json.named(*key, "sha256")) {
        has_hash = codec::from_hex(json.string(), std::span(node.sha256));
      } else {
        json.skip();
      }
    }
    const bool again =
        std::ranges::find(nodes.nodes_, node.site, &Node::site) != nodes.nodes_.end();
    if (!has_hash || again || domain::check_format(domain::Format::kLabel, node.site)) {
      wrong = fmt::format("node `{}` {}", node.site.substr(0, 80),
                          again ? "stands there twice" : "needs a site's name and 64 hex digits");
    }
    nodes.nodes_.push_back(std::move(node));
  };
  if (json.enter_object()) {
    while (const auto key = json.next_key()) {
      if (!json.named(*key, "nodes")) {
        json.skip();
        continue;
      }
      json.enter_array();
      while (json.next_element() && nodes.nodes_.size() < kMost && json.enter_object()) {
        read_node();
      }
    }
  }
  const Result<void> whole = json.finish();
  if (!whole || !wrong.empty()) {
    return fail(Code::kInvalid, fmt::format("{}: {}; write {{\"nodes\":[{{\"site\",\"sha256\"}}]}}",
                                            file, wrong.empty() ? whole.error().detail() : wrong));
  }
  return nodes;
}

void Nodes::add(std::string site, std::string_view secret) {
  nodes_.push_back({std::move(site), digest_of(secret)});
}

std::optional<std::string> Nodes::authenticate(std::string_view secret) const {
  const codec::Digest presented = digest_of(secret);
  const Node* found = nullptr;
  for (const Node& node : nodes_) {  // all of them, so that time tells nothing
    if (codec::equal_in_constant_time(node.sha256, presented)) {
      found = &node;
    }
  }
  return found == nullptr ? std::nullopt : std::optional(found->site);
}

OperatorToken::OperatorToken(const Secret& token) : sha256_(digest_of(token.reveal())) {}

bool OperatorToken::matches(std::string_view token) const {
  return codec::equal_in_constant_time(sha256_, digest_of(token));
}

std::optional<std::string_view> bearer_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  if (authorization.size() <= kScheme.size() ||
      !std::ranges::equal(authorization.substr(0, kScheme.size()), kScheme, {}, lower)) {
    return std::nullopt;
  }
  return authorization.substr(kScheme.size());
}

}  // namespace tdn::control
