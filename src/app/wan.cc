// `tdn wan`.
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "app/main_loop.h"
#include "app/roles.h"
#include "base/log.h"
#include "local/files.h"
#include "wan/service.h"

namespace tdn::app {
namespace {

// A connection takes two.
void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);  // if not, the soft limit it is
  }
}

Result<Secret> read_token(const std::string& path) {
  TDN_TRY(std::string token, local::read_text(path));
  while (token.ends_with('\n')) {
    token.pop_back();
  }
  if (token.empty()) {
    return fail(Code::kInvalid, fmt::format("{}: is empty; put a token there", path));
  }
  return Secret(std::move(token));
}

class WanRole {
 public:
  WanRole(MainLoop& main, wan::Config config, Secret token, const std::string& ready_file)
      : service_(main.loop, main.network, system_random(), std::move(config), std::move(token)),
        ready_file_(ready_file) {}

  void stop() { stop_.set(); }

  io::Task<Result<void>> serve() {
    Result<void> outcome = service_.start();
    if (outcome) {
      outcome = announce();
    }
    if (outcome) {
      co_await stop_.wait();
      log_info("app", "stopping");
    }
    co_await service_.stop();
    co_return outcome;
  }

 private:
  Result<void> announce() {
    const wan::WanReport report = service_.report(::getpid());
    log_info("app", "serving", {{"links", report.links.size()}, {"door", report.wan}});
    if (::isatty(STDOUT_FILENO) != 0) {  // elsewhere it is a log, which holds JSON
      fmt::print("{} links, door at {}\n", report.links.size(), report.wan);
      std::fflush(stdout);
    }
    return ready_file_.empty() ? Result<void>()
                               : local::write_private(ready_file_, wan::to_json(report) + "\n");
  }

  wan::Service service_;
  const std::string& ready_file_;
  io::Event stop_;
};

}  // namespace

Result<void> run(const WanCommand& command) {
  if (!command.ready_file.empty()) {
    local::remove_file(command.ready_file);
  }
  TDN_TRY(const std::string text, local::read_text(command.config_file));
  TDN_TRY(wan::Config config, wan::parse_config(text, command.config_file));
  TDN_TRY(Secret token, read_token(config.token_file));
  const Logging logging(LogLevel::kInfo);
  allow_many_descriptors();
  MainLoop main;
  WanRole role(main, std::move(config), std::move(token), command.ready_file);
  return main.run(role.serve(), {SIGINT, SIGTERM}, [&role](int) { role.stop(); });
}

}  // namespace tdn::app
