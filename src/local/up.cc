#include "local/up.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "local/announcement.h"
#include "local/catalogue.h"
#include "local/node_secrets.h"

namespace tdn::local {
namespace {

constexpr Duration kBetweenProbes = std::chrono::milliseconds(20);
constexpr Duration kSilence = std::chrono::seconds(10);  // then a line says what is waited for

std::string url_of(std::uint16_t port) { return fmt::format("http://127.0.0.1:{}", port); }

// "three", for what is said once at the start.
std::string count_word(std::size_t count) {
  constexpr std::string_view kWords[] = {"no",   "one",    "two",   "three", "four",
                                         "five", "six",    "seven", "eight", "nine",
                                         "ten",  "eleven", "twelve"};
  return count < std::size(kWords) ? std::string(kWords[count]) : std::to_string(count);
}

Nodes nodes_of(const UpOptions& options) {
  Nodes nodes;
  for (const SitePlan& site : options.sites) {
    nodes.sites.push_back(site.name);
  }
  if (options.scenario) {
    nodes.has_links = true;
    for (const scenario::City& city : options.scenario->cities) {
      nodes.cities.push_back(city.name);
    }
  }
  return nodes;
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
      supervisor_(loop, poller, *this),
      breaker_(loop, network, supervisor_, state_, nodes_of(options_)),
      free_ports_(network, random),
      parts_{.options = options_, .state = state_, .ports = {}} {
  for (const SitePlan& plan : options_.sites) {
    sites_.push_back({.plan = plan, .engine = std::nullopt, .edge = std::nullopt});
  }
}

io::Task<Result<void>> LocalNetwork::run() {
  remove_file(state_.file("cities.json"));  // of a start that was killed
  if (!options_.ready_file.empty()) {
    remove_file(options_.ready_file);
  }
  Result<void> outcome = co_await serve();
  const Instant begin = stopping_ ? stop_began_ : loop_.now();
  co_await breaker_.close();
  co_await supervisor_.stop(begin + kTimeToStop);
  remove_file(state_.file("cities.json"));
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

std::vector<std::string> LocalNetwork::site_names() const {
  std::vector<std::string> names;
  for (const Site& site : sites_) {
    names.push_back(site.plan.name);
  }
  return names;
}

bool LocalNetwork::engines_ready() const {
  return std::ranges::all_of(sites_, [](const Site& site) { return site.engine.has_value(); });
}

bool LocalNetwork::all_ready() const {
  return control_ && engines_ready() && (wan_ || !options_.scenario) &&
         std::ranges::all_of(sites_, [](const Site& site) { return site.edge.has_value(); });
}

io::Task<Result<void>> LocalNetwork::serve() {
  TDN_CO_TRY(key_, state_.demo_key(random_));
  TDN_CO_TRY_VOID(choose_ports());
  TDN_CO_TRY_VOID(write_private(state_.file("ports.json"), to_json(parts_.ports)));
  TDN_CO_TRY_VOID(put_node_secrets(state_, site_names(), random_));
  TDN_CO_TRY_VOID(parts_.write_timings());
  say_(fmt::format("starting control and {} site{} with {}\n", count_word(sites_.size()),
                   sites_.size() == 1 ? "" : "s",
                   options_.model_file.empty() ? "simulated engines" : options_.model_file));
  TDN_CO_TRY_VOID(breaker_.open(random_));
  supervisor_.start(parts_.control());
  for (const Site& site : sites_) {
    supervisor_.start(parts_.engine(site.plan.name));
  }
  TDN_CO_TRY(const bool in_control, co_await put_manifests());
  if (!in_control) {
    co_return {};
  }
  TDN_CO_TRY(const bool linked, co_await start_links());
  if (!linked) {
    co_return {};
  }
  for (const Site& site : sites_) {
    supervisor_.start(parts_.edge(site.plan.name, *control_));
  }
  co_return co_await stay();
}

// From the edges' start to the end.
io::Task<Result<void>> LocalNetwork::stay() {
  const std::function<bool()> unpublished = [this] { return !published_ && all_ready(); };
  while (true) {
    TDN_CO_TRY(const bool ready, co_await until(unpublished));
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
    co_await breaker_.tell_links();  // whoever reads that all is back finds the links as broken
    if (all_ready() && !stopping_) {
      TDN_CO_TRY_VOID(publish());
    }
  }
}

Result<void> LocalNetwork::choose_ports() {
  TDN_TRY(parts_.ports, plan_ports(options_.ports, site_names()));
  if (options_.ports.first != 0) {
    return require_ports();
  }
  // The ports of the last start, so that its `curl` line still works; any other where one is taken.
  const Result<std::string> text = read_text(state_.file("ports.json"));
  const std::optional<PortPlan> last = text ? parse_port_plan(*text) : std::nullopt;
  return take_ports(last.value_or(PortPlan{}));
}

Result<void> LocalNetwork::require_ports() {
  for (const std::string& site : site_names()) {
    const SitePorts& ports = parts_.ports.sites.at(site);
    TDN_TRY_VOID(free_ports_.require(ports.gateway, "gateway of " + site));
    TDN_TRY_VOID(free_ports_.require(ports.admin, "admin listener of " + site));
    TDN_TRY_VOID(free_ports_.require(ports.engine, engine_name(site)));
    TDN_TRY_VOID(free_ports_.require(ports.peers, "peer listener of " + site));
  }
  return free_ports_.require(parts_.ports.control, kControlName);
}

Result<void> LocalNetwork::take_ports(const PortPlan& last) {
  TDN_TRY(parts_.ports.control, free_ports_.choose(last.control));
  for (auto& [site, ports] : parts_.ports.sites) {
    const auto found = last.sites.find(site);
    const SitePorts before = found == last.sites.end() ? SitePorts{} : found->second;
    TDN_TRY(ports.gateway, free_ports_.choose(before.gateway));
    TDN_TRY(ports.admin, free_ports_.choose(before.admin));
    TDN_TRY(ports.engine, free_ports_.choose(before.engine));
    TDN_TRY(ports.peers, free_ports_.choose(before.peers));
  }
  return {};
}

Result<client::Control> LocalNetwork::control() const {
  TDN_TRY(std::string token, read_text(state_.file("control/operator-token")));
  while (token.ends_with('\n')) {
    token.pop_back();
  }
  return client::Control{.url = control_->control, .token = Secret(std::move(token)), .remedy = ""};
}

NetworkDescription LocalNetwork::description() const {
  NetworkDescription network{.model = sites_.front().engine->model, .sites = {}, .key = key_};
  for (const Site& site : sites_) {
    network.sites.push_back({.plan = site.plan,
                             .gateway = url_of(parts_.ports.sites.at(site.plan.name).gateway),
                             .engine = site.engine->engine,
                             .engine_model = site.engine->model.engine_name});
  }
  if (options_.scenario) {
    network.more = options_.scenario->manifests;
  }
  return network;
}

Result<void> LocalNetwork::write_links() {
  wan::Config config = plan_links(*options_.scenario, parts_.ports, parts_.wan_token_file());
  for (wan::LinkPlan& link : config.links) {
    TDN_TRY(link.listen.port, free_ports_.choose(0));
  }
  return write_private(parts_.wan_file(), wan::to_json(config) + "\n");
}

io::Task<Result<bool>> LocalNetwork::start_links() {
  if (!options_.scenario) {
    co_return !stopping_;
  }
  TDN_CO_TRY_VOID(write_private(parts_.wan_token_file(), make_token(random_).reveal() + "\n"));
  TDN_CO_TRY_VOID(write_links());
  supervisor_.start(parts_.wan());
  const std::function<bool()> ready = [this] { return wan_ && control_; };
  TDN_CO_TRY(const bool go_on, co_await until(ready));
  if (go_on) {
    parts_.links = wan_;
  }
  co_return go_on;
}

io::Task<Result<bool>> LocalNetwork::put_manifests() {
  const std::function<bool()> ready = [this] { return control_ && engines_ready(); };
  while (true) {
    TDN_CO_TRY(const bool go_on, co_await until(ready));
    if (!go_on) {
      co_return false;
    }
    const NetworkDescription network = description();
    TDN_CO_TRY(client::Control where, control());
    client::ControlClient control(network_, std::move(where));
    const Result<void> put = co_await put_catalogue(control, state_, network);
    if (put) {
      co_return !stopping_;
    }
    if (put.error().code() != Code::kUnavailable) {
      co_return fail(put.error().with("control refuses the manifests of this network"));
    }
    co_await io::sleep_for(kBetweenProbes);
  }
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

std::vector<Question> LocalNetwork::questions() const {
  std::vector<Question> all = {{.url = control_->control, .path = "/readyz", .bearer = {}}};
  for (const Site& site : sites_) {
    all.push_back({.url = site.engine->engine, .path = "/health", .bearer = {}});
    // The key may have been taken out by an operator: 401 is an answer too.
    all.push_back({.url = site.edge->gateway, .path = "/v1/models", .bearer = key_, .also = 401});
    all.push_back({.url = site.edge->admin, .path = "/readyz", .bearer = {}});
  }
  return all;
}

// False if anything changes before.
io::Task<Result<bool>> LocalNetwork::until_all_answer() {
  std::vector<Question> left = questions();
  Instant told = loop_.now() + kSilence;
  while (!left.empty()) {
    if (stopping_ || failure_ || !all_ready()) {
      co_return false;
    }
    if (co_await answers(loop_, network_, left.back())) {
      left.pop_back();
      continue;
    }
    if (loop_.now() >= told) {
      say_(fmt::format("still waiting for {}{} to answer; see {}\n", left.back().url,
                       left.back().path, state_.file("logs")));
      told = loop_.now() + kSilence;
    }
    co_await io::sleep_for(kBetweenProbes);
  }
  co_return true;
}

Result<NetworkReport> LocalNetwork::report() const {
  TDN_TRY(client::Control operators, control());
  NetworkReport report{.key = key_,
                       .operator_token = std::move(operators.token),
                       .model = public_model_name(sites_.front().engine->model),
                       .control = *control_,
                       .sites = {},
                       .pid = ::getpid()};
  for (const Site& site : sites_) {
    report.sites.push_back({.name = site.plan.name, .edge = *site.edge, .engine = *site.engine});
  }
  if (options_.scenario && wan_) {
    report.scenario = options_.scenario->name;
    report.cities = city_reports(*options_.scenario, *wan_);
    report.wan_pid = wan_->pid;
  }
  return report;
}

Result<void> LocalNetwork::publish() {
  TDN_TRY(const NetworkReport now, report());
  if (!options_.ready_file.empty()) {
    TDN_TRY_VOID(write_private(options_.ready_file, to_json(now) + "\n"));
  }
  if (!now.cities.empty()) {
    TDN_TRY_VOID(write_private(state_.file("cities.json"), to_json(now.cities) + "\n"));
  }
  published_ = true;
  if (!std::exchange(serving_, true)) {
    say_(announce({.network = now,
                   .model = sites_.front().engine->model,
                   .program = options_.shown_program,
                   .state_folder = state_.path(),
                   .colours = options_.colours}));
  }
  return {};
}

Result<void> LocalNetwork::take_report(const ChildSpec& child, int pid, const std::string& text) {
  if (child.name == kWanName) {
    TDN_TRY(wan_, wan::parse_wan_report(text));
    wan_->pid = pid;
    TDN_TRY(const std::string token, read_text(parts_.wan_token_file()));
    breaker_.set_wan({.url = wan_->wan, .token = Secret(token.substr(0, token.find('\n')))});
    return {};
  }
  if (child.name == kControlName) {
    TDN_TRY(control_, parse_control_report(text));
    control_->pid = pid;
    return {};
  }
  for (Site& site : sites_) {
    if (child.name == edge_name(site.plan.name)) {
      TDN_TRY(site.edge, parse_edge_report(text));
      site.edge->pid = pid;
    } else if (child.name == engine_name(site.plan.name)) {
      TDN_TRY(site.engine, parse_engine_report(text));
      site.engine->pid = pid;
    }
  }
  return {};
}

void LocalNetwork::forget_report(const ChildSpec& child) {
  if (child.name == kControlName) {
    control_.reset();
  }
  if (child.name == kWanName) {
    wan_.reset();
  }
  for (Site& site : sites_) {
    if (child.name == edge_name(site.plan.name)) {
      site.edge.reset();
    } else if (child.name == engine_name(site.plan.name)) {
      site.engine.reset();
    }
  }
}

void LocalNetwork::on_ready(const ChildSpec& child, int pid, const std::string& text) {
  published_ = false;
  const Result<void> taken = take_report(child, pid, text);
  if (!taken) {
    failure_ = taken.error().with(child.name);
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
  forget_report(child);
  // One that was killed did not know that its words were the last.
  const std::string why = exit.killed || last_words.empty() ? "" : ": " + last_words;
  say_(fmt::format("{} ended with {}{}; starting it again in {:.1f} s\n", child.name,
                   to_string(exit), why, std::chrono::duration<double>(delay).count()));
  changed_.set();
}

void LocalNetwork::on_held(const ChildSpec& child) {
  published_ = false;
  forget_report(child);
  say_(fmt::format("{} was killed, and stays down until `tdn chaos heal`\n", child.name));
  changed_.set();
}

void LocalNetwork::on_failed(const ChildSpec& child, const Error& error) {
  if (!failure_) {
    failure_ = error.with(child.name);
  }
  changed_.set();
}

}  // namespace tdn::local
