#include "cli/demo.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "codec/json_writer.h"
#include "http/fetch.h"
#include "io/loop.h"
#include "local/files.h"

namespace tdn::cli {
namespace {

using namespace std::chrono_literals;
using codec::yaml::Node;
using codec::yaml::text_at;

constexpr Duration kAfterFailure = 200ms;  // a client that was refused does not hammer
constexpr Duration kLastAnswers = 20s;     // that what is open at the end may still come
constexpr Duration kBetweenLines = 10s;    // of progress, where it is no terminal

constexpr std::string_view kLongPrompt =
    "Summarise for a child of ten: rain falls on hills, gathers in brooks, the brooks become a "
    "river, and the river carries sand and small stones to the sea, where over a very long time "
    "they settle, are pressed together by their own weight, and become rock again.";
constexpr std::string_view kLongerPrompt =
    "Our team meets each morning at nine. Two of us are in another time zone and always tired, one "
    "has a child to bring to school, and the rest say little. Suggest a better way to share what "
    "everyone needs to know, in at most five sentences.";

// What people ask. Short and long, so that prefill differs.
constexpr std::string_view kPrompts[] = {
    "Say hello to someone who has just moved to your city.",
    "What is the difference between a bridge and a viaduct?",
    "Write two sentences about the first snow of the year.",
    "Which three questions should I ask before I rent a flat?",
    kLongPrompt,
    kLongerPrompt,
};
constexpr std::uint64_t kShortest = 12;  // tokens of an answer
constexpr std::uint64_t kSteps = 5;

DemoPrompt prompt_of(const std::string& model, std::uint64_t number) {
  return {model, kPrompts[number % std::size(kPrompts)], kShortest * (1 + number % kSteps)};
}

}  // namespace

Demo::Demo(io::Loop& loop, io::Network& network, client::ControlClient& control, Secret key,
           DemoOptions options, Screen screen)
    : loop_(loop),
      network_(network),
      control_(control),
      key_(std::move(key)),
      options_(std::move(options)),
      screen_(screen),
      clients_(loop) {}

void Demo::stop() {
  stop_.set();
  clients_.cancel();
}

io::Task<int> Demo::run() {
  if (const Result<void> ready = co_await prepare(); !ready) {
    co_return tell_failure(screen_, "demo", ready.error());
  }
  co_await load();
  report_.lasted = loop_.clock().now() - begin_;
  screen_.out << (options_.json ? demo_json(report_) : render_demo(report_, screen_.colours));
  const bool well = std::ranges::all_of(report_.cities, [](const CitySights& city) {
    return std::ranges::none_of(city.sights,
                                [](const Sight& sight) { return sight.ending == Ending::kFailed; });
  });
  co_return well ? 0 : 1;
}

io::Task<Result<void>> Demo::prepare() {
  // Where there are distances, each city has ways of its own.
  const Result<std::string> text = options_.state.empty()
                                       ? fail(Code::kMissing, "no state folder")
                                       : local::read_text(options_.state + "/cities.json");
  if (text) {
    Result<std::vector<DemoCity>> cities = read_cities(*text);
    if (!cities) {
      co_return fail(cities.error().with(options_.state + "/cities.json"));
    }
    cities_ = *std::move(cities);
  } else {
    TDN_CO_TRY(const Node sites, co_await control_.get("/api/v1/sites"));
    TDN_CO_TRY(cities_, demo_cities(sites));
  }
  if (options_.model.empty()) {
    TDN_CO_TRY(options_.model, co_await first_model());
  }
  for (const DemoCity& city : cities_) {
    report_.cities.push_back({city.name, {}});
  }
  co_return {};
}

io::Task<Result<std::string>> Demo::first_model() {
  Error last(Code::kUnavailable, "no gateway answers");
  for (const Entry& entry : cities_.front().entries) {
    http::FetchRequest request;
    request.url = entry.url + "/v1/models";
    request.fields = {{"authorization", "Bearer " + key_.reveal()}};
    const Result<http::Fetched> answer = co_await http::fetch(network_, std::move(request));
    if (!answer) {
      last = answer.error().with(entry.url);
      continue;
    }
    TDN_CO_TRY(const Node models, codec::yaml::from_json(answer->body));
    const Node* const data = models.find("data");
    if (data != nullptr && !data->items.empty()) {
      for (const Node& model : data->items) {
        std::string name(text_at(model, "id"));
        if (co_await is_served(entry.url, name)) {
          co_return name;
        }
      }
      co_return std::string(text_at(data->items.front(), "id"));
    }
    last = Error(Code::kMissing, fmt::format("{}: the key may use no model; {}", entry.url,
                                             text_at(models, "error.message")));
  }
  co_return fail(std::move(last));
}

io::Task<bool> Demo::is_served(std::string gateway, std::string model) {
  http::FetchRequest request;
  request.method = "POST";
  request.url = gateway + "/tdn/v1/explain";
  request.fields = {{"authorization", "Bearer " + key_.reveal()},
                    {"content-type", "application/json"},
                    {"accept", "application/json"}};
  codec::JsonWriter(request.body)
      .begin_object()
      .key("model")
      .string(model)
      .key("messages")
      .begin_array()
      .end_array()
      .end_object();
  const Result<http::Fetched> answer = co_await http::fetch(network_, std::move(request));
  const Result<Node> told = answer ? codec::yaml::from_json(answer->body) : fail(answer.error());
  co_return told && !text_at(*told, "chosen.endpoint").empty();
}

io::Task<> Demo::load() {
  begin_ = loop_.clock().now();
  end_ = begin_ + std::chrono::seconds(options_.seconds);
  if (!options_.json) {
    screen_.err << fmt::format("{} clients in {} cities ask for {} s, model {}\n",
                               cities_.size() * static_cast<std::size_t>(options_.clients),
                               cities_.size(), options_.seconds, options_.model)
                << std::flush;
  }
  for (std::size_t city = 0; city < cities_.size(); ++city) {
    for (int client = 0; client < options_.clients; ++client) {
      clients_.spawn(be_client(city, city + 3 * static_cast<std::uint64_t>(client)));
    }
  }
  io::TaskGroup progress(loop_);
  progress.spawn(tell_progress());
  io::Context& context = co_await io::this_context();
  {
    const io::DeadlineScope deadline(context, end_ + kLastAnswers);
    if (co_await clients_.join() != io::Wake::kReady) {
      clients_.cancel();
    }
  }
  co_await clients_.join();
  progress.cancel();
  co_await progress.join();
}

io::Task<> Demo::be_client(std::size_t city, std::uint64_t number) {
  DemoClient client(loop_, network_, cities_[city], key_);
  const io::Context& context = co_await io::this_context();
  while (loop_.now() < end_ && !context.cancelled()) {
    Sight sight = co_await client.ask(prompt_of(options_.model, number++));
    if (context.cancelled() && sight.ending == Ending::kFailed) {
      co_return;  // nobody knows what would have come
    }
    const bool failed = sight.ending == Ending::kFailed;
    report_.cities[city].sights.push_back(std::move(sight));
    if (failed) {
      co_await io::sleep_for(kAfterFailure);
    }
  }
}

io::Task<> Demo::tell_progress() {
  while (co_await io::sleep_for(options_.live ? 250ms : kBetweenLines) == io::Wake::kReady) {
    draw_progress(false);
  }
  draw_progress(true);
}

void Demo::draw_progress(bool last) {
  if (options_.json && !options_.live) {
    return;
  }
  std::uint64_t requests = 0;
  std::uint64_t tokens = 0;
  std::uint64_t bad = 0;
  for (const CitySights& city : report_.cities) {
    for (const Sight& sight : city.sights) {
      ++requests;
      tokens += sight.usage.completion;
      bad += sight.ending == Ending::kComplete ? 0 : 1;
    }
  }
  const auto whole = std::chrono::seconds(std::max(options_.seconds, 1));
  const Duration passed = std::clamp<Duration>(loop_.clock().now() - begin_, 0s, whole);
  constexpr int kWidth = 20;
  const auto filled = static_cast<int>(passed * kWidth / whole);
  const std::string line = fmt::format(
      "[{:=<{}}{: <{}}] {} s  {} requests, {} tokens out, {} cut or failed", "", filled, "",
      kWidth - filled, std::chrono::duration_cast<std::chrono::seconds>(passed).count(), requests,
      tokens, bad);
  if (options_.live) {
    screen_.err << (last ? "\r\x1b[K" : "\r" + line + "\x1b[K");
  } else if (!last) {
    screen_.err << line << "\n";
  }
  screen_.err << std::flush;
}

}  // namespace tdn::cli
