#include "protocol/snapshot_sections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/sample_test.h"

namespace tdn::protocol {
namespace {

using testing::HasSubstr;

const Section& find(const std::vector<Section>& sections, std::string_view name) {
  const auto found =
      std::ranges::find(sections, name, [](const Section& section) { return section.ref.name; });
  EXPECT_NE(found, sections.end()) << name;
  return *found;
}

void replace_section(std::vector<Section>& sections, std::string_view name, std::string json) {
  for (Section& section : sections) {
    if (section.ref.name == name) {
      section.ref.sha256 = codec::sha256(bytes_of(json));
      section.ref.bytes = json.size();
      section.json = std::move(json);
    }
  }
}

std::string refusal_of(const std::vector<Section>& sections) {
  SnapshotContent content;
  const auto updated = content.update(manifest_of(sections), reader_of(sections));
  return updated ? "" : updated.error().detail();
}

// As docs/reference/formats/snapshot.md shows it.
TEST(SnapshotSections, have_the_bytes_of_the_reference) {
  const SampleNetwork network;
  const auto sections = network.sections();
  const std::string uid = to_string(network.identities.find("Tenant", "demo")->uid);
  const std::string project = to_string(network.identities.find("Project", "demo/play")->uid);
  EXPECT_EQ(find(sections, "tenants").json,
            R"({"tenants":[{"name":"demo","uid":")" + uid +
                R"(","spec":{}}],"projects":[{"name":"demo/play","uid":")" + project +
                R"(","spec":{}}]})");
  EXPECT_EQ(find(sections, "trust").json, R"({"keys":[{"id":"34750f98bd59fcfc","publicKey":)"
                                          R"("iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w="}]})");
  EXPECT_EQ(sections.size(), 5U);  // one shard of keys
  EXPECT_TRUE(std::ranges::is_sorted(sections, {}, [](const Section& s) { return s.ref.name; }));
}

TEST(SnapshotSections, give_the_catalogue_back) {
  SampleNetwork network;
  const auto sections = network.sections();
  SnapshotContent content("/state");
  const auto updated = content.update(manifest_of(sections), reader_of(sections));
  ASSERT_TRUE(updated.has_value()) << updated.error().detail();
  EXPECT_EQ(content.trusted().size(), 1U);
  const auto snapshot = content.compile();
  const auto direct = domain::Snapshot::compile(network.manifests, network.identities);
  ASSERT_EQ(snapshot->keys().size(), 1U);
  EXPECT_EQ(snapshot->keys()[0].uid, direct->keys()[0].uid);
  EXPECT_EQ(snapshot->sites()[0].owner, direct->sites()[0].owner);
  EXPECT_EQ(snapshot->models()[0].prices.output.pico, 40'000);
  EXPECT_EQ(snapshot->endpoints()[0].credential_file, "/state/up.key");
  EXPECT_EQ(snapshot->policy_version(), direct->policy_version());
  EXPECT_TRUE(
      snapshot
          ->authenticate("sk-tdn-jhvry0xfy6-6Rs4Nxgdz8n9fugVEUZqL3xORLC3DnD5bFVBdBSVIt7-4fEoXF",
                         kSampleTime)
          .has_value());
  const domain::Outcome& outcome = snapshot->outcome(snapshot->keys()[0], {0}, {});
  EXPECT_EQ(outcome.zones.size(), 1U);
}

TEST(SnapshotSections, versions_travel) {
  SampleNetwork network;
  std::string text(kSampleManifests);
  text.replace(text.find("0.04"), 4, "0.05");
  network.load(text);
  const auto sections = network.sections();
  SnapshotContent content;
  ASSERT_TRUE(content.update(manifest_of(sections), reader_of(sections)).has_value());
  EXPECT_EQ(content.compile()->models()[0].price_version, 2U);
  EXPECT_EQ(content.compile()->models()[0].weights_version, 1U);
}

TEST(SnapshotSections, what_did_not_change_is_neither_read_nor_parsed_again) {
  SampleNetwork network;
  SnapshotContent content;
  ASSERT_TRUE(content.update(manifest_of(network.sections()), reader_of(network.sections())));
  EXPECT_EQ(content.sections_parsed(), 5U);
  std::string text(kSampleManifests);
  text.replace(text.find("name: demo}"), 11, "name: demo}\nspec: {displayName: Demo}");
  network.load(text);
  const auto sections = network.sections();
  std::vector<std::string> read;
  const SnapshotContent::Read reader = [&](const SectionRef& ref) {
    read.push_back(ref.name);
    return reader_of(sections)(ref);
  };
  ASSERT_TRUE(content.update(manifest_of(sections), reader));
  EXPECT_THAT(read, testing::ElementsAre("tenants"));
  EXPECT_EQ(content.sections_parsed(), 6U);
  EXPECT_EQ(content.manifests().tenants.at(0).spec.display_name, "Demo");
}

// Whatever sequence of networks is taken in, the content is that of the last one alone.
TEST(SnapshotSections, changes_of_keys_leave_the_same_as_a_fresh_start) {
  SampleNetwork network;
  SnapshotContent content;
  SeededRandom random(3);
  for (int round = 0; round < 40; ++round) {
    std::string text(kSampleManifests);
    for (std::uint64_t i = 0; i < 200; ++i) {
      if (random.below(2) == 0) {
        text += "---\napiVersion: tdn/v1\nkind: Key\nmetadata: {name: demo/play/k" +
                std::to_string(i) +
                "}\nspec: {limits: {concurrency: " + std::to_string(1 + random.below(2)) + "}}\n";
      }
    }
    network.load(text);
    const auto sections = network.sections();
    ASSERT_TRUE(content.update(manifest_of(sections), reader_of(sections)));
    SnapshotContent fresh;
    ASSERT_TRUE(fresh.update(manifest_of(sections), reader_of(sections)));
    ASSERT_EQ(content.manifests().keys.size(), network.manifests.keys.size());
    for (std::size_t i = 0; i < network.manifests.keys.size(); ++i) {
      const std::string& name = network.manifests.keys[i].metadata.name;
      ASSERT_EQ(content.manifests().keys[i].metadata.name, name);
      ASSERT_EQ(fresh.manifests().keys[i].metadata.name, name);
      ASSERT_EQ(content.manifests().keys[i].spec.limits.concurrency,
                network.manifests.keys[i].spec.limits.concurrency);
      ASSERT_EQ(content.identities().find("Key", name)->uid,
                network.identities.find("Key", name)->uid);
    }
    ASSERT_EQ(content.identities().kinds.at("Key").size(), network.manifests.keys.size());
  }
}

TEST(SnapshotSections,
     a_section_that_is_not_what_the_manifest_says_is_refused_and_nothing_is_held) {
  const SampleNetwork network;
  const auto sections = network.sections();
  SnapshotContent content;
  const SnapshotContent::Read cut = [&](const SectionRef& ref) -> Result<std::string> {
    TDN_TRY(std::string json, reader_of(sections)(ref));
    return ref.name == "tenants" ? json.substr(0, json.size() / 2) : json;
  };
  const auto updated = content.update(manifest_of(sections), cut);
  ASSERT_FALSE(updated.has_value());
  EXPECT_EQ(updated.error().code(), Code::kCorrupt);
  EXPECT_THAT(updated.error().detail(), HasSubstr("section `tenants`"));
  EXPECT_TRUE(content.manifests().keys.empty());
  EXPECT_TRUE(content.update(manifest_of(sections), reader_of(sections)).has_value());
  EXPECT_EQ(content.manifests().keys.size(), 1U);
}

TEST(SnapshotSections, what_this_version_does_not_know_or_misses_is_refused_by_name) {
  const SampleNetwork network;
  auto sections = network.sections();
  sections.push_back(sections.back());
  sections.back().ref.name = "limits";
  EXPECT_THAT(refusal_of(sections), HasSubstr("section `limits` is not known"));
  sections = network.sections();
  sections.pop_back();
  EXPECT_THAT(refusal_of(sections), HasSubstr("section `trust` is missing"));
  sections = network.sections();
  replace_section(sections, "trust", R"({"keys":[]})");
  EXPECT_THAT(refusal_of(sections), HasSubstr("holds no key"));
  sections = network.sections();
  replace_section(sections, "tenants", R"({"tenants":[],"projects":[],"partners":[]})");
  EXPECT_THAT(refusal_of(sections), HasSubstr("`partners` is a list that this version"));
  sections = network.sections();
  replace_section(sections, "tenants", R"({"tenants":[],"projects":[]})");
  EXPECT_THAT(refusal_of(sections), HasSubstr("there is no Project `demo/play`"));
  sections = network.sections();
  std::string json = find(sections, "tenants").json;
  replace_section(sections, "tenants", json.replace(json.find("{}"), 2, R"({"colour":"red"})"));
  EXPECT_THAT(refusal_of(sections), HasSubstr("section `tenants`: Tenant `demo`: spec.colour: "));
}

TEST(SnapshotSections, a_key_in_the_wrong_shard_or_twice_is_refused) {
  const SampleNetwork network;
  auto sections = network.sections();
  const auto keys = std::ranges::find_if(
      sections, [](const Section& section) { return section.ref.name.starts_with("keys-"); });
  Section moved = *keys;
  moved.ref.name = moved.ref.name == "keys-00" ? "keys-01" : "keys-00";
  sections.erase(keys);
  sections.push_back(moved);
  EXPECT_THAT(refusal_of(sections), HasSubstr("belongs into another section"));
  sections = network.sections();
  std::string json = find(sections, "tenants").json;
  const std::string tenant = json.substr(12, json.find("}]") - 11);
  replace_section(sections, "tenants", json.insert(12, tenant + ","));
  EXPECT_THAT(refusal_of(sections), HasSubstr("stands twice"));
}

TEST(SnapshotSections, trust_hands_over_to_another_key) {
  const SampleNetwork network;
  auto sections = network.sections();
  const codec::Ed25519PublicKey both[] = {sample_key(1).public_key(), sample_key(2).public_key()};
  const Section trust = write_trust(both);
  replace_section(sections, "trust", trust.json);
  SnapshotContent content;
  ASSERT_TRUE(content.update(manifest_of(sections), reader_of(sections)));
  EXPECT_THAT(content.trusted(), testing::ElementsAreArray(both));
}

}  // namespace
}  // namespace tdn::protocol
