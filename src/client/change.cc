#include "client/change.h"

#include <fmt/format.h>

#include "codec/json_writer.h"

namespace tdn::client {
namespace {

using codec::yaml::Node;
using codec::yaml::text_at;

std::vector<std::string> texts_of(const Node& answer, std::string_view name) {
  std::vector<std::string> texts;
  if (const Node* list = answer.find(name); list != nullptr) {
    for (const Node& item : list->items) {
      texts.push_back(item.text);
    }
  }
  return texts;
}

}  // namespace

Result<Change> read_change(const Node& answer) {
  if (!answer.is_mapping()) {
    return fail(Code::kUpstreamError,
                "control did not answer with a change: is it another version?");
  }
  Change change{.objects = {},
                .snapshot = {},
                .acknowledged = texts_of(answer, "acknowledged"),
                .missing = texts_of(answer, "missing")};
  if (const Node* results = answer.find("results"); results != nullptr) {
    for (const Node& result : results->items) {
      change.objects.push_back({.kind = std::string(text_at(result, "kind")),
                                .name = std::string(text_at(result, "name")),
                                .action = std::string(text_at(result, "action"))});
    }
  }
  const std::string_view version = text_at(answer, "snapshot.version");
  if (!version.empty()) {
    change.snapshot = fmt::format("{}.{}", text_at(answer, "snapshot.controlEpoch"), version);
  }
  return change;
}

std::string apply_body(std::span<const ManifestText> sources, bool dry_run) {
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object().key("sources").begin_array();
  for (const ManifestText& source : sources) {
    json.begin_object().key("name").string(source.name).key("text").string(source.text);
    json.end_object();
  }
  json.end_array().key("dryRun").boolean(dry_run).end_object();
  return body;
}

std::string delete_body(std::span<const NamedObject> objects) {
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object().key("objects").begin_array();
  for (const NamedObject& object : objects) {
    json.begin_object().key("kind").string(object.kind).key("name").string(object.name);
    json.end_object();
  }
  json.end_array().end_object();
  return body;
}

Result<IssuedKey> read_issued_key(const Node& answer) {
  TDN_TRY(Change change, read_change(answer));
  IssuedKey issued{.key = Secret(std::string(text_at(answer, "key"))),
                   .id = std::string(text_at(answer, "id")),
                   .change = std::move(change)};
  if (issued.key.empty()) {
    return fail(Code::kUpstreamError, "control did not answer with a key: is it another version?");
  }
  return issued;
}

}  // namespace tdn::client
