#include "cli/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <span>
#include <tuple>

#include "codec/json_writer.h"
#include "io/event.h"
#include "requests/history.h"
#include "requests/request_log.h"

namespace tdn::cli {
namespace {

using requests::Decided;
using requests::Ended;
using requests::History;

constexpr int kDepth = 3;

bool has_logs(const std::vector<std::string>& names) {
  return std::ranges::any_of(
      names, [](const std::string& name) { return requests::parse_file_name(name).has_value(); });
}

// Folders only by trying: what cannot be listed is a file, or is not ours to read.
void search(io::Disk& disk, const std::string& dir, int depth, std::vector<std::string>& found) {
  const auto names = disk.list(dir);
  if (!names) {
    return;
  }
  if (has_logs(*names)) {
    found.push_back(dir);
    return;
  }
  for (const std::string& name : *names) {
    if (depth > 0) {
      search(disk, dir + "/" + name, depth - 1, found);
    }
  }
}

Result<std::vector<History>> read_all(io::Disk& disk, const std::string& dir) {
  TDN_TRY_VOID(disk.list(dir));
  std::vector<std::string> folders;
  search(disk, dir, kDepth, folders);
  if (folders.empty()) {
    return fail(Code::kMissing,
                fmt::format("{}: no request log (*.trl) here or below; give the --state folder of "
                            "an edge or of tdn up, or send it a request first",
                            dir));
  }
  std::vector<History> histories;
  for (const std::string& folder : folders) {
    TDN_TRY(History history, History::read(disk, folder));
    histories.push_back(std::move(history));
  }
  return histories;
}

struct Line {
  const Ended* ended;
  const History* history;
};

std::vector<Line> last_lines(const std::vector<History>& histories,
                             const RequestsOptions& options) {
  std::vector<Line> lines;
  for (const History& history : histories) {
    for (const Ended* ended : history.last(options.site.empty() ? options.last : SIZE_MAX)) {
      if (options.site.empty() || history.here_of(*ended) == options.site) {
        lines.push_back({ended, &history});
      }
    }
  }
  std::ranges::sort(lines, {}, [](const Line& line) {
    return std::tuple(line.ended->at_us, line.ended->request);
  });
  lines.erase(lines.begin(),
              lines.end() - static_cast<std::ptrdiff_t>(std::min(options.last, lines.size())));
  return lines;
}

std::string render_json(const std::vector<Line>& lines) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("requests").begin_array();
  for (const auto& [ended, history] : lines) {
    json.begin_object();
    json.key("at").string(to_rfc3339(WallTime{static_cast<std::int64_t>(ended->at_us)}));
    json.key("id").string(to_string(ended->request.uid));
    json.key("site").string(history->here_of(*ended));
    json.key("model").string(history->model_of(*ended));
    json.key("endpoint").string(history->endpoint_of(*ended));
    json.key("reason").string(route::to_string(ended->reason));
    json.key("status").number(std::uint64_t{ended->status});
    json.key("code");
    ended->code.empty() ? json.null() : json.string(ended->code);
    json.key("attempts").number(std::uint64_t{ended->attempts});
    json.key("streamed").boolean(ended->streamed);
    json.key("tokens").begin_object();
    json.key("input").string(std::to_string(ended->input));
    json.key("cachedInput").string(std::to_string(ended->cached));
    json.key("output").string(std::to_string(ended->output)).end_object();
    json.key("firstByteUs").number(ended->first_us);
    json.key("totalUs").number(ended->total_us).end_object();
  }
  json.end_array().end_object();
  return text + "\n";
}

std::string ms(std::uint64_t us) {
  return us == 0 ? "-" : fmt::format("{:.1f}", static_cast<double>(us) / 1000);
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string render_table(const std::vector<Line>& lines) {
  std::vector<std::array<std::string, 12>> rows{{"time", "request", "at", "model", "endpoint",
                                                 "reason", "status", "in", "cached", "out",
                                                 "first ms", "total ms"}};
  constexpr std::size_t kTextColumns = 7;
  for (const auto& [ended, history] : lines) {
    rows.push_back({to_rfc3339(WallTime{static_cast<std::int64_t>(ended->at_us)}),
                    to_string(ended->request.uid), history->here_of(*ended),
                    or_dash(history->model_of(*ended)), or_dash(history->endpoint_of(*ended)),
                    ended->attempts == 0 ? "-" : std::string(route::to_string(ended->reason)),
                    ended->code.empty()
                        ? ended->status == 0 ? "left" : std::to_string(ended->status)
                        : fmt::format("{} {}", ended->status, ended->code),
                    std::to_string(ended->input), std::to_string(ended->cached),
                    std::to_string(ended->output), ms(ended->first_us), ms(ended->total_us)});
  }
  std::string text;
  for (const auto& row : rows) {
    std::string shown;
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::size_t width = 0;
      for (const auto& other : rows) {
        width = std::max(width, other[i].size());
      }
      shown += i < kTextColumns ? fmt::format("{:<{}}  ", row[i], width)
                                : fmt::format("{:>{}}  ", row[i], width);
    }
    shown.erase(shown.find_last_not_of(' ') + 1);
    text += shown + "\n";
  }
  return text;
}

std::string refusal_text(const Decided& decided) {
  return decided.refusal.empty() ? "" : "the client was told so";
}

// Who was chosen then, in words.
std::string recorded_text(const History& history, const Decided& decided) {
  return decided.refusal.empty()
             ? fmt::format("{} ({})", history.endpoint_of(decided, decided.chosen),
                           route::to_string(decided.reason))
             : fmt::format("refused ({})", decided.refusal);
}

std::string tell(const History& history, const Decided& decided, const requests::Rerun& rerun,
                 Format format) {
  const std::string id = to_string(decided.request.uid);
  const std::string here = history.here_of(decided);
  const std::string model = history.model_of(decided);
  const std::vector<route::Place> places = history.places_of(decided);
  const std::string refusal = refusal_text(decided);
  route::Explanation told;
  told.request = id;
  told.at = WallTime{static_cast<std::int64_t>(decided.at_us)};
  told.here = here;
  told.model = model;
  told.body_bytes = decided.body_bytes;
  told.work = &decided.work;
  told.facts = decided.facts;
  told.places = places;
  told.left_out = decided.left_out;
  told.decision = rerun.decision;
  told.refusal = refusal;
  if (!rerun.same) {
    told.recorded = recorded_text(history, decided);
  }
  const std::optional<Ended>& ended = history.find(decided.request)->ended;
  const std::string endpoint = ended ? history.endpoint_of(*ended) : "";
  if (ended) {
    told.ended = route::Ending{.status = ended->status,
                               .code = ended->code,
                               .endpoint = endpoint,
                               .output = ended->output,
                               .first_us = ended->first_us,
                               .total_us = ended->total_us};
  }
  return format == Format::kJson ? to_json(told) + "\n" : to_text(told);
}

Result<const Decided*> find_attempt(const History& history, const RecordedOptions& options) {
  const requests::Told* const told = history.find(options.request);
  if (told == nullptr || told->attempts.empty()) {
    return nullptr;
  }
  if (!options.attempt) {
    return &told->attempts.back();
  }
  for (const Decided& decided : told->attempts) {
    if (decided.attempt == *options.attempt) {
      return &decided;
    }
  }
  return fail(Code::kMissing, fmt::format("this request has {} recorded attempts, counted from 0",
                                          told->attempts.size()));
}

struct Found {
  const History* history;
  const Decided* decided;
  // Who serves what a peer sent leaves out all but its own endpoints.
  [[nodiscard]] bool is_for_peer() const {
    return std::ranges::any_of(decided->facts, [](const route::Facts& facts) {
      return facts.exclusion == route::Exclusion::kElsewhere;
    });
  }
};

// That of the site which the client asked comes first.
Result<std::vector<Found>> find_attempts(const std::vector<History>& histories,
                                         const RecordedOptions& options) {
  std::vector<Found> all;
  std::optional<Error> failure;  // of one; another site may have tried more often
  for (const History& history : histories) {
    const Result<const Decided*> decided = find_attempt(history, options);
    if (!decided) {
      failure = decided.error();
    } else if (*decided != nullptr &&
               (options.site.empty() || history.here_of(**decided) == options.site)) {
      all.push_back({&history, *decided});
    }
  }
  if (all.empty() && failure) {
    return fail(*failure);
  }
  std::ranges::sort(all, {}, [](const Found& found) {
    return std::pair(found.is_for_peer(), found.decided->at_us);
  });
  return all;
}

}  // namespace

int requests(const RequestsOptions& options, io::Disk& disk, std::ostream& out, std::ostream& err) {
  const Result<std::vector<History>> histories = read_all(disk, options.state);
  if (!histories) {
    err << "tdn requests: " << histories.error().detail() << "\n";
    return 1;
  }
  const std::vector<Line> lines = last_lines(*histories, options);
  out << (options.format == Format::kJson ? render_json(lines) : render_table(lines));
  return 0;
}

io::Task<int> explain_recorded(RecordedOptions options, io::Disk& disk, std::ostream& out,
                               std::ostream& err) {
  // An edge writes its log a moment after the answer.
  constexpr int kLooks = 5;
  constexpr Duration kBetween = std::chrono::milliseconds(100);
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) {
      co_await io::sleep_for(kBetween);
    }
    const Result<std::vector<History>> histories = read_all(disk, options.state);
    if (!histories) {
      err << "tdn explain: " << histories.error().detail() << "\n";
      co_return 1;
    }
    const Result<std::vector<Found>> found = find_attempts(*histories, options);
    if (!found) {
      err << "tdn explain: " << found.error().detail() << "\n";
      co_return 1;
    }
    if (!found->empty()) {
      const auto& [history, decided] = found->front();
      const requests::Rerun rerun = requests::run_again(*decided);
      out << tell(*history, *decided, rerun, options.format);
      if (options.format == Format::kTable) {
        for (const Found& other : std::span(*found).subspan(1)) {
          out << fmt::format("\nIt was decided about at {0}, too: --site {0} shows that.\n",
                             other.history->here_of(*other.decided));
        }
      }
      co_return rerun.same ? 0 : 1;
    }
  }
  err << fmt::format(
      "tdn explain: no decision about {} is in the request log of {}; the log keeps the last "
      "requests only, drops entries under pressure, and has none about requests that were refused "
      "before\n",
      to_string(options.request.uid),
      options.site.empty() ? options.state
                           : fmt::format("site {} in {}", options.site, options.state));
  co_return 1;
}

}  // namespace tdn::cli
