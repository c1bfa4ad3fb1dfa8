#include "domain/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <system_error>

#include "codec/yaml.h"
#include "domain/detail/check.h"
#include "domain/detail/reader.h"
#include "domain/fields.h"

namespace tdn::domain {
namespace {

using codec::yaml::Node;
using detail::Claims;
using detail::ReadContext;

constexpr std::string_view kApiVersion = "tdn/v1";
constexpr std::uintmax_t kMostFileBytes = codec::yaml::Limits{}.bytes;

constexpr std::array<std::string_view, kKinds> kKindNames = {
    "Zone", "Site", "Model", "Endpoint", "Tenant", "Project", "Key", "Policy"};
constexpr std::array<std::string_view, 5> kLaterKinds = {"Deployment", "Route", "Plan", "Grant",
                                                         "Limit"};

class Loader {
 public:
  void add(const Source& source) {
    context_.file = source.name;
    const auto documents = codec::yaml::parse(source.text, source.name);
    if (!documents) {
      context_.problems.add(documents.error().detail());
      return;
    }
    for (const Node& document : *documents) {
      if (const Node* const items = items_of(document); items != nullptr) {
        for (const Node& item : items->items) {
          add(item);
        }
      } else {
        add(document);
      }
    }
  }

  Result<Manifests> finish(const Existing* existing) && {
    for_each_list(all_, [](Kind, auto& objects) {
      std::sort(objects.begin(), objects.end(),
                [](const auto& a, const auto& b) { return a.metadata.name < b.metadata.name; });
    });
    detail::check_references(context_, all_, existing);
    if (existing != nullptr) {
      detail::check_claims(context_, claims_, all_, *existing);
    }
    if (!context_.problems.empty()) {
      return fail(context_.problems.error());
    }
    return std::move(all_);
  }

 private:
  // Of what `tdn get -o json` prints of several objects; null if the document is no such list.
  static const Node* items_of(const Node& document) {
    const Node* const kind = document.find("kind");
    const Node* const items = document.find("items");
    const bool is_list = kind == nullptr || (kind->is_scalar() && kind->text == "List");
    return is_list && items != nullptr && items->is_sequence() ? items : nullptr;
  }

  void add(const Node& document) {
    context_.lines.clear();
    add_document(document);
  }

  void add_document(const Node& document) {
    const Place start{context_.file, document.line};
    if (!document.is_mapping()) {
      context_.problems.add(start, "", "no manifest; write apiVersion, kind, metadata and spec");
      return;
    }
    if (!check_envelope(document)) {
      return;
    }
    switch (*parse_kind(document.find("kind")->text)) {
      case Kind::kZone:
        return read(document, Kind::kZone, all_.zones);
      case Kind::kSite:
        return read(document, Kind::kSite, all_.sites);
      case Kind::kModel:
        return read(document, Kind::kModel, all_.models);
      case Kind::kEndpoint:
        return read(document, Kind::kEndpoint, all_.endpoints);
      case Kind::kTenant:
        return read(document, Kind::kTenant, all_.tenants);
      case Kind::kProject:
        return read(document, Kind::kProject, all_.projects);
      case Kind::kKey:
        return read(document, Kind::kKey, all_.keys);
      case Kind::kPolicy:
        return read(document, Kind::kPolicy, all_.policies);
    }
  }

  // The members around the spec: what they are and that no others are there. True if the kind is
  // one that can be read.
  bool check_envelope(const Node& document) {
    static const std::vector<std::string_view> kMembers = {"apiVersion", "kind", "metadata", "spec",
                                                           "status"};
    for (const auto& entry : document.entries) {
      context_.lines[entry.key] = entry.line;
      if (std::find(kMembers.begin(), kMembers.end(), entry.key) == kMembers.end()) {
        const std::string hint = did_you_mean(entry.key, kMembers);
        context_.wrong(entry.key, "unknown field" + (hint.empty() ? "; take it out" : hint));
      }
    }
    const Node* version = document.find("apiVersion");
    if (version == nullptr || version->text != kApiVersion) {
      context_.lines.try_emplace("apiVersion", document.line);
      context_.wrong("apiVersion", version == nullptr
                                       ? "is missing; add apiVersion: tdn/v1"
                                       : fmt::format("`{}` is not known; write tdn/v1",
                                                     version->text.substr(0, 40)));
    }
    const Node* kind = document.find("kind");
    if (kind == nullptr || !kind->is_scalar()) {
      context_.lines.try_emplace("kind", document.line);
      context_.wrong("kind", "is missing; add one such as kind: Site");
      return false;
    }
    if (parse_kind(kind->text)) {
      return true;
    }
    const bool later =
        std::find(kLaterKinds.begin(), kLaterKinds.end(), kind->text) != kLaterKinds.end();
    std::vector<std::string_view> names(kKindNames.begin(), kKindNames.end());
    const std::string hint = did_you_mean(kind->text, names);
    context_.wrong("kind", later
                               ? fmt::format("{} is not built yet; take the object out", kind->text)
                               : fmt::format("unknown kind `{}`{}", kind->text.substr(0, 40),
                                             hint.empty() ? "; take the object out" : hint));
    return false;
  }

  // The mapping under `member`, an empty one if the object may do without.
  const Node* part(const Node& document, const std::string& member) {
    static const Node kEmpty = [] {
      Node node;
      node.kind = codec::yaml::Kind::kMapping;
      return node;
    }();
    const Node* node = document.find(member);
    context_.lines.try_emplace(member, document.line);
    if (node == nullptr) {
      return &kEmpty;
    }
    if (!node->is_mapping()) {
      context_.wrong(member, "is no mapping; write `name: value` below it, or {}");
      return nullptr;
    }
    return node;
  }

  template <class Spec>
  void read(const Node& document, Kind kind, std::vector<Object<Spec>>& objects) {
    const Node* metadata = part(document, "metadata");
    const Node* spec = part(document, "spec");
    if (metadata == nullptr || spec == nullptr) {
      return;
    }
    const std::size_t problems = context_.problems.count();
    Object<Spec> object;
    detail::read_object(context_, *metadata, "metadata",
                        [&](FieldVisitor& fields) { describe(fields, object.metadata); });
    detail::read_object(context_, *spec, "spec",
                        [&](FieldVisitor& fields) { describe(fields, object.spec); });
    if (object.metadata.name.empty()) {
      return;  // told already
    }
    object.place = context_.place("metadata.name");
    if (context_.problems.count() == problems) {  // or it would tell what follows from them
      detail::check_object(context_, claims_, object);
    }
    detail::claim(context_, claims_, "metadata.name",
                  fmt::format("{} `{}`", to_string(kind), object.metadata.name));
    objects.push_back(std::move(object));
  }

  ReadContext context_;
  Claims claims_;
  Manifests all_;
};

Result<Source> read_file(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (!error && size > kMostFileBytes) {
    return fail(Code::kInvalid, fmt::format("{}: {} bytes, more than {}; split the file",
                                            path.string(), size, kMostFileBytes));
  }
  std::ifstream file(path, std::ios::binary);
  Source source{path.string(), {}};
  source.text.assign(std::istreambuf_iterator<char>(file), {});
  if (error || !file) {
    return fail(
        Code::kUnavailable,
        fmt::format("{}: cannot be read; check that it is a file you may read", path.string()));
  }
  return source;
}

bool is_manifest(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

}  // namespace

std::string_view to_string(Kind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

std::optional<Kind> parse_kind(std::string_view text) {
  const auto found = std::find(kKindNames.begin(), kKindNames.end(), text);
  if (found == kKindNames.end()) {
    return std::nullopt;
  }
  return static_cast<Kind>(found - kKindNames.begin());
}

Result<Manifests> parse_manifests(std::span<const Source> sources, const Existing* existing) {
  Loader loader;
  for (const Source& source : sources) {
    loader.add(source);
  }
  return std::move(loader).finish(existing);
}

Result<std::vector<Source>> read_sources(const std::string& path) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    std::filesystem::directory_iterator at(path, error);
    for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
      if (is_manifest(at->path()) && at->is_regular_file(error)) {
        files.push_back(at->path());
      }
    }
    std::sort(files.begin(), files.end());
  } else if (std::filesystem::exists(path, error)) {
    files.emplace_back(path);
  }
  if (error) {
    return fail(Code::kUnavailable, fmt::format("{}: {}", path, error.message()));
  }
  if (files.empty()) {
    const bool is_there = std::filesystem::exists(path, error);
    return fail(Code::kMissing,
                path + (is_there ? ": no manifests here; name a file or a folder with *.yaml"
                                 : ": there is no such file or folder"));
  }
  std::vector<Source> sources;
  for (const auto& file : files) {
    TDN_TRY(Source source, read_file(file));
    sources.push_back(std::move(source));
  }
  return sources;
}

Result<Manifests> load_manifests(const std::string& path) {
  TDN_TRY(const std::vector<Source> sources, read_sources(path));
  return parse_manifests(sources);
}

}  // namespace tdn::domain
