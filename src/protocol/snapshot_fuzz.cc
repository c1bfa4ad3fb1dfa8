// Any bytes as envelope, manifest and sections: refused, or what reads back the same; what the
// content takes compiles. The first byte chooses the part; sections are taken as signed, so that
// the fuzzer gets past the signature.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "protocol/sample_test.h"

namespace {

using namespace tdn;
using namespace tdn::protocol;

constexpr std::string_view kNames[] = {"catalogue", "policies", "tenants", "trust", "keys-05"};

void try_section(std::string_view name, std::string_view json) {
  static const SampleNetwork network;
  std::vector<Section> sections = network.sections();
  std::erase_if(sections, [&](const Section& section) { return section.ref.name == name; });
  Section changed;
  changed.ref = {std::string(name), codec::sha256(bytes_of(json)), json.size()};
  changed.json = json;
  sections.push_back(changed);
  SnapshotContent content;
  if (content.update(manifest_of(sections), reader_of(sections))) {
    TDN_ASSERT(content.compile() != nullptr);
  } else {
    TDN_ASSERT(content.manifests().keys.empty() && content.trusted().empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 64 << 10) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const unsigned part = data[0] % 8;
  if (part < std::size(kNames)) {
    try_section(kNames[part], text);
  } else if (part == 5) {
    const auto key = sample_key().public_key();
    static_cast<void>(open_snapshot_envelope(text, std::span(&key, 1)));
  } else if (const auto manifest = parse_snapshot_manifest(text)) {
    const auto again = parse_snapshot_manifest(to_json(*manifest));
    TDN_ASSERT(again.has_value() && to_json(*again) == to_json(*manifest));
  }
  return 0;
}
