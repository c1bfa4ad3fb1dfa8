// Whatever is taken as JSON comes back the same through both ways of writing it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "codec/tree.h"

namespace {

using tdn::codec::yaml::Node;

bool same(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.text != b.text || a.items.size() != b.items.size() ||
      a.entries.size() != b.entries.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!same(a.items[i], b.items[i])) {
      return false;
    }
  }
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    if (a.entries[i].key != b.entries[i].key || !same(a.entries[i].value, b.entries[i].value)) {
      return false;
    }
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tree = tdn::codec::yaml::from_json({reinterpret_cast<const char*>(data), size});
  if (!tree) {
    return 0;
  }
  const auto again = tdn::codec::yaml::from_json(tdn::codec::yaml::to_json(*tree));
  TDN_ASSERT(again.has_value() && same(*tree, *again));
  // YAML refuses what JSON lets pass: a name twice, a zero byte, many levels.
  const auto documents = tdn::codec::yaml::parse(tdn::codec::yaml::to_yaml(*tree), "fuzz");
  TDN_ASSERT(!documents || documents->empty() || same(*tree, documents->front()));
  return 0;
}
