// What came of `tdn demo`: by city, how many requests, how quick, where they were served and why.
#pragma once

#include <string>
#include <vector>

#include "cli/demo_client.h"

namespace tdn::cli {

struct CitySights {
  std::string city;
  std::vector<Sight> sights;
};

struct DemoReport {
  std::vector<CitySights> cities;
  Duration lasted{};
};

// A table for people, a line per city and one of sums, and below it what did not end well.
[[nodiscard]] std::string render_demo(const DemoReport& report, bool colours);

// The same for programs, times in milliseconds, tokens as decimal strings, and the ids of all
// requests by ending:
// {"seconds":60,"simulated":true,"cities":[{"city":"Berlin","requests":120,"complete":118,"cut":1,
// "failed":1,"moved":2,"tokens":{"input":"1","cachedInput":"0","output":"2"},
// "ttftMs":{"p50":61,"p99":140},"servedAt":{"frankfurt":118},"because":{"nearest":118}}],
// "ids":{"complete":["…"],"cut":[],"failed":[]}}
[[nodiscard]] std::string demo_json(const DemoReport& report);

// Of unsorted values, nearest rank; zero of none. `percent` 0–100.
[[nodiscard]] Duration percentile(std::vector<Duration> values, int percent);

}  // namespace tdn::cli
