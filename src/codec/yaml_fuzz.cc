// Any bytes give a tree within the limits or an error that names the file; never a throw.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "codec/yaml.h"

namespace {

using tdn::codec::yaml::Node;

std::size_t count(const Node& node, int depth, const tdn::codec::yaml::Limits& limits) {
  TDN_ASSERT(depth <= limits.depth);
  TDN_ASSERT(node.line >= 1 && node.column >= 1);
  std::size_t nodes = 1;
  for (const Node& item : node.items) {
    nodes += count(item, depth + 1, limits);
  }
  for (const auto& entry : node.entries) {
    TDN_ASSERT(node.find(entry.key) == &entry.value);  // no key twice
    nodes += count(entry.value, depth + 1, limits);
  }
  return nodes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const tdn::codec::yaml::Limits limits{.bytes = 64 << 10, .nodes = 2'000, .depth = 16};
  const auto documents = tdn::codec::yaml::parse(text, "fuzz", limits);
  if (!documents) {
    TDN_ASSERT(documents.error().detail().starts_with("fuzz:"));
    return 0;
  }
  std::size_t nodes = 0;
  for (const Node& document : *documents) {
    nodes += count(document, 0, limits);
  }
  TDN_ASSERT(nodes <= limits.nodes);
  return 0;
}
