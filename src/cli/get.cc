#include "cli/get.h"

#include <fmt/format.h>

#include <ostream>

#include "cli/columns.h"
#include "cli/table.h"

namespace tdn::cli {
namespace {

using client::NetworkView;
using codec::yaml::Node;

// In tables only: the other formats are what was written down.
bool shows_network(domain::Kind kind) {
  return kind == domain::Kind::kSite || kind == domain::Kind::kEndpoint;
}

std::string as_yaml(const std::vector<Node>& objects) {
  std::string text;
  for (const Node& object : objects) {
    text += text.empty() ? "" : "---\n";
    text += codec::yaml::to_yaml(object);
  }
  return text;
}

std::string as_table(const std::vector<Node>& objects, domain::Kind kind, bool wide,
                     const ColumnContext& context, const Screen& screen) {
  Table table;
  for (const ColumnSpec& column : columns_of(kind)) {
    if (wide || !column.wide) {
      table.column(std::string(column.title), column.align);
    }
  }
  for (const Node& object : objects) {
    std::vector<Cell> cells;
    for (const ColumnSpec& column : columns_of(kind)) {
      if (wide || !column.wide) {
        cells.push_back(column.cell(object, context));
      }
    }
    table.row(std::move(cells));
  }
  return table.render(screen.colours);
}

}  // namespace

io::Task<int> get(client::ControlClient& control, GetOptions options, WallTime now, Screen screen) {
  const KindName kind = options.object.kind;
  Result<Node> answer = co_await control.get(path_of(kind, options.object.name));
  if (!answer) {
    co_return tell_failure(screen, "get", answer.error());
  }
  const bool one = !options.object.name.empty();
  if (options.format == Format::kJson) {
    screen.out << codec::yaml::to_json(*answer);
    co_return 0;
  }
  std::vector<Node> objects;
  if (one) {
    objects.push_back(*std::move(answer));
  } else if (const Node* items = answer->find("items"); items != nullptr) {
    objects = items->items;
  }
  if (options.format == Format::kYaml) {
    screen.out << as_yaml(objects);
    co_return 0;
  }
  if (objects.empty()) {
    screen.err << fmt::format("there are no {}\n", kind.plural);
    co_return 0;
  }
  NetworkView network;
  ColumnContext context{.now = now};
  if (shows_network(kind.kind)) {
    const Result<Node> state = co_await control.get("/api/v1/network");
    if (!state) {
      co_return tell_failure(screen, "get", state.error());
    }
    Result<NetworkView> read = client::read_network(*state);
    if (!read) {
      co_return tell_failure(screen, "get", read.error());
    }
    network = *std::move(read);
    context.network = &network;
  }
  screen.out << as_table(objects, kind.kind, options.format == Format::kWide, context, screen);
  co_return 0;
}

}  // namespace tdn::cli
