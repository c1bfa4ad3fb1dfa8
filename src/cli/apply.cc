#include "cli/apply.h"

#include <fmt/format.h>

#include <istream>
#include <iterator>
#include <ostream>

#include "cli/table.h"
#include "codec/tree.h"
#include "domain/load.h"

namespace tdn::cli {
namespace {

using client::Change;
using client::ManifestText;
using codec::yaml::Node;

// Control answers within five seconds even if edges are late.
constexpr Duration kPatience = std::chrono::seconds(30);

Result<std::vector<ManifestText>> read_files(const std::vector<std::string>& files,
                                             std::istream& input) {
  std::vector<ManifestText> texts;
  for (const std::string& file : files) {
    if (file == "-") {
      texts.push_back({"standard input", std::string(std::istreambuf_iterator<char>(input), {})});
      if (texts.back().text.find_first_not_of(" \t\r\n") == std::string::npos) {
        return fail(Code::kMissing, "standard input is empty; no manifest came");
      }
      continue;
    }
    TDN_TRY(std::vector<domain::Source> sources, domain::read_sources(file));
    for (domain::Source& source : sources) {
      texts.push_back({std::move(source.name), std::move(source.text)});
    }
  }
  return texts;
}

Colour colour_of(std::string_view action) {
  return action == "unchanged" ? Colour::kDim : Colour::kGood;
}

void tell_objects(const Screen& screen, const Change& change, std::string_view suffix) {
  for (const client::ChangedObject& object : change.objects) {
    const Result<KindName> kind = find_kind(object.kind);
    screen.out << fmt::format("{}/{} {}{}\n", kind ? kind->singular : object.kind, object.name,
                              paint(object.action, colour_of(object.action), screen.colours),
                              suffix);
  }
}

// What manifests name, without reading more of them: what is deleted need not be right.
Result<std::vector<Reference>> references_in(const std::vector<ManifestText>& texts) {
  std::vector<Reference> found;
  for (const ManifestText& text : texts) {
    TDN_TRY(const std::vector<Node> documents, codec::yaml::parse(text.text, text.name));
    for (const Node& document : documents) {
      const std::string_view name = codec::yaml::text_at(document, "metadata.name");
      const Result<KindName> kind = find_kind(codec::yaml::text_at(document, "kind"));
      if (!kind || name.empty()) {
        return fail(Code::kInvalid,
                    fmt::format("{}:{}: no manifest; it needs kind and metadata.name", text.name,
                                document.line));
      }
      found.push_back({*kind, std::string(name)});
    }
  }
  return found;
}

}  // namespace

io::Task<int> apply(client::ControlClient& control, ApplyOptions options, std::istream& input,
                    Screen screen) {
  const Result<std::vector<ManifestText>> texts = read_files(options.files, input);
  if (!texts) {
    co_return tell_failure(screen, "apply", texts.error());
  }
  std::string body = client::apply_body(*texts, options.dry_run);
  const Result<Node> answer = co_await control.post("/api/v1/apply", std::move(body), kPatience);
  if (!answer) {
    const int status = tell_failure(screen, "apply", answer.error());
    if (answer.error().code() == Code::kInvalid) {
      screen.err << "nothing was applied\n";
    }
    co_return status;
  }
  if (options.json) {
    screen.out << codec::yaml::to_json(*answer);
    co_return 0;
  }
  const Result<Change> change = client::read_change(*answer);
  if (!change) {
    co_return tell_failure(screen, "apply", change.error());
  }
  tell_objects(screen, *change, options.dry_run ? " (dry run)" : "");
  if (!options.dry_run) {
    tell_acknowledgements(screen.out, *change, screen.colours);
  }
  co_return 0;
}

io::Task<int> remove(client::ControlClient& control, DeleteOptions options, std::istream& input,
                     Screen screen) {
  std::vector<Reference> objects{options.object};
  if (!options.files.empty()) {
    const Result<std::vector<ManifestText>> texts = read_files(options.files, input);
    if (!texts) {
      co_return tell_failure(screen, "delete", texts.error());
    }
    Result<std::vector<Reference>> named = references_in(*texts);
    if (!named) {
      co_return tell_failure(screen, "delete", named.error());
    }
    objects = *std::move(named);
  }
  std::vector<client::NamedObject> named;
  for (const Reference& object : objects) {
    named.push_back({std::string(domain::to_string(object.kind.kind)), object.name});
  }
  const Result<Node> answer =
      co_await control.post("/api/v1/delete", client::delete_body(named), kPatience);
  if (!answer) {
    const int status = tell_failure(screen, "delete", answer.error());
    if (objects.size() > 1) {
      screen.err << "nothing was deleted\n";
    }
    co_return status;
  }
  const Result<Change> change = client::read_change(*answer);
  if (!change) {
    co_return tell_failure(screen, "delete", change.error());
  }
  tell_objects(screen, *change, "");
  tell_acknowledgements(screen.out, *change, screen.colours);
  co_return 0;
}

}  // namespace tdn::cli
