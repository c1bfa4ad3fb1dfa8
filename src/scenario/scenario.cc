#include "scenario/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "codec/yaml_fields.h"
#include "domain/load.h"
#include "scenario/builtin.h"

namespace tdn::scenario {
namespace {

using codec::YamlFields;
using codec::yaml::Node;
using codec::yaml::text_at;

constexpr std::string_view kReference = "docs/reference/scenarios.md";
constexpr double kMostAccessMs = 10'000;
constexpr double kMostSlots = 4096;
constexpr double kFewestBytesPerSecond = 100'000;

bool is_upper(char letter) { return letter >= 'A' && letter <= 'Z'; }

Duration from_ms(double ms) {
  return std::chrono::round<Duration>(std::chrono::duration<double, std::milli>(ms));
}

// What `tdn up` itself puts into a network.
class WhatUpPuts final : public domain::Existing {
 public:
  [[nodiscard]] bool has(const domain::ObjectName& object) const override {
    switch (object.kind) {
      case domain::Kind::kZone:
        return object.name == "eu" || object.name == "us";
      case domain::Kind::kModel:
        return object.name == kDefaultModel;
      case domain::Kind::kTenant:
        return object.name == "demo";
      case domain::Kind::kProject:
        return object.name == "demo/playground";
      case domain::Kind::kKey:
        return object.name == "demo/playground/laptop";
      default:
        return false;
    }
  }
  void add_names(domain::Kind, std::size_t, std::vector<std::string_view>&) const override {}
  [[nodiscard]] std::optional<domain::ObjectName> holder(const std::string&) const override {
    return std::nullopt;
  }
};

class Reader {
 public:
  Reader(std::string file, const MatrixSource& matrices)
      : file_(std::move(file)), matrices_(matrices) {}

  Result<Scenario> read(const Node& document) {
    YamlFields root = of(document);
    root.take("apiVersion");
    root.take("kind");
    const Node* metadata = root.take("metadata");
    const Node* spec = root.take("spec");
    TDN_TRY_VOID(root.done());
    if (text_at(document, "apiVersion") != "tdn/v1" || metadata == nullptr || spec == nullptr) {
      return fail(root.wrong("a Scenario needs apiVersion: tdn/v1, metadata and spec"));
    }
    YamlFields named = of(*metadata);
    TDN_TRY(scenario_.name, named.text("name"));
    TDN_TRY_VOID(named.done());
    TDN_TRY_VOID(read_spec(*spec));
    return std::move(scenario_);
  }

 private:
  [[nodiscard]] YamlFields of(const Node& node) const { return {node, file_, kReference}; }

  Result<void> read_spec(const Node& node) {
    YamlFields fields = of(node);
    TDN_TRY(scenario_.description, fields.text("description", ""));
    const Node* rtt = fields.take("rtt");
    const Node* control = fields.take("control");
    const Node* sites = fields.take("sites");
    const Node* cities = fields.take("cities");
    TDN_TRY_VOID(fields.done());
    if (rtt == nullptr || control == nullptr || sites == nullptr || !sites->is_sequence()) {
      return fail(fields.wrong("rtt, control and a list of sites are needed"));
    }
    TDN_TRY_VOID(read_rtt(*rtt));
    YamlFields where = of(*control);
    TDN_TRY(scenario_.control, read_place(where));
    TDN_TRY_VOID(where.done());
    for (const Node& site : sites->items) {
      TDN_TRY(Site read, read_site(site));
      scenario_.sites.push_back(std::move(read));
    }
    if (cities != nullptr && (!cities->is_sequence() || cities->items.size() > kMostCities)) {
      return fail(fields.wrong(*cities, fmt::format("cities is a list of up to {}", kMostCities)));
    }
    for (const Node& city : cities == nullptr ? std::vector<Node>{} : cities->items) {
      TDN_TRY(City read, read_city(city));
      scenario_.cities.push_back(std::move(read));
    }
    return {};
  }

  Result<void> read_rtt(const Node& node) {
    YamlFields fields = of(node);
    TDN_TRY(const std::string matrix, fields.text("matrix"));
    TDN_TRY(const double jitter, fields.number("jitterMs", {.most = 1000, .otherwise = 0}));
    TDN_TRY(const double bytes, fields.number("bytesPerSecond", {.most = 1e12, .otherwise = 0}));
    TDN_TRY_VOID(fields.done());
    if (bytes > 0 && bytes < kFewestBytesPerSecond) {
      return fail(
          fields.wrong(fmt::format("bytesPerSecond is 0, for no bound, or at least {}: "
                                   "slower links cannot carry what sites tell each other",
                                   kFewestBytesPerSecond)));
    }
    scenario_.jitter = from_ms(jitter);
    scenario_.bytes_per_second = static_cast<std::uint64_t>(bytes);
    const Result<std::string> text = matrices_.read(matrix);
    if (!text) {
      return fail(fields.wrong(*node.find("matrix"), text.error().detail()));
    }
    TDN_TRY(scenario_.matrix, RttMatrix::parse(*text, matrix));
    return {};
  }

  Result<Place> read_place(YamlFields& fields) const {
    Place place;
    TDN_TRY(place.region, fields.text("region"));
    if (!scenario_.matrix.has(place.region)) {
      std::string known;
      for (const std::string& name : scenario_.matrix.places()) {
        known += (known.empty() ? "" : ", ") + name;
      }
      return fail(fields.wrong(fmt::format("the matrix has no region '{}'; give one of {}",
                                           place.region.substr(0, 60), known)));
    }
    TDN_TRY(const double access,
            fields.number("accessMs", {.most = kMostAccessMs, .otherwise = 0}));
    place.access = from_ms(access);
    return place;
  }

  // A name that no other node has.
  Result<std::string> read_name(YamlFields& fields) {
    TDN_TRY(std::string name, fields.text("name"));
    constexpr std::string_view kTaken[] = {kControl, "all"};
    if (std::ranges::find(kTaken, name) != std::end(kTaken) || !names_.insert(name).second) {
      return fail(fields.wrong(fmt::format("the name '{}' is taken; give another", name)));
    }
    if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != name.npos ||
        name.size() > 63 || name.starts_with('-') || name.ends_with('-')) {
      return fail(fields.wrong("name must be a DNS label: lower-case letters, digits, hyphens"));
    }
    return name;
  }

  Result<Site> read_site(const Node& node) {
    YamlFields fields = of(node);
    Site site;
    TDN_TRY(site.name, read_name(fields));
    TDN_TRY(site.place, read_place(fields));
    if (const Node* engine = fields.take("engine")) {
      TDN_TRY(site.engine, read_engine(*engine));
    }
    TDN_TRY_VOID(fields.done());
    return site;
  }

  Result<Engine> read_engine(const Node& node) const {
    YamlFields fields = of(node);
    Engine engine;
    TDN_TRY(engine.simulated, fields.flag("simulated", false));
    TDN_TRY(engine.model, fields.text("model", ""));
    TDN_TRY(const double slots,
            fields.number("slots", {.least = 1, .most = kMostSlots, .otherwise = 1}));
    engine.slots = node.find("slots") == nullptr ? 0 : static_cast<int>(slots);
    for (const auto& [name, part] :
         {std::pair{"timing", &Engine::timing}, std::pair{"cost", &Engine::cost}}) {
      const Node* value = fields.take(name);
      if (value != nullptr && !value->is_mapping()) {
        return fail(fields.wrong(*value, fmt::format("{} must be a mapping", name)));
      }
      engine.*part = value == nullptr ? Node{} : *value;
    }
    TDN_TRY_VOID(fields.done());
    if (engine.simulated && !engine.model.empty()) {
      return fail(fields.wrong("an engine is either simulated or has a model; take one out"));
    }
    if (!engine.simulated && !engine.timing.is_null()) {
      return fail(fields.wrong("timing is for simulated engines; say simulated: true"));
    }
    return engine;
  }

  Result<City> read_city(const Node& node) {
    YamlFields fields = of(node);
    City city;
    TDN_TRY(city.name, read_name(fields));
    TDN_TRY(city.place, read_place(fields));
    TDN_TRY(city.country, fields.text("country"));
    if (city.country.size() != 2 || !std::ranges::all_of(city.country, is_upper)) {
      return fail(
          fields.wrong(*node.find("country"),
                       fmt::format("country must be two upper-case letters (ISO 3166-1), not '{}'",
                                   city.country)));
    }
    TDN_TRY(city.latitude, fields.number("latitude", {.least = -90, .most = 90}));
    TDN_TRY(city.longitude, fields.number("longitude", {.least = -180, .most = 180}));
    TDN_TRY_VOID(fields.done());
    return city;
  }

  std::string file_;
  const MatrixSource& matrices_;
  Scenario scenario_;
  std::set<std::string> names_;
};

// Puts each Site's manifest to its place, so that none is missing and none is left over.
Result<void> join(Scenario& scenario, std::vector<Node> documents, const std::string& file) {
  for (Node& document : documents) {
    const std::string_view kind = text_at(document, "kind");
    if (kind == "Scenario") {
      continue;
    }
    if (kind != "Site") {
      scenario.manifests.push_back(std::move(document));
      continue;
    }
    const auto site =
        std::ranges::find(scenario.sites, text_at(document, "metadata.name"), &Site::name);
    if (site == scenario.sites.end()) {
      return fail(Code::kInvalid,
                  fmt::format("{}:{}: the Site {} is not among spec.sites of the Scenario; add it "
                              "there, with its region",
                              file, document.line, text_at(document, "metadata.name")));
    }
    site->manifest = std::move(document);
  }
  for (const Site& site : scenario.sites) {
    if (site.manifest.is_null()) {
      return fail(
          Code::kInvalid,
          fmt::format("{}: there is no Site {}; add its manifest to the file", file, site.name));
    }
  }
  return {};
}

// The documents but the Scenario, with their places in the file kept, for the manifests' own check.
Result<void> check_manifests(const std::vector<Node>& documents, std::string_view text,
                             const std::string& file) {
  std::string rest(text);
  std::vector<std::size_t> begins = {0};
  for (std::size_t at = rest.find('\n'); at != rest.npos; at = rest.find('\n', at + 1)) {
    begins.push_back(at + 1);
  }
  for (std::size_t i = 0; i < documents.size(); ++i) {
    if (text_at(documents[i], "kind") != "Scenario") {
      continue;
    }
    const auto line = static_cast<std::size_t>(documents[i].line - 1);
    std::size_t end = rest.size();
    for (std::size_t next = line; next < begins.size(); ++next) {
      if (std::string_view(rest).substr(begins[next]).starts_with("---")) {
        end = begins[next];
        break;
      }
    }
    for (std::size_t at = begins[line]; at < end; ++at) {
      rest[at] = rest[at] == '\n' ? '\n' : ' ';
    }
  }
  const domain::Source source{.name = file, .text = std::move(rest)};
  const WhatUpPuts existing;
  TDN_TRY_VOID(domain::parse_manifests(std::span(&source, 1), &existing));
  return {};
}

}  // namespace

Duration Scenario::rtt(const Place& from, const Place& to) const {
  return from.access + matrix.between(from.region, to.region) + to.access;
}

int slots_of(const Engine& engine) {
  const std::string_view text = text_at(engine.timing, "slots");
  int slots = engine.slots;
  std::from_chars(text.data(), text.data() + text.size(), slots);
  return slots;
}

std::string timing_yaml(const Engine& engine) {
  Node timing = engine.timing;
  if (engine.slots > 0 && timing.find("slots") == nullptr) {
    timing.kind = codec::yaml::Kind::kMapping;
    codec::yaml::Entry& slots = timing.entries.emplace_back();
    slots.key = "slots";
    slots.value.kind = codec::yaml::Kind::kScalar;
    slots.value.text = std::to_string(engine.slots);
  }
  return timing.is_null() ? std::string() : codec::yaml::to_yaml(timing);
}

bool Scenario::names_every_engine() const {
  return std::ranges::all_of(
      sites, [](const Site& site) { return site.engine.simulated || !site.engine.model.empty(); });
}

Result<Scenario> parse_scenario(std::string_view text, const std::string& file,
                                const MatrixSource& matrices) {
  TDN_TRY(std::vector<Node> documents, codec::yaml::parse(text, file));
  const auto is_scenario = [](const Node& node) { return text_at(node, "kind") == "Scenario"; };
  if (std::ranges::count_if(documents, is_scenario) != 1) {
    return fail(Code::kInvalid,
                fmt::format("{}: give one document of kind Scenario, and the manifests; see {}",
                            file, kReference));
  }
  TDN_TRY_VOID(check_manifests(documents, text, file));
  Reader reader(file, matrices);
  TDN_TRY(Scenario scenario, reader.read(*std::ranges::find_if(documents, is_scenario)));
  TDN_TRY_VOID(join(scenario, std::move(documents), file));
  if (scenario.sites.empty() || scenario.sites.size() > kMostSites) {
    return fail(Code::kInvalid,
                fmt::format("{}: {} sites; give 1 to {}", file, scenario.sites.size(), kMostSites));
  }
  return scenario;
}

}  // namespace tdn::scenario
