#include "cli/usage_report.h"

#include <fmt/format.h>

#include <vector>

#include "base/time.h"
#include "cli/table.h"

namespace tdn::cli {
namespace {

using codec::yaml::Node;
using codec::yaml::text_at;

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == text.npos) {
      return parts;
    }
    text.remove_prefix(comma + 1);
  }
}

std::string footer(const Node& usage, bool colours) {
  std::string late;
  if (const Node* sites = usage.find("lateSites"); sites != nullptr) {
    for (const Node& site : sites->items) {
      late += (late.empty() ? "" : ", ") + site.text;
    }
  }
  const std::string_view complete = text_at(usage, "completeThrough");
  std::string text = complete.empty() ? std::string("not yet known to be complete")
                                      : fmt::format("complete through {}", complete);
  if (!late.empty()) {
    late = fmt::format("late: {}; what they settled lately is missing", late);
    text += "\n" + paint(late, Colour::kWarning, colours);
  } else if (complete.empty()) {
    text += ": not every edge has reported since it started";
  }
  text += "\n";
  if (const Node* beginnings = usage.find("beginsAt"); beginnings != nullptr) {
    for (const Node& beginning : beginnings->items) {
      text += fmt::format("{} begins with record {}, settled {}; what is older is at control\n",
                          text_at(beginning, "journal"), text_at(beginning, "seq"),
                          text_at(beginning, "settled"));
    }
  }
  if (const Node* books = usage.find("setAside"); books != nullptr) {
    for (const Node& each : books->items) {
      const std::string line = fmt::format(
          "set aside: edge {} of {}: {}; its state folder may hold records that are missing here",
          text_at(each, "edge"), text_at(each, "site"), text_at(each, "reason"));
      text += paint(line, Colour::kWarning, colours) + "\n";
    }
  }
  return text;
}

}  // namespace

Result<std::string> usage_table(const Node& usage, std::string_view by, bool colours) {
  const Node* rows = usage.find("rows");
  if (rows == nullptr) {
    return fail(Code::kUpstreamError, "control did not answer with usage: is it another version?");
  }
  const std::vector<std::string> dimensions = split(by);
  Table table;
  for (const std::string& dimension : dimensions) {
    table.column(dimension);
  }
  for (const char* title : {"requests", "input", "cached input", "output", "amount"}) {
    table.column(title, Align::kRight);
  }
  table.column("currency");
  for (const Node& row : rows->items) {
    std::vector<Cell> cells;
    for (const std::string& dimension : dimensions) {
      cells.emplace_back(std::string(text_at(row, "by." + dimension)));
    }
    for (const char* path : {"requests", "tokens.input", "tokens.cachedInput", "tokens.output",
                             "amount", "currency"}) {
      cells.emplace_back(std::string(text_at(row, path)));
    }
    table.row(std::move(cells));
  }
  return table.render(colours) + footer(usage, colours);
}

}  // namespace tdn::cli
