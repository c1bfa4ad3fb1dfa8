#include "local/up.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "local/announcement.h"
#include "local/probe.h"

namespace tdn::local {
namespace {

constexpr std::string_view kFrankfurt = "frankfurt";
constexpr std::string_view kParis = "paris";
constexpr std::string_view kEdge = "edge of frankfurt";
constexpr Duration kBetweenProbes = std::chrono::milliseconds(20);
constexpr Duration kPatience = std::chrono::seconds(10);  // then a line says what is waited for

enum Stage : int { kEngines, kEdges };

std::string engine_of(std::string_view site) { return fmt::format("engine of {}", site); }

std::string loopback(std::uint16_t port) { return fmt::format("127.0.0.1:{}", port); }

// Of an URL that a child reported; 0 if there is none.
std::uint16_t port_of(std::string_view url) {
  const std::size_t slashes = url.find("//");
  const Result<io::Address> address =
      io::Address::parse(slashes == url.npos ? url : url.substr(slashes + 2));
  return address ? address->port : std::uint16_t{0};
}

}  // namespace

LocalNetwork::LocalNetwork(io::Loop& loop, io::EpollPoller& poller, io::Network& network,
                           const StateFolder& state, Random& random, UpOptions options, Say say)
    : loop_(loop),
      network_(network),
      state_(state),
      random_(random),
      options_(std::move(options)),
      say_(std::move(say)),
      supervisor_(loop, poller, *this) {}

io::Task<Result<void>> LocalNetwork::run() {
  if (!options_.ready_file.empty()) {
    remove_file(options_.ready_file);
  }
  Result<void> outcome = co_await serve();
  const Instant begin = stopping_ ? stop_began_ : loop_.now();
  co_await supervisor_.stop(begin + kTimeToStop);
  if (!options_.ready_file.empty()) {
    remove_file(options_.ready_file);
  }
  if (outcome && failure_) {
    co_return fail(*failure_);  // something did not stop well
  }
  co_return outcome;
}

void LocalNetwork::stop() {
  if (stopping_) {
    supervisor_.kill_all();
    return;
  }
  stopping_ = true;
  // A signal arrives before the turn begins: the loop's own time is that of the turn before.
  stop_began_ = loop_.clock().now();
  say_("\nstopping; open streams get 5 s (Ctrl-C again: at once)\n");
  changed_.set();
}

io::Task<Result<void>> LocalNetwork::serve() {
  TDN_CO_TRY(key_, state_.demo_key(random_));
  TDN_CO_TRY_VOID(choose_ports());
  say_(options_.model_file.empty()
           ? std::string("starting two simulated engines\n")
           : fmt::format("starting two engines with {}\n", options_.model_file));
  start_engine(kFrankfurt, ports_.frankfurt.engine);
  start_engine(kParis, ports_.paris.engine);
  const std::function<bool()> engines_ready = [this] { return frankfurt_ && paris_; };
  TDN_CO_TRY(const bool engines, co_await until(engines_ready));
  if (!engines) {
    co_return {};
  }
  TDN_CO_TRY_VOID(put_manifests());
  supervisor_.start(spec_of(std::string(kEdge), "frankfurt-edge", edge_words(), kEdges));
  co_return co_await stay();
}

// From the edge's start to the end.
io::Task<Result<void>> LocalNetwork::stay() {
  const std::function<bool()> all_ready = [this] {
    return !published_ && frankfurt_ && paris_ && edge_;
  };
  while (true) {
    TDN_CO_TRY(const bool ready, co_await until(all_ready));
    if (!ready) {
      co_return {};
    }
    TDN_CO_TRY(const bool answering, co_await until_all_answer());
    if (!answering) {
      if (stopping_) {
        co_return {};
      }
      continue;  // something ended meanwhile
    }
    TDN_CO_TRY_VOID(keep_ports());
    TDN_CO_TRY_VOID(publish());
    published_ = true;
    if (!std::exchange(serving_, true)) {
      const Announcement announcement{.network = report(),
                                      .model = frankfurt_->model,
                                      .program = options_.shown_program,
                                      .state_folder = state_.path(),
                                      .colours = options_.colours};
      say_(announce(announcement));
    }
  }
}

Result<void> LocalNetwork::choose_ports() {
  ports_ = plan_ports(options_.ports);
  if (options_.ports.first != 0) {
    TDN_TRY_VOID(require_free(ports_.frankfurt.gateway, "gateway"));
    TDN_TRY_VOID(require_free(ports_.frankfurt.admin, "admin listener"));
    TDN_TRY_VOID(require_free(ports_.frankfurt.engine, "engine of frankfurt"));
    return require_free(ports_.paris.engine, "engine of paris");
  }
  // The ports of the last start, so that its `curl` line still works; any other where one is taken.
  const Result<std::string> text = read_text(state_.file("ports.json"));
  const std::optional<PortPlan> last = text ? parse_port_plan(*text) : std::nullopt;
  if (last) {
    const auto keep = [this](std::uint16_t port) {
      return port != 0 && is_free(port) ? port : std::uint16_t{0};
    };
    ports_.frankfurt = {.gateway = keep(last->frankfurt.gateway),
                        .admin = keep(last->frankfurt.admin),
                        .engine = keep(last->frankfurt.engine)};
    ports_.paris.engine = keep(last->paris.engine);
  }
  return {};
}

bool LocalNetwork::is_free(std::uint16_t port) const {
  return network_.listen(*io::Address::parse(loopback(port)), false).has_value();
}

Result<void> LocalNetwork::require_free(std::uint16_t port, std::string_view purpose) const {
  const auto listener = network_.listen(*io::Address::parse(loopback(port)), false);
  if (listener) {
    return {};
  }
  const std::string& why = listener.error().detail();
  return fail(Code::kUnavailable,
              fmt::format("port {}, for the {}: {}; stop what uses it, or give --ports auto or "
                          "another first port",
                          port, purpose, why.substr(0, why.find(';'))));
}

void LocalNetwork::start_engine(std::string_view site, std::uint16_t port) {
  supervisor_.start(
      spec_of(engine_of(site), fmt::format("{}-engine", site), engine_words(site, port), kEngines));
}

std::vector<std::string> LocalNetwork::engine_words(std::string_view site,
                                                    std::uint16_t port) const {
  std::vector<std::string> words = {
      options_.program, "engine",       "--listen",
      loopback(port),   "--ready-file", state_.file(fmt::format("ready/{}-engine", site))};
  if (!options_.model_file.empty()) {
    words.insert(words.end(), {"--model", options_.model_file});
  } else {
    words.push_back("--simulated");
    if (!options_.timing_file.empty()) {
      words.insert(words.end(), {"--timing", options_.timing_file});
    }
  }
  return words;
}

std::vector<std::string> LocalNetwork::edge_words() const {
  return {options_.program, "edge",
          "--manifests",    state_.file("manifests"),
          "--site",         std::string(kFrankfurt),
          "--listen",       loopback(ports_.frankfurt.gateway),
          "--admin",        loopback(ports_.frankfurt.admin),
          "--shards",       std::to_string(options_.shards),
          "--state",        state_.path(),
          "--ready-file",   state_.file("ready/frankfurt-edge")};
}

ChildSpec LocalNetwork::spec_of(std::string name, std::string_view file,
                                std::vector<std::string> words, int stage) const {
  return {.name = std::move(name),
          .command = {.words = std::move(words),
                      .log_file = state_.file(fmt::format("logs/{}.log", file))},
          .ready_file = state_.file(fmt::format("ready/{}", file)),
          .stage = stage};
}

// Ports that were chosen by the system are kept for the next start of each part.
Result<void> LocalNetwork::keep_ports() {
  const PortPlan now = {.frankfurt = {.gateway = port_of(edge_->gateway),
                                      .admin = port_of(edge_->admin),
                                      .engine = port_of(frankfurt_->engine)},
                        .paris = {.engine = port_of(paris_->engine)}};
  if (now == ports_) {
    return {};
  }
  ports_ = now;
  supervisor_.set_words(engine_of(kFrankfurt), engine_words(kFrankfurt, now.frankfurt.engine));
  supervisor_.set_words(engine_of(kParis), engine_words(kParis, now.paris.engine));
  supervisor_.set_words(kEdge, edge_words());
  TDN_TRY_VOID(put_manifests());  // now they name the gateway
  return write_private(state_.file("ports.json"), to_json(now));
}

Result<void> LocalNetwork::put_manifests() const {
  const NetworkDescription network{
      .model = frankfurt_->model,
      .gateway = ports_.frankfurt.gateway == 0 ? std::string()
                                               : "http://" + loopback(ports_.frankfurt.gateway),
      .frankfurt_engine = frankfurt_->engine,
      .paris_engine = paris_->engine,
      .key = key_,
  };
  for (const ManifestFile& file : write_manifests(network)) {
    TDN_TRY_VOID(write_private(state_.file("manifests/" + file.name), file.text));
  }
  return {};
}

io::Task<Result<bool>> LocalNetwork::until(std::function<bool()> done) {
  while (!done()) {
    if (failure_) {
      co_return fail(*failure_);
    }
    if (stopping_) {
      co_return false;
    }
    co_await changed_.wait();
  }
  co_return !stopping_;
}

// False if anything changes before.
io::Task<Result<bool>> LocalNetwork::until_all_answer() {
  std::vector<Question> left = {
      {.url = frankfurt_->engine, .path = "/health", .bearer = {}},
      {.url = paris_->engine, .path = "/health", .bearer = {}},
      {.url = edge_->admin, .path = "/readyz", .bearer = {}},
      {.url = edge_->gateway, .path = "/v1/models", .bearer = key_},
  };
  Instant told = loop_.now() + kPatience;
  while (!left.empty()) {
    if (stopping_ || failure_ || !frankfurt_ || !paris_ || !edge_) {
      co_return false;
    }
    if (co_await answers(loop_, network_, left.back())) {
      left.pop_back();
      continue;
    }
    if (loop_.now() >= told) {
      say_(fmt::format("still waiting for {}{} to answer; see {}\n", left.back().url,
                       left.back().path, state_.file("logs")));
      told = loop_.now() + kPatience;
    }
    co_await io::sleep_for(kBetweenProbes);
  }
  co_return true;
}

NetworkReport LocalNetwork::report() const {
  return {.key = key_,
          .model = public_model_name(frankfurt_->model),
          .sites = {{.name = std::string(kFrankfurt), .edge = edge_, .engine = *frankfurt_},
                    {.name = std::string(kParis), .edge = std::nullopt, .engine = *paris_}},
          .pid = ::getpid()};
}

Result<void> LocalNetwork::publish() const {
  return options_.ready_file.empty() ? Result<void>()
                                     : write_private(options_.ready_file, to_json(report()) + "\n");
}

void LocalNetwork::on_ready(const ChildSpec& child, int pid, const std::string& text) {
  published_ = false;
  if (child.name == kEdge) {
    Result<EdgeReport> report = parse_edge_report(text);
    if (report) {
      edge_ = *std::move(report);
      edge_->pid = pid;
    } else {
      failure_ = report.error().with(child.name);
    }
  } else {
    Result<EngineReport> report = parse_engine_report(text);
    if (report) {
      report->pid = pid;
      (child.name == engine_of(kParis) ? paris_ : frankfurt_) = *std::move(report);
    } else {
      failure_ = report.error().with(child.name);
    }
  }
  if (serving_) {
    say_(fmt::format("{} is back\n", child.name));
  }
  changed_.set();
}

void LocalNetwork::on_ended(const ChildSpec& child, Exit exit, const std::string& last_words,
                            Duration delay) {
  if (stopping_) {
    return;
  }
  published_ = false;
  if (child.name == kEdge) {
    edge_.reset();
  } else {
    (child.name == engine_of(kParis) ? paris_ : frankfurt_).reset();
  }
  // One that was killed did not know that its words were the last.
  const std::string why = exit.killed || last_words.empty() ? "" : ": " + last_words;
  say_(fmt::format("{} ended with {}{}; starting it again in {:.1f} s\n", child.name,
                   to_string(exit), why, std::chrono::duration<double>(delay).count()));
  changed_.set();
}

void LocalNetwork::on_failed(const ChildSpec& child, const Error& error) {
  if (!failure_) {
    failure_ = error.with(child.name);
  }
  changed_.set();
}

}  // namespace tdn::local
