#include "cli/top.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "cli/columns.h"
#include "cli/table.h"
#include "io/loop.h"

namespace tdn::cli {
namespace {

using client::EndpointView;
using client::NetworkView;
using client::SiteView;
using codec::yaml::Node;

constexpr std::size_t kHeadLines = 3;  // sums, a blank, the titles

std::string milliseconds(std::optional<std::uint64_t> ms) {
  if (!ms) {
    return {};
  }
  return *ms < 10'000 ? fmt::format("{}ms", *ms) : fmt::format("{}s", *ms / 1000);
}

Cell count_cell(std::uint64_t count, Colour colour = Colour::kPlain) {
  return count == 0 ? Cell("0", Colour::kDim) : Cell(std::to_string(count), colour);
}

// A site's name and state stand on its first line only.
void add_rows(Table& table, const SiteView& site, WallTime now) {
  const Cell synced = site.last_sync ? Cell(short_age(*site.last_sync, now)) : Cell();
  if (site.endpoints.empty()) {
    table.row({site.name, site_cell(site), synced, "", "", "", "", "", ""});
    return;
  }
  bool first = true;
  for (const EndpointView& endpoint : site.endpoints) {
    table.row({first ? Cell(site.name) : Cell(" "), first ? site_cell(site) : Cell(" "),
               first ? synced : Cell(" "), endpoint.name, health_cell(endpoint.health),
               count_cell(endpoint.running), count_cell(endpoint.waiting, Colour::kWarning),
               count_cell(endpoint.tokens_per_second), milliseconds(endpoint.ttft_ms)});
    first = false;
  }
}

// Sites that were deleted stay in the network's books, and are nothing to look at.
bool is_there(const SiteView& site) { return site.state != "deleted"; }

std::string sums(const NetworkView& network, WallTime now) {
  std::uint64_t sites = 0;
  std::uint64_t connected = 0;
  std::uint64_t running = 0;
  std::uint64_t waiting = 0;
  std::uint64_t tokens = 0;
  for (const SiteView& site : network.sites) {
    if (!is_there(site)) {
      continue;
    }
    ++sites;
    connected += site.connected ? 1U : 0U;
    for (const EndpointView& endpoint : site.endpoints) {
      running += endpoint.running;
      waiting += endpoint.waiting;
      tokens += endpoint.tokens_per_second;
    }
  }
  return fmt::format("sites {}/{}   running {}   waiting {}   tokens/s {}   {}", connected, sites,
                     running, waiting, tokens,
                     to_rfc3339({now.us / 1'000'000 * 1'000'000}).substr(11, 8));
}

std::string cut_line(std::string_view text, std::size_t width) {
  return std::string(width == 0 ? text : text.substr(0, width)) + "\n";
}

// The first lines that fit, and how many do not.
std::string cut_rows(const std::string& table, std::size_t rows, WindowSize size) {
  const std::size_t room =
      size.height == 0 ? rows : std::max(size.height, kHeadLines + 2) - kHeadLines - 1;
  if (rows <= room) {
    return table;
  }
  std::size_t end = table.find('\n') + 1;  // the titles
  for (std::size_t row = 1; row < room; ++row) {
    end = table.find('\n', end) + 1;
  }
  return table.substr(0, end) +
         cut_line(fmt::format("and {} more; enlarge the window", rows - room + 1), size.width);
}

}  // namespace

std::string render_top(const NetworkView& network, WallTime now, WindowSize size, bool colours) {
  Table table;
  for (const char* title : {"SITE", "STATE"}) {
    table.column(title);
  }
  table.column("SYNCED", Align::kRight);
  for (const char* title : {"ENDPOINT", "HEALTH"}) {
    table.column(title);
  }
  for (const char* title : {"RUN", "WAIT", "TOKENS/S", "TTFT"}) {
    table.column(title, Align::kRight);
  }
  std::size_t rows = 0;
  for (const SiteView& site : network.sites) {
    if (!is_there(site)) {
      continue;
    }
    add_rows(table, site, now);
    rows += std::max<std::size_t>(1, site.endpoints.size());
  }
  return cut_line(sums(network, now), size.width) + "\n" +
         cut_rows(table.render(colours, size.width), rows, size);
}

io::Task<int> top_once(client::ControlClient& control, TopOptions options, WallTime now,
                       Screen screen) {
  const Result<Node> answer = co_await control.get("/api/v1/network");
  if (!answer) {
    co_return tell_failure(screen, "top", answer.error());
  }
  if (options.json) {
    screen.out << codec::yaml::to_json(*answer);
    co_return 0;
  }
  const Result<NetworkView> network = client::read_network(*answer);
  if (!network) {
    co_return tell_failure(screen, "top", network.error());
  }
  const WindowSize unlimited{.width = 0, .height = 0};
  screen.out << render_top(*network, now, unlimited, screen.colours);
  co_return 0;
}

io::Task<> LiveTop::look() {
  const Result<Node> answer = co_await control_.get("/api/v1/network");
  seen_ = answer ? client::read_network(*answer) : Result<NetworkView>(fail(answer.error()));
  looked_ = true;
  draw();
}

io::Task<> LiveTop::run() {
  io::Context& context = co_await io::this_context();
  while (!quitting_) {
    co_await look();
    const io::DeadlineScope scope(
        context, context.loop().now() + std::chrono::seconds(options_.interval_seconds));
    co_await quit_.wait();
  }
}

void LiveTop::quit() {
  quitting_ = true;
  quit_.set();
}

void LiveTop::draw() {
  const WindowSize size = display_.size();
  if (!looked_ || quitting_) {
    return;
  }
  if (seen_) {
    display_.draw(render_top(*seen_, clock_.wall(), size, colours_));
  } else {
    display_.draw(cut_line(seen_.error().detail(), size.width) +
                  cut_line("trying again; q quits", size.width));
  }
}

}  // namespace tdn::cli
