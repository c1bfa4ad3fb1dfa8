#include <fmt/format.h>

#include <ostream>

#include "cli/columns.h"
#include "cli/get.h"
#include "cli/table.h"

namespace tdn::cli {
namespace {

using codec::yaml::Node;
using codec::yaml::node_at;
using codec::yaml::text_at;
using domain::Kind;

// What belongs to an object of one kind: the objects of another of which `belongs` is true.
struct Relation {
  Kind of;
  Kind related;
  bool (*belongs)(const Node& other, std::string_view name);
};

bool lists(const Node* list, std::string_view name, std::string_view member = {}) {
  if (list == nullptr) {
    return false;
  }
  for (const Node& item : list->items) {
    if ((member.empty() ? std::string_view(item.text) : text_at(item, member)) == name) {
      return true;
    }
  }
  return false;
}

bool is_below(const Node& other, std::string_view name) {
  const std::string_view own = text_at(other, "metadata.name");
  return own.size() > name.size() && own.starts_with(name) && own[name.size()] == '/';
}

// Whether a rule of a policy names it at `path`.
bool has_rule(const Node& policy, std::string_view path, std::string_view name) {
  const Node* rules = node_at(policy, "spec.rules");
  if (rules == nullptr) {
    return false;
  }
  for (const Node& rule : rules->items) {
    if (lists(node_at(rule, path), name)) {
      return true;
    }
  }
  return false;
}

constexpr Relation kRelations[] = {
    {Kind::kZone, Kind::kPolicy,
     [](const Node& o, std::string_view n) { return has_rule(o, "require.zones", n); }},
    {Kind::kSite, Kind::kEndpoint,
     [](const Node& o, std::string_view n) { return text_at(o, "spec.site") == n; }},
    {Kind::kModel, Kind::kEndpoint,
     [](const Node& o, std::string_view n) {
       return lists(node_at(o, "spec.models"), n, "model");
     }},
    {Kind::kTenant, Kind::kProject, is_below},
    {Kind::kTenant, Kind::kKey, is_below},
    {Kind::kTenant, Kind::kPolicy,
     [](const Node& o, std::string_view n) { return has_rule(o, "match.tenants", n); }},
    {Kind::kProject, Kind::kKey, is_below},
};

std::string line(std::string_view title, std::string_view value) {
  return fmt::format("{:<11}{}\n", fmt::format("{}:", title), value.empty() ? "-" : value);
}

std::string indented(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at) + 1;
    out += "  " + text.substr(at, end - at);
    at = end;
  }
  return out;
}

std::string pairs(const Node* map) {
  std::string all;
  for (std::size_t i = 0; map != nullptr && i < map->entries.size(); ++i) {
    all +=
        fmt::format("{}{}={}", i == 0 ? "" : ", ", map->entries[i].key, map->entries[i].value.text);
  }
  return all;
}

std::string block(std::string_view title, const Node* node) {
  const bool nothing = node == nullptr || (node->entries.empty() && node->items.empty());
  return nothing ? std::string()
                 : fmt::format("{}:\n{}", title, indented(codec::yaml::to_yaml(*node)));
}

std::string facts_of(const Node& object, WallTime now) {
  std::string text = line("Name", text_at(object, "metadata.name"));
  text += line("Kind", text_at(object, "kind"));
  text += line("Uid", text_at(object, "metadata.uid"));
  text += line("Version", text_at(object, "metadata.resourceVersion"));
  const std::string_view created = text_at(object, "metadata.createdAt");
  const auto since = parse_rfc3339(created);
  text += line("Created", since ? fmt::format("{} ({} ago)", created, short_age(*since, now))
                                : std::string(created));
  text += line("Labels", pairs(node_at(object, "metadata.labels")));
  text += block("Spec", object.find("spec"));
  text += block("Status", object.find("status"));
  return text;
}

// "endpoints:  a, b", empty if nothing belongs to it.
io::Task<Result<std::string>> related(client::ControlClient& control, const Relation& relation,
                                      std::string_view name) {
  const KindName& kind = name_of(relation.related);
  TDN_CO_TRY(const Node answer, co_await control.get(path_of(kind)));
  std::string names;
  const Node* items = answer.find("items");
  for (std::size_t i = 0; items != nullptr && i < items->items.size(); ++i) {
    if (relation.belongs(items->items[i], name)) {
      names +=
          fmt::format("{}{}", names.empty() ? "" : ", ", text_at(items->items[i], "metadata.name"));
    }
  }
  std::string title(kind.plural);
  title.front() = static_cast<char>(title.front() - 'a' + 'A');
  co_return names.empty() ? std::string() : line(title, names);
}

}  // namespace

io::Task<int> describe(client::ControlClient& control, DescribeOptions options, WallTime now,
                       Screen screen) {
  const Result<Node> object =
      co_await control.get(path_of(options.object.kind, options.object.name));
  if (!object) {
    co_return tell_failure(screen, "describe", object.error());
  }
  std::string text = facts_of(*object, now);
  for (const Relation& relation : kRelations) {
    if (relation.of != options.object.kind.kind) {
      continue;
    }
    const Result<std::string> more = co_await related(control, relation, options.object.name);
    if (!more) {
      co_return tell_failure(screen, "describe", more.error());
    }
    text += *more;
  }
  screen.out << text;
  co_return 0;
}

}  // namespace tdn::cli
