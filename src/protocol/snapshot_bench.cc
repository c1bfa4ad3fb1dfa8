// What a snapshot costs an edge at 1,000 endpoints and 100,000 keys: size, first load, one change.
#include <benchmark/benchmark.h>

#include <string>

#include "codec/hex.h"
#include "domain/api_key.h"
#include "protocol/sample_test.h"

namespace tdn::protocol {
namespace {

std::string large_network(int endpoints) {
  std::string text(kSampleManifests);
  for (int i = 0; i < endpoints; ++i) {
    text +=
        "---\napiVersion: tdn/v1\nkind: Endpoint\nmetadata: {name: e" + std::to_string(i) +
        "}\nspec: {site: frankfurt, kind: tdn, url: \"http://10.0.0.1:" + std::to_string(1024 + i) +
        "\", models: [{model: smollm2}]}\n";
  }
  return text;
}

// Keys are made without YAML, which would take minutes.
void add_keys(SampleNetwork& network, int count) {
  for (int i = 0; i < count; ++i) {
    domain::Object<domain::KeySpec> key;
    key.metadata.name = "demo/play/k" + std::to_string(i);
    key.spec.models = {"smollm2"};
    key.spec.limits = {600, 200'000, 64};
    const domain::NewApiKey made = domain::make_api_key(network.random);
    key.spec.secrets = {{made.id.to_string(), codec::to_hex(made.sha256)}};
    network.manifests.keys.push_back(std::move(key));
  }
  std::ranges::sort(network.manifests.keys, {},
                    [](const auto& key) -> const std::string& { return key.metadata.name; });
  domain::update(network.identities, network.manifests, kSampleTime, network.random);
}

struct Large {
  Large() : network(large_network(1'000)) {
    add_keys(network, 100'000);
    sections = network.sections();
    manifest = manifest_of(sections);
  }
  [[nodiscard]] SnapshotContent::Read reader() const {
    return [this](const SectionRef& ref) -> Result<std::string> {
      const auto found = std::ranges::find(sections, ref.name,
                                           [](const Section& section) { return section.ref.name; });
      return found->json;
    };
  }
  SampleNetwork network;
  std::vector<Section> sections;
  SnapshotManifest manifest;
};

Large& large() {
  static Large made;
  return made;
}

void first_load(benchmark::State& state) {
  const Large& all = large();
  std::uint64_t bytes = 0;
  for (const Section& section : all.sections) {
    bytes += section.ref.bytes;
  }
  for (auto _ : state) {
    SnapshotContent content;
    if (!content.update(all.manifest, all.reader())) {
      state.SkipWithError("refused");
    }
    benchmark::DoNotOptimize(content.compile());
  }
  state.counters["bytes"] = static_cast<double>(bytes);
  state.counters["manifest_bytes"] = static_cast<double>(to_json(all.manifest).size());
}
BENCHMARK(first_load)->Unit(benchmark::kMillisecond);

void one_key_changes(benchmark::State& state) {
  Large& all = large();
  SnapshotContent content;
  if (!content.update(all.manifest, all.reader())) {
    state.SkipWithError("refused");
  }
  std::int64_t limit = 1;
  for (auto _ : state) {
    state.PauseTiming();
    auto& key = all.network.manifests.keys[500];
    key.spec.limits.concurrency = ++limit;
    const unsigned shard = key_shard(all.network.identities.find("Key", key.metadata.name)->uid);
    Section section = write_keys(all.network.manifests, all.network.identities, shard);
    for (Section& old : all.sections) {
      if (old.ref.name == section.ref.name) {
        old = section;
      }
    }
    all.manifest.sections = refs_of(all.sections);
    state.ResumeTiming();
    if (!content.update(all.manifest, all.reader())) {
      state.SkipWithError("refused");
    }
    benchmark::DoNotOptimize(content.compile());
  }
}
BENCHMARK(one_key_changes)->Unit(benchmark::kMillisecond);

void control_writes_all(benchmark::State& state) {
  const Large& all = large();
  for (auto _ : state) {
    benchmark::DoNotOptimize(all.network.sections());
  }
}
BENCHMARK(control_writes_all)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tdn::protocol
