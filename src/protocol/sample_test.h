// A small network, for tests: its objects, its signing key.
#pragma once

#include <string>

#include "base/assert.h"
#include "base/random.h"
#include "domain/identity.h"
#include "domain/load.h"
#include "protocol/snapshot_sections.h"

namespace tdn::protocol {

inline constexpr WallTime kSampleTime{1'767'225'600'000'000};  // 2026-01-01

inline codec::Ed25519Key sample_key(std::uint8_t number = 1) {
  codec::Ed25519Key::Seed seed{};
  seed.fill(number);
  return codec::Ed25519Key(seed);
}

inline constexpr std::string_view kSampleManifests = R"(apiVersion: tdn/v1
kind: Zone
metadata: {name: eu}
spec: {countries: [DE, FR]}
---
apiVersion: tdn/v1
kind: Site
metadata: {name: frankfurt, labels: {tier: gold}}
spec: {location: {country: DE, city: Frankfurt, latitude: 50.11, longitude: 8.68}, owner: accounts/colo}
---
apiVersion: tdn/v1
kind: Model
metadata: {name: smollm2}
spec: {aliases: [small], contextLength: 8192, price: {perMillion: {input: "0.02", output: "0.04"}}}
---
apiVersion: tdn/v1
kind: Endpoint
metadata: {name: frankfurt-1}
spec: {site: frankfurt, kind: tdn, url: "http://127.0.0.1:8082", models: [{model: smollm2}], credential: {file: up.key}}
---
apiVersion: tdn/v1
kind: Tenant
metadata: {name: demo}
---
apiVersion: tdn/v1
kind: Project
metadata: {name: demo/play}
---
apiVersion: tdn/v1
kind: Key
metadata: {name: demo/play/laptop}
spec: {secrets: [{id: jhvry0xfy6, sha256: a61d1ae3fb91e4369d436585d8bd8d489f83357829b64d999e0edd496e500035}]}
---
apiVersion: tdn/v1
kind: Policy
metadata: {name: in-eu}
spec: {rules: [{match: {tenants: [demo]}, require: {zones: [eu]}}]}
)";

// Manifests with their identities, changed by re-loading other text.
struct SampleNetwork {
  explicit SampleNetwork(std::string text = std::string(kSampleManifests)) {
    load(std::move(text));
  }

  void load(std::string text) {
    const domain::Source source{"sample.yaml", std::move(text)};
    auto loaded = domain::parse_manifests(std::span(&source, 1));
    TDN_ASSERT(loaded.has_value());
    manifests = *std::move(loaded);
    domain::update(identities, manifests, kSampleTime, random);
  }

  [[nodiscard]] std::vector<Section> sections() const {
    const codec::Ed25519PublicKey trusted[] = {sample_key().public_key()};
    return write_sections(manifests, identities, trusted);
  }

  SeededRandom random{1};
  domain::Manifests manifests;
  domain::Identities identities;
};

inline SnapshotManifest manifest_of(std::span<const Section> sections,
                                    SnapshotOrder order = {1, 7}) {
  SnapshotManifest manifest;
  manifest.network = *Uid::parse("0192f0c0-a000-7000-8000-000000000001");
  manifest.order = order;
  manifest.created_at = kSampleTime;
  manifest.sections = refs_of(sections);
  return manifest;
}

// Gives the bytes of sections by name.
inline SnapshotContent::Read reader_of(std::vector<Section> sections) {
  return [sections = std::move(sections)](const SectionRef& ref) -> Result<std::string> {
    for (const Section& section : sections) {
      if (section.ref.name == ref.name) {
        return section.json;
      }
    }
    return fail(Code::kMissing, "no section " + ref.name);
  };
}

}  // namespace tdn::protocol
