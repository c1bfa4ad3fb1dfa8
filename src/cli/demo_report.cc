#include "cli/demo_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "cli/table.h"
#include "codec/json_writer.h"

namespace tdn::cli {
namespace {

using Counts = std::map<std::string, std::uint64_t>;

struct Sums {
  std::uint64_t requests = 0;
  std::map<Ending, std::uint64_t> endings;
  std::uint64_t moved = 0;
  bool simulated = false;  // some of it
  codec::ReportedUsage usage;
  std::vector<Duration> first_tokens;
  Counts sites;
  Counts reasons;
  Counts errors;

  void add(const Sight& sight) {
    ++requests;
    ++endings[sight.ending];
    moved += static_cast<std::uint64_t>(sight.moved);
    simulated = simulated || sight.simulated;
    usage.prompt += sight.usage.prompt;
    usage.cached += sight.usage.cached;
    usage.completion += sight.usage.completion;
    if (sight.first_token) {
      first_tokens.push_back(*sight.first_token);
    }
    if (sight.ending != Ending::kFailed) {
      ++sites[sight.site];
      ++reasons[sight.reason];
    }
    if (!sight.error.empty()) {
      ++errors[sight.error];
    }
  }
  [[nodiscard]] std::uint64_t count(Ending ending) const {
    const auto found = endings.find(ending);
    return found == endings.end() ? 0 : found->second;
  }
};

Sums sum(const std::vector<Sight>& sights) {
  Sums sums;
  for (const Sight& sight : sights) {
    sums.add(sight);
  }
  return sums;
}

Sums sum_all(const DemoReport& report) {
  Sums sums;
  for (const CitySights& city : report.cities) {
    for (const Sight& sight : city.sights) {
      sums.add(sight);
    }
  }
  return sums;
}

// "frankfurt 95 %, paris 5 %", the most first.
std::string shares(const Counts& counts) {
  std::vector<std::pair<std::string, std::uint64_t>> sorted(counts.begin(), counts.end());
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::uint64_t all = 0;
  for (const auto& [name, count] : sorted) {
    all += count;
  }
  all = std::max<std::uint64_t>(all, 1);
  std::string text;
  for (const auto& [name, count] : sorted) {
    text += fmt::format("{}{} {} %", text.empty() ? "" : ", ", name, (count * 100 + all / 2) / all);
  }
  return text;
}

std::string milliseconds(Duration duration) {
  return fmt::format("{} ms",
                     std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

Cell bad(std::uint64_t count) {
  return {std::to_string(count), count == 0 ? Colour::kPlain : Colour::kBad};
}

std::vector<Cell> cells(const std::string& name, const Sums& sums) {
  const bool timed = !sums.first_tokens.empty();
  return {name,
          std::to_string(sums.requests),
          bad(sums.count(Ending::kFailed)),
          bad(sums.count(Ending::kCut)),
          std::to_string(sums.usage.prompt),
          std::to_string(sums.usage.completion),
          timed ? milliseconds(percentile(sums.first_tokens, 50)) : "",
          timed ? milliseconds(percentile(sums.first_tokens, 99)) : "",
          shares(sums.sites),
          shares(sums.reasons)};
}

void write_counts(codec::JsonWriter& json, const Counts& counts) {
  json.begin_object();
  for (const auto& [name, count] : counts) {
    json.key(name).number(count);
  }
  json.end_object();
}

void write_city(codec::JsonWriter& json, const CitySights& city) {
  const Sums sums = sum(city.sights);
  json.begin_object().key("city").string(city.city).key("requests").number(sums.requests);
  json.key("complete").number(sums.count(Ending::kComplete));
  json.key("cut").number(sums.count(Ending::kCut));
  json.key("failed").number(sums.count(Ending::kFailed)).key("moved").number(sums.moved);
  json.key("tokens").begin_object();
  json.key("input").string(std::to_string(sums.usage.prompt - sums.usage.cached));
  json.key("cachedInput").string(std::to_string(sums.usage.cached));
  json.key("output").string(std::to_string(sums.usage.completion)).end_object();
  const auto ms = [&sums](int percent) {
    return std::chrono::duration<double, std::milli>(percentile(sums.first_tokens, percent))
        .count();
  };
  json.key("ttftMs").begin_object().key("p50").number(ms(50)).key("p99").number(ms(99));
  json.end_object().key("servedAt");
  write_counts(json, sums.sites);
  json.key("because");
  write_counts(json, sums.reasons);
  json.key("errors");
  write_counts(json, sums.errors);
  json.end_object();
}

void write_ids(codec::JsonWriter& json, const DemoReport& report, Ending ending) {
  json.begin_array();
  for (const CitySights& city : report.cities) {
    for (const Sight& sight : city.sights) {
      if (sight.ending == ending && !sight.request.empty()) {
        json.string(sight.request);
      }
    }
  }
  json.end_array();
}

}  // namespace

Duration percentile(std::vector<Duration> values, int percent) {
  if (values.empty()) {
    return {};
  }
  const std::size_t rank = (values.size() * static_cast<std::size_t>(percent) + 99) / 100;
  const std::size_t index = std::max<std::size_t>(rank, 1) - 1;
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(index));
  return values[index];
}

std::string render_demo(const DemoReport& report, bool colours) {
  Table table;
  table.column("CITY");
  for (const char* title : {"REQUESTS", "FAILED", "CUT", "TOKENS IN", "OUT", "TTFT P50", "P99"}) {
    table.column(title, Align::kRight);
  }
  table.column("SERVED AT");
  table.column("BECAUSE");
  for (const CitySights& city : report.cities) {
    table.row(cells(city.city, sum(city.sights)));
  }
  const Sums all = sum_all(report);
  table.row(cells("all", all));
  std::string text = table.render(colours);
  text += fmt::format("\n{} requests in {:.0f} s", all.requests,
                      std::chrono::duration<double>(report.lasted).count());
  if (all.moved > 0) {
    text += fmt::format(
        "; {} times a gateway was not there, or could not serve, and the next one was asked",
        all.moved);
  }
  text += all.simulated ? "; engines are SIMULATED: their words are made up\n" : "\n";
  for (const auto& [error, count] : all.errors) {
    text += fmt::format("  {} ended with: {}\n", count, error);
  }
  return text;
}

std::string demo_json(const DemoReport& report) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("seconds").number(std::chrono::duration<double>(report.lasted).count());
  json.key("simulated").boolean(sum_all(report).simulated).key("cities").begin_array();
  for (const CitySights& city : report.cities) {
    write_city(json, city);
  }
  json.end_array().key("ids").begin_object();
  json.key("complete");
  write_ids(json, report, Ending::kComplete);
  json.key("cut");
  write_ids(json, report, Ending::kCut);
  json.key("failed");
  write_ids(json, report, Ending::kFailed);
  json.end_object().end_object();
  return text + "\n";
}

}  // namespace tdn::cli
