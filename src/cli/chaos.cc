#include "cli/chaos.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "cli/table.h"
#include "local/breaker.h"

namespace tdn::cli {
namespace {

using codec::yaml::Node;
using codec::yaml::text_at;

constexpr Duration kDoorPatience = std::chrono::seconds(10);

// "12 s", "3 min", "2 h".
std::string age(std::string_view since, WallTime now) {
  const std::optional<WallTime> begin = parse_rfc3339(since);
  if (!begin) {
    return "";
  }
  const std::int64_t seconds = std::max<std::int64_t>(0, (now.us - begin->us) / 1'000'000);
  if (seconds < 120) {
    return fmt::format("{} s", seconds);
  }
  return seconds < 7200 ? fmt::format("{} min", seconds / 60) : fmt::format("{} h", seconds / 3600);
}

std::string table_of(const Node& answer, bool healed, WallTime now, bool colours) {
  const Node* broken = answer.find("broken");
  if (broken == nullptr || broken->items.empty()) {
    return healed ? "nothing is broken any more (what was killed takes a moment to start)\n"
                  : "nothing is broken\n";
  }
  Table table;
  for (const char* title : {"WHAT", "TARGET", "BY", "FOR", "SINCE"}) {
    table.column(title);
  }
  for (const Node& one : broken->items) {
    const std::string_view added = text_at(one, "addedMs");
    const std::string_view since = text_at(one, "since");
    table.row({Cell(std::string(text_at(one, "what")), Colour::kBad),
               std::string(text_at(one, "target")),
               added == "0" ? std::string() : fmt::format("{} ms", added), age(since, now),
               std::string(since)});
  }
  return table.render(colours);
}

Error not_running(const std::string& state) {
  return {Code::kUnavailable, fmt::format("no network runs in {}; start one with `tdn up`, or say "
                                          "where it is with --state",
                                          state)};
}

io::Task<Result<Node>> ask(io::Network& network, ChaosOptions options) {
  auto key = local::read_chaos_file(local::chaos_file(options.state));
  if (!key) {
    co_return fail(key.error().code() == Code::kMissing ? not_running(options.state) : key.error());
  }
  wan::DoorRequest request{.method = "GET", .path = "/v1/chaos", .body = {}};
  if (!options.list) {
    request.method = "POST";
    request.body = local::to_json(options.request);
  }
  auto answer = co_await wan::ask_door(network, *std::move(key), std::move(request), kDoorPatience);
  if (!answer && answer.error().code() == Code::kUnavailable) {
    co_return fail(not_running(options.state));
  }
  co_return answer;
}

}  // namespace

io::Task<int> chaos(io::Network& network, ChaosOptions options, WallTime now, Screen screen) {
  const Result<Node> answer = co_await ask(network, options);
  if (!answer) {
    co_return tell_failure(screen, "chaos", answer.error());
  }
  const bool healed = !options.list && !options.request.harm;
  screen.out << (options.json ? codec::yaml::to_json(*answer)
                              : table_of(*answer, healed, now, screen.colours));
  co_return 0;
}

}  // namespace tdn::cli
