// `tdn engine`: one model behind OpenAI's API. It listens before the model is loaded, so that
// whoever asks is told to wait; the ready file is written once it serves.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "app/main_loop.h"
#include "app/roles.h"
#include "base/log.h"
#include "engine/service.h"
#include "local/files.h"
#include "local/reports.h"

namespace tdn::app {
namespace {

constexpr Duration kGrace = std::chrono::seconds(4);  // of open answers when it stops

class EngineRole {
 public:
  EngineRole(MainLoop& main, const EngineCommand& command) : main_(main), command_(command) {}

  void stop() { stop_.set(); }

  io::Task<Result<void>> serve() {
    TDN_CO_TRY(std::unique_ptr<io::Listener> listener,
               main_.network.listen(command_.listen, false));
    http::Server server(main_.loop, std::move(listener), service_, limits_, budget_);
    server.start();
    io::TaskGroup stepping(main_.loop);
    const Result<void> outcome = co_await start(server, stepping);
    if (outcome) {
      co_await stop_.wait();
      log_info("app", "stopping", {{"connections", server.connections()}});
    }
    co_await server.drain(outcome ? kGrace : Duration::zero());
    stepping.cancel();
    co_await stepping.join();
    co_return outcome;
  }

 private:
  io::Task<Result<void>> start(const http::Server& server, io::TaskGroup& stepping) {
    TDN_CO_TRY(engine::CoreParts parts, co_await make_parts());
    if (!command_.alias.empty()) {
      parts.facts.name = command_.alias;
    }
    core_.emplace(std::move(parts));
    stepping.spawn(core_->run());
    service_.set_core(*core_);
    const engine::EngineFacts& facts = core_->facts();
    const local::EngineReport report{.engine = "http://" + to_string(server.address()),
                                     .model = {.engine_name = facts.name,
                                               .context_length = facts.context,
                                               .simulated = facts.simulated},
                                     .pid = ::getpid()};
    log_info("app", "serving",
             {{"engine", report.engine},
              {"model", facts.name},
              {"slots", facts.slots},
              {"context", facts.context},
              {"simulated", facts.simulated}});
    if (::isatty(STDOUT_FILENO) != 0) {  // elsewhere it is a log, which holds JSON
      fmt::print("{} on {}, {} requests together, {} tokens each{}\n", facts.name, report.engine,
                 facts.slots, facts.context,
                 facts.simulated ? "; SIMULATED: the answers are made-up words" : "");
      std::fflush(stdout);
    }
    if (!command_.ready_file.empty()) {
      TDN_CO_TRY_VOID(local::write_private(command_.ready_file, local::to_json(report) + "\n"));
    }
    co_return Result<void>();
  }

  io::Task<Result<engine::CoreParts>> make_parts() {
    if (command_.llama.model_path.empty()) {
      engine::Timing timing;
      if (!command_.timing_file.empty()) {
        TDN_CO_TRY(const std::string text, local::read_text(command_.timing_file));
        TDN_CO_TRY(timing, engine::parse_timing(text, command_.timing_file));
      }
      timing.prefix_cache = timing.prefix_cache && command_.prefix_cache;
      co_return engine::make_simulated_parts(timing);
    }
    engine::LlamaOptions options = command_.llama;
    options.batch_tokens = std::max(options.batch_tokens, options.slots + 2);
    // Shared: the result of a job must be copyable.
    std::function<Result<std::shared_ptr<engine::LlamaEngine>>()> job =
        [options]() -> Result<std::shared_ptr<engine::LlamaEngine>> {
      TDN_TRY(engine::LlamaEngine loaded, engine::load_llama(options));
      return std::make_shared<engine::LlamaEngine>(std::move(loaded));
    };
    TDN_CO_TRY(const std::shared_ptr<engine::LlamaEngine> loaded,
               co_await worker_.run(std::move(job), main_.loop));
    const engine::SchedulerLimits limits{.slots = options.slots,
                                         .queue = command_.queue,
                                         .context = loaded->context,
                                         .batch_tokens = options.batch_tokens};
    co_return engine::make_llama_parts(std::move(*loaded), limits, command_.prefix_cache, worker_,
                                       main_.loop);
  }

  MainLoop& main_;
  const EngineCommand& command_;
  const http::ServerLimits limits_;
  http::BodyBudget budget_;
  engine::Service service_{system_clock(), system_random()};
  std::optional<engine::Core> core_;
  io::BlockingPool worker_{1};  // ends before the model that it may be in
  io::Event stop_;
};

}  // namespace

Result<void> run(const EngineCommand& command) {
  if (!command.ready_file.empty()) {
    local::remove_file(command.ready_file);
  }
  const Logging logging(LogLevel::kInfo);
  MainLoop main;
  EngineRole role(main, command);
  return main.run(role.serve(), {SIGINT, SIGTERM}, [&role](int) { role.stop(); });
}

Result<void> run(const QuantizeCommand& command) {
  return engine::quantize_llama("", command.from, command.to);
}

}  // namespace tdn::app
