#include "domain/load.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "domain/digest.h"
#include "domain/example_test.h"
#include "domain/reference.h"

namespace tdn::domain {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

Result<Manifests> parse(std::string_view text) {
  const Source source{"a.yaml", std::string(text)};
  return parse_manifests(std::span(&source, 1));
}

std::string error_of(std::string_view text) {
  const auto manifests = parse(text);
  return manifests ? "accepted" : manifests.error().detail();
}

// A document of `kind` with the given rest, one member to a line.
std::string document(std::string_view kind, std::string_view name, std::string_view spec) {
  return fmt::format("apiVersion: tdn/v1\nkind: {}\nmetadata: {{name: {}}}\nspec: {}\n", kind, name,
                     spec);
}

std::string example_with(std::string_view from, std::string_view to) {
  std::string text(kExample);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Manifests, ReadsTheExampleWhole) {
  const auto all = parse(kExample);
  ASSERT_TRUE(all.has_value()) << all.error().detail();
  ASSERT_EQ(all->zones.size(), 1U);
  EXPECT_THAT(all->zones[0].spec.countries, testing::ElementsAre("DE", "FR"));
  const SiteSpec& site = all->sites.at(0).spec;
  EXPECT_EQ(site.location.country, "DE");
  EXPECT_DOUBLE_EQ(site.location.latitude, 50.11);
  EXPECT_EQ(site.jurisdiction.legal_operator, "example-telco");
  EXPECT_EQ(site.owner, "accounts/frankfurt-colo");
  const ModelSpec& model = all->models.at(0).spec;
  EXPECT_EQ(model.context_length, 8192);
  EXPECT_EQ(model.price.cached_input->pico, 5'000);
  const EndpointSpec& endpoint = all->endpoints.at(0).spec;
  EXPECT_EQ(endpoint.models.at(0).as, "SmolLM2-135M-Instruct");
  EXPECT_EQ(endpoint.concurrency, 8);
  EXPECT_EQ(endpoint.cost->output.pico, 20'000);
  EXPECT_EQ(endpoint.credential.file, "upstream.key");
  const KeySpec& key = all->keys.at(0).spec;
  EXPECT_EQ(key.limits.tokens_per_minute, 200'000);
  EXPECT_EQ(key.objective, Objective::kBalanced);
  EXPECT_EQ(to_rfc3339(*key.expires), "2027-12-31T00:00:00.000000Z");
  EXPECT_EQ(key.secrets.at(0).id, "jhvry0xfy6");
  const PolicySpec& policy = all->policies.at(0).spec;
  EXPECT_THAT(policy.rules.at(0).require.zones, testing::ElementsAre("eu"));
  EXPECT_EQ(policy.rules.at(1).deny, "contract ended");
  EXPECT_EQ(all->tenants.at(0).place.line, 40);
}

TEST(Manifests, ReadsTheListsThatGetPrints) {
  const auto all = parse(R"({"items": [
{"apiVersion": "tdn/v1", "kind": "Zone", "metadata": {"name": "no"}, "spec": {"countries": ["NO"]}},
{"apiVersion": "tdn/v1", "kind": "Tenant", "metadata": {"name": "acme"}, "spec": {}, "status": {}}]})");
  ASSERT_TRUE(all.has_value()) << all.error().detail();
  EXPECT_THAT(all->zones.at(0).spec.countries, testing::ElementsAre("NO"));
  EXPECT_EQ(all->tenants.at(0).metadata.name, "acme");
  EXPECT_TRUE(parse("kind: List\nitems: []\n").has_value());
  EXPECT_THAT(error_of("items:\n- apiVersion: tdn/v1\n  kind: Zone\n  metadata: {name: z}\n"
                       "  spec: {country: [NO]}\n"),
              StartsWith("a.yaml:5: spec.country: unknown field"));
  EXPECT_THAT(error_of("items:\n- kind: List\n  items: []\n"), HasSubstr("unknown kind `List`"));
}

TEST(Manifests, FillsInDefaults) {
  const auto all = parse(document("Model", "m", "{}"));
  ASSERT_TRUE(all.has_value()) << all.error().detail();
  EXPECT_EQ(all->models[0].spec.price.currency, "USD");
  EXPECT_FALSE(all->models[0].spec.price.cached_input.has_value());
  const auto text = example_with("concurrency: 8\n", "labels: {}\n");
  EXPECT_THAT(error_of(text), HasSubstr("spec.labels: unknown field"));
  const auto endpoint = parse(example_with("  concurrency: 8\n", ""));
  ASSERT_TRUE(endpoint.has_value());
  EXPECT_EQ(endpoint->endpoints[0].spec.concurrency, 64);
}

TEST(Manifests, NorwayStaysNorway) {
  const auto all = parse(document("Zone", "north", "{countries: [NO, SE]}"));
  ASSERT_TRUE(all.has_value());
  EXPECT_THAT(all->zones[0].spec.countries, testing::ElementsAre("NO", "SE"));
  EXPECT_EQ(
      error_of(document("Zone", "north", "{countries: [no]}")),
      "a.yaml:4: spec.countries[0]: `no` is no ISO 3166-1 alpha-2 country code in upper case; "
      "write NO");
  EXPECT_THAT(error_of(document("Zone", "north", "{countries: [false]}")), EndsWith("write NO"));
  EXPECT_THAT(error_of(document("Zone", "north", "{countries: [UK]}")), EndsWith("is GB"));
}

TEST(Manifests, NamesUnknownFieldsAndWhatWasMeant) {
  EXPECT_EQ(error_of(example_with("countries: [DE, FR]", "contries: [DE]")),
            "a.yaml:4: spec.contries: unknown field; did you mean `countries`?");
  EXPECT_THAT(error_of("apiVersion: tdn/v1\nkind: Zone\nmeta: {}\nspec: {countries: [DE]}\n"),
              HasSubstr("a.yaml:3: meta: unknown field"));
  EXPECT_THAT(error_of(example_with("{model: smollm2, as:", "{model: smollm2, is:")),
              HasSubstr("spec.models[0].is: unknown field"));
}

TEST(Manifests, NamesKindsThatAreUnknownOrNotBuilt) {
  EXPECT_EQ(error_of(document("Plan", "p", "{}")),
            "a.yaml:2: kind: Plan is not built yet; take the object out");
  EXPECT_EQ(error_of(document("Sit", "p", "{}")),
            "a.yaml:2: kind: unknown kind `Sit`; did you mean `Site`?");
  EXPECT_THAT(error_of("apiVersion: v2\nkind: Tenant\nmetadata: {name: t}\n"),
              StartsWith("a.yaml:1: apiVersion: `v2` is not known; write tdn/v1"));
  EXPECT_THAT(error_of("- a\n"), HasSubstr("a.yaml:1: no manifest"));
}

TEST(Manifests, RefusesFieldsWithoutEffectOnlyIfSet) {
  EXPECT_THAT(error_of(example_with("partner: \"\"", "partner: acme")),
              HasSubstr("spec.partner: has no effect yet; take the field out"));
  EXPECT_THAT(error_of(example_with("privacy: {}", "privacy: {keep: 0}")),
              HasSubstr("spec.privacy: has no effect yet"));
  EXPECT_THAT(error_of(example_with("dataClasses: []", "dataClasses: [health]")),
              HasSubstr("spec.rules[0].match.dataClasses[0]: has no effect yet"));
  EXPECT_THAT(error_of(example_with("reach: direct", "reach: outbound")),
              HasSubstr("spec.reach: `outbound` is not built yet; use direct"));
  EXPECT_THAT(error_of(example_with("kind: tdn\n", "kind: opnai\n")),
              HasSubstr("`opnai` is none of tdn, openai, llamacpp, vllm, sglang; did you mean"));
  EXPECT_THAT(error_of(example_with("gateway: http://127.0.0.1:8080", "gateway: https://a")),
              HasSubstr("https is not built yet"));
  EXPECT_THAT(error_of(example_with("objective: balanced", "revoked: [jhvry0xfy6]")),
              HasSubstr("spec.secrets[0].id: was revoked"));
  EXPECT_THAT(error_of(document("Tenant", "t", "{budget: {amount: 5}}")),
              HasSubstr("spec.budget: has no effect yet"));
}

TEST(Manifests, RequiresWhatHasNoDefault) {
  const std::string error = error_of(document("Endpoint", "e", "{}"));
  for (const char* field : {"spec.site", "spec.kind", "spec.url", "spec.models"}) {
    EXPECT_THAT(error, HasSubstr(fmt::format("a.yaml:4: {}: is missing", field)));
  }
  EXPECT_THAT(error_of(document("Site", "s", "{}")),
              StartsWith("a.yaml:4: spec.location: is missing"));
  EXPECT_THAT(error_of("apiVersion: tdn/v1\nkind: Tenant\n"),
              StartsWith("a.yaml:1: metadata.name: is missing"));
  EXPECT_THAT(
      error_of(example_with("models: [{model: smollm2, as: SmolLM2-135M-Instruct}]", "models: []")),
      HasSubstr("spec.models: is empty"));
}

TEST(Manifests, ReadsNumbersByDeclaredTypeOnly) {
  for (const char* number : {"010", "0x10", "1e3", "6.0", "-1", "\"600\"", "10000000000", "many"}) {
    EXPECT_THAT(error_of(example_with("requestsPerMinute: 600",
                                      fmt::format("requestsPerMinute: {}", number))),
                HasSubstr("spec.limits.requestsPerMinute: "))
        << number;
  }
  EXPECT_THAT(
      error_of(example_with("latitude: 50.11", "latitude: 90.5")),
      HasSubstr("spec.location.latitude: `90.5` is no such angle; write degrees from -90 to 90"));
  EXPECT_THAT(error_of(example_with("latitude: 50.11", "latitude: .nan")),
              HasSubstr("no such angle"));
  EXPECT_THAT(error_of(example_with("input: \"0.02\"", "input: \"0.0000001\"")),
              HasSubstr("spec.price.perMillion.input: `0.0000001` has more than 6"));
  EXPECT_THAT(error_of(example_with("2027-12-31T00:00:00Z", "tomorrow")),
              HasSubstr("spec.expires: `tomorrow` is no time"));
  EXPECT_THAT(error_of(example_with("spec: {countries: [DE, FR]", "spec: {countries: DE")),
              HasSubstr("spec.countries: a single value where a list is due"));
  EXPECT_THAT(error_of(example_with("concurrency: 8\n", "concurrency:\n")),
              HasSubstr("spec.concurrency: has no value"));
}

TEST(Manifests, ResolvesReferencesBetweenObjects) {
  EXPECT_THAT(
      error_of(example_with("site: frankfurt", "site: frankfort")),
      HasSubstr("a.yaml:29: spec.site: there is no Site `frankfort`; did you mean `frankfurt`?"));
  EXPECT_THAT(error_of(example_with("models: [smollm2]", "models: [smollm2-135m]")),
              HasSubstr("it is an alias: write `smollm2`"));
  EXPECT_THAT(
      error_of(example_with("zones: [eu]", "zones: [moon]")),
      HasSubstr("spec.rules[0].require.zones[0]: there is no Zone `moon`; add it or name another"));
  EXPECT_THAT(error_of(example_with("name: demo/playground}", "name: dem/playground}")),
              HasSubstr("metadata.name: there is no Tenant `dem`"));
  EXPECT_THAT(error_of(example_with("tenants: [other]", "tenants: [othr]")),
              HasSubstr("there is no Tenant `othr`; did you mean `other`?"));
}

TEST(Manifests, RefusesTheSameNameTwice) {
  const std::string twice = document("Tenant", "t", "{}") + "---\n" + document("Tenant", "t", "{}");
  EXPECT_EQ(
      error_of(twice),
      "a.yaml:8: metadata.name: Tenant `t` is there already, at a.yaml:3; rename or remove one");
  EXPECT_THAT(error_of(example_with("aliases: [smollm2-135m]", "aliases: [smollm2]")),
              HasSubstr("model `smollm2` is there already"));
  EXPECT_THAT(error_of(example_with("countries: [DE, FR]", "countries: [DE, DE]")),
              HasSubstr("spec.countries[1]: `DE` stands here twice"));
}

TEST(Manifests, ChecksRulesWithinAnObject) {
  EXPECT_EQ(error_of(document("Zone", "z", "{countries: []}")),
            "a.yaml:4: spec: asks nothing of a site; give countries, operators or certifications");
  EXPECT_THAT(error_of(example_with(", require: {zones: [eu]}", "")),
              HasSubstr("spec.rules[0]: decides nothing"));
  EXPECT_THAT(error_of(example_with("deny: \"contract ended\"", "deny: \"x\", allow: true")),
              HasSubstr("spec.rules[1]: decides twice"));
  EXPECT_THAT(error_of(example_with("{file: upstream.key}", "{file: a, env: B}")),
              HasSubstr("spec.credential: has both file and env"));
  EXPECT_THAT(error_of(document("Key", "a/b", "{}")),
              HasSubstr("not of the form tenant/project/key"));
  EXPECT_THAT(error_of(document("Zone", "A_b", "{countries: [DE]}")),
              HasSubstr("`A_b` is no name"));
  EXPECT_THAT(error_of(example_with("cachedInput: \"0.005\"", "cachedInput: \"0.5\"")),
              HasSubstr("is dearer than input"));
}

TEST(Manifests, ChecksUrls) {
  const auto with = [](std::string_view url) {
    return error_of(example_with("url: http://127.0.0.1:8082", fmt::format("url: \"{}\"", url)));
  };
  for (const char* good : {"http://localhost", "http://[::1]:80", "http://a.b:1/x/y",
                           "https://api.example", "https://a:8443/tenant"}) {
    EXPECT_EQ(with(good), "accepted") << good;
  }
  for (const char* bad :
       {"127.0.0.1:80", "http://", "http://:80", "http://a:0", "http://a:65536", "http://a:1/",
        "http://a:1/v1", "http://a b", "ftp://a", "http://u@a:1", "https://", "https://a/v1"}) {
    EXPECT_THAT(with(bad), HasSubstr("spec.url: ")) << bad;
  }
  EXPECT_THAT(error_of(example_with("gateway: http://127.0.0.1:8080", "gateway: http://a:1/x")),
              HasSubstr("spec.gateway: `http://a:1/x` has a path"));
}

TEST(Manifests, TellsAllFaultsUpToTwenty) {
  std::string text;
  for (int i = 0; i < 25; ++i) {
    text += document("Tenant", fmt::format("t{}", i), "{x: 1}") + "---\n";
  }
  const std::string error = error_of(text);
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 20);
  EXPECT_THAT(error, EndsWith("… and 5 more"));
}

TEST(Manifests, AnUnreadableFileDoesNotHideTheFaultsOfOthers) {
  const std::vector<Source> sources = {{"a.yaml", "a: [\n"},
                                       {"b.yaml", document("Tenant", "t", "{x: 1}")}};
  const auto all = parse_manifests(sources);
  ASSERT_FALSE(all.has_value());
  EXPECT_THAT(all.error().detail(), HasSubstr("a.yaml:"));
  EXPECT_THAT(all.error().detail(), HasSubstr("b.yaml:4: spec.x: unknown field"));
}

class ManifestFolder : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "manifests-" +
            testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_ + "/sub.yaml");
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name) << text;
  }
  std::string path_;
};

TEST_F(ManifestFolder, ReadsYamlAndJsonSortedByName) {
  write("b.yml", document("Tenant", "b", "{}"));
  write("a.json", R"({"apiVersion":"tdn/v1","kind":"Tenant","metadata":{"name":"a"},"spec":{}})");
  write("notes.txt", "not: a manifest");
  const auto sources = read_sources(path_);
  ASSERT_TRUE(sources.has_value());
  ASSERT_EQ(sources->size(), 2U);
  EXPECT_THAT((*sources)[0].name, EndsWith("a.json"));
  const auto all = load_manifests(path_);
  ASSERT_TRUE(all.has_value()) << all.error().detail();
  EXPECT_EQ(all->tenants.size(), 2U);
  EXPECT_EQ(load_manifests(path_ + "/b.yml")->tenants.size(), 1U);
}

TEST_F(ManifestFolder, SaysWhatIsMissing) {
  EXPECT_EQ(load_manifests(path_).error().code(), Code::kMissing);
  EXPECT_THAT(load_manifests(path_ + "/none").error().detail(), HasSubstr("no such file"));
}

TEST(Digest, ChangesWithEveryFieldAndWithNothingElse) {
  const ModelSpec model = parse(kExample)->models[0].spec;
  const std::string before = digest_of(model);
  EXPECT_EQ(before.size(), 32U);
  EXPECT_EQ(digest_of(ModelSpec(model)), before);
  ModelSpec changed = model;
  changed.price.output.pico += 1;
  EXPECT_NE(digest_of(changed), before);
  changed = model;
  changed.price.cached_input = Price{};
  const std::string free = digest_of(changed);
  changed.price.cached_input.reset();
  EXPECT_NE(digest_of(changed), free);
  changed = model;
  changed.aliases = {"a", "b"};
  const std::string two = digest_of(changed);
  changed.aliases = {"a=1:b"};
  EXPECT_NE(digest_of(changed), two);
}

TEST(Reference, IsCurrent) {
  const std::string path = std::string(TDN_SOURCE_DIR) + "/docs/reference/manifests.md";
  const std::string page = manifest_reference();
  if (std::getenv("TDN_REGENERATE") != nullptr) {  // NOLINT(concurrency-mt-unsafe): one thread
    std::ofstream(path) << page;
  }
  std::ifstream file(path);
  const std::string committed(std::istreambuf_iterator<char>(file), {});
  EXPECT_TRUE(committed == page) << path
                                 << " is out of date: run domain_test with TDN_REGENERATE=1";
}

}  // namespace
}  // namespace tdn::domain
