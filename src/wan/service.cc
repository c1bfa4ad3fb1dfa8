#include "wan/service.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "codec/json_writer.h"

namespace tdn::wan {
namespace {

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

void write_link(codec::JsonWriter& json, const Link& link) {
  const Counters& counters = link.counters();
  json.begin_object().key("from").string(link.plan().from).key("to").string(link.plan().to);
  json.key("listen").string(io::to_string(link.address()));
  json.key("target").string(io::to_string(link.plan().target));
  json.key("rttMs").number(milliseconds(link.plan().rtt));
  json.key("state").string(to_string(link.condition().state));
  json.key("addedMs").number(milliseconds(link.condition().added));
  json.key("open").number(counters.open);
  json.key("connections").string(std::to_string(counters.connections));
  json.key("refused").string(std::to_string(counters.refused));
  json.key("reset").string(std::to_string(counters.reset));
  json.key("bytesOut").string(std::to_string(counters.bytes_out));
  json.key("bytesBack").string(std::to_string(counters.bytes_back)).end_object();
}

}  // namespace

Service::Service(io::Loop& loop, io::Network& network, Random& random, Config config, Secret token)
    : loop_(loop),
      network_(network),
      random_(random),
      config_(std::move(config)),
      names_(names_of(config_.links)),
      token_(std::move(token)) {}

Service::~Service() = default;

Result<void> Service::start() {
  for (const LinkPlan& plan : config_.links) {
    Result<std::unique_ptr<io::Listener>> listener = network_.listen(plan.listen, false);
    if (!listener) {
      return fail(listener.error().with(fmt::format("link from {} to {}", plan.from, plan.to)));
    }
    links_.push_back(std::make_unique<Link>(loop_, network_, random_, plan, *std::move(listener)));
  }
  TDN_TRY(std::unique_ptr<io::Listener> listener, network_.listen(config_.control, false));
  DoorHost& host = *this;
  door_ = std::make_unique<Door>(loop_, std::move(listener), token_, host);
  for (const std::unique_ptr<Link>& link : links_) {
    link->start();
  }
  door_->start();
  return {};
}

io::Task<> Service::stop() {
  if (!door_) {
    co_return;
  }
  co_await door_->drain();
  for (const std::unique_ptr<Link>& link : links_) {
    co_await link->stop();
  }
}

WanReport Service::report(int pid) const {
  WanReport report{.wan = "http://" + io::to_string(door_->address()), .links = {}, .pid = pid};
  for (const std::unique_ptr<Link>& link : links_) {
    report.links.push_back(
        {.from = link->plan().from, .to = link->plan().to, .address = link->address()});
  }
  return report;
}

Result<void> Service::set_faults(const std::vector<Fault>& faults) {
  std::vector<Placed> placed;
  for (const Fault& fault : faults) {
    TDN_TRY(Target target, find_target(fault.target, names_));
    placed.push_back({.target = std::move(target), .fault = fault});
  }
  for (const std::unique_ptr<Link>& link : links_) {
    const Condition condition = condition_of(link->plan().from, link->plan().to, placed);
    if (condition != link->condition()) {
      log_info(
          "wan", "a link changed",
          {{"from", link->plan().from},
           {"to", link->plan().to},
           {"state", to_string(condition.state)},
           {"addedMs", std::chrono::round<std::chrono::milliseconds>(condition.added).count()}});
      link->set_condition(condition);
    }
  }
  return {};
}

std::string Service::links_json() const {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("links").begin_array();
  for (const std::unique_ptr<Link>& link : links_) {
    write_link(json, *link);
  }
  json.end_array().end_object();
  return text;
}

io::Task<Result<std::string>> Service::answer(DoorRequest request) {
  if (request.path == "/v1/links" && request.method == "GET") {
    co_return links_json();
  }
  if (request.path == "/v1/faults" && request.method == "PUT") {
    TDN_CO_TRY(const std::vector<Fault> faults, parse_faults(request.body));
    TDN_CO_TRY_VOID(set_faults(faults));
    co_return links_json();
  }
  co_return fail(Code::kNotFound, "there are GET /v1/links and PUT /v1/faults here");
}

}  // namespace tdn::wan
