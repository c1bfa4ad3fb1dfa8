#include "meter/usage_report.h"

#include <algorithm>
#include <tuple>

#include "codec/json_writer.h"

namespace tdn::meter {
namespace {

std::string shown(Dimension dimension, const Summary::Value& value, const NameOf& name_of) {
  if (is_attribution(dimension)) {
    return value.text;
  }
  if (value.uid.is_zero()) {
    return "";
  }
  std::string name = name_of(kind_of(dimension), value.uid);
  return name.empty() ? to_string(value.uid) : name;
}

void write_beginnings(codec::JsonWriter& json, const UsageReport& report) {
  if (report.beginnings.empty()) {
    return;
  }
  json.key("beginsAt").begin_array();
  for (const UsageReport::Beginning& beginning : report.beginnings) {
    json.begin_object().key("journal").string(beginning.journal);
    json.key("seq").string(std::to_string(beginning.seq));
    json.key("settled").string(to_rfc3339(beginning.settled)).end_object();
  }
  json.end_array();
}

void write_set_aside(codec::JsonWriter& json, const UsageReport& report) {
  if (report.set_aside.empty()) {
    return;
  }
  json.key("setAside").begin_array();
  for (const UsageReport::SetAside& books : report.set_aside) {
    json.begin_object().key("site").string(books.site);
    json.key("edge").string(to_string(books.edge));
    json.key("reason").string(books.reason).end_object();
  }
  json.end_array();
}

}  // namespace

UsageReport make_report(const Summary& summary, const NameOf& name_of) {
  UsageReport report;
  report.by = summary.by();
  for (const auto& [key, row] : summary.rows()) {
    UsageLine line{.by = {}, .currency = key.currency, .row = row};
    for (std::size_t i = 0; i < key.by.size(); ++i) {
      line.by.push_back(shown(report.by[i], key.by[i], name_of));
    }
    report.lines.push_back(std::move(line));
  }
  std::ranges::sort(report.lines, [](const UsageLine& a, const UsageLine& b) {
    return std::tie(a.by, a.currency) < std::tie(b.by, b.currency);
  });
  // What was made again under the name of something deleted is another object to the books, and the
  // same to who reads them: one line for one name.
  std::vector<UsageLine> merged;
  for (UsageLine& line : report.lines) {
    if (!merged.empty() && merged.back().by == line.by && merged.back().currency == line.currency) {
      merged.back().row += line.row;
    } else {
      merged.push_back(std::move(line));
    }
  }
  report.lines = std::move(merged);
  return report;
}

std::string to_json(const UsageReport& report) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("rows").begin_array();
  for (const UsageLine& line : report.lines) {
    json.begin_object().key("by").begin_object();
    for (std::size_t i = 0; i < line.by.size(); ++i) {
      json.key(name_of(report.by[i])).string(line.by[i]);
    }
    json.end_object().key("requests").string(std::to_string(line.row.requests));
    json.key("tokens").begin_object();
    json.key("input").string(std::to_string(line.row.tokens.input));
    json.key("cachedInput").string(std::to_string(line.row.tokens.cached_input));
    json.key("output").string(std::to_string(line.row.tokens.output));
    json.end_object().key("amount").string(to_string(line.row.amount));
    json.key("currency").string(line.currency.text()).end_object();
  }
  json.end_array();
  write_beginnings(json, report);
  json.key("completeThrough");
  report.complete_through ? json.string(to_rfc3339(*report.complete_through)) : json.null();
  json.key("lateSites").begin_array();
  for (const std::string& site : report.late_sites) {
    json.string(site);
  }
  json.end_array();
  write_set_aside(json, report);
  json.end_object();
  return text;
}

}  // namespace tdn::meter
