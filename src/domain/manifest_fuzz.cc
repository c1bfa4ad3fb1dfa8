// Any bytes are refused with lines that name the file, or make a catalogue that compiles and
// answers.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "domain/identity.h"
#include "domain/load.h"
#include "domain/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tdn::domain;
  if (size > 64 << 10) {
    return 0;
  }
  const Source source{"fuzz", {reinterpret_cast<const char*>(data), size}};
  const auto all = parse_manifests(std::span(&source, 1));
  if (!all) {
    TDN_ASSERT(all.error().detail().starts_with("fuzz"));
    return 0;
  }
  tdn::SeededRandom random(1);
  Identities ids;
  update(ids, *all, {}, random);
  const auto read = parse_identities(to_json(ids), "ids");
  TDN_ASSERT(read.has_value() && to_json(*read) == to_json(ids));
  TDN_ASSERT(!update(ids, *all, {}, random));
  const auto snapshot = Snapshot::compile(*all, ids);
  for (const Key& key : snapshot->keys()) {
    for (std::uint32_t model = 0; model < snapshot->models().size(); ++model) {
      const Outcome& outcome = snapshot->outcome(key, {model}, {});
      TDN_ASSERT(outcome.denied.empty() || outcome.sites.empty());
      for (std::uint32_t site = 0; site < snapshot->sites().size(); ++site) {
        const bool open = may_open(*snapshot, key, {}, {site}).verdict == Opening::Verdict::kOpen;
        TDN_ASSERT(!open || !key.lists({model}) || !outcome.denied.empty() ||
                   outcome.sites.contains({site}));
      }
    }
  }
  return 0;
}
