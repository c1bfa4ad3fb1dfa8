#include "engine/engine_main.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>

#include "engine/service.h"
#include "io/epoll.h"
#include "io/signals.h"
#include "io/tcp.h"

namespace tdn::engine {
namespace {

using namespace std::chrono_literals;

constexpr Duration kGrace = 4s;
constexpr int kBatchTokens = 128;

void complain(const Error& error) { fmt::print(stderr, "tdn engine: {}\n", error.detail()); }

Result<Timing> read_timing(const std::string& path) {
  if (path.empty()) {
    return Timing{};
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return fail(Code::kMissing, fmt::format("there is no readable file {}", path));
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return parse_timing(text, path);
}

Result<io::Address> loopback_address(const std::string& text) {
  TDN_TRY(const io::Address address, io::Address::parse(text));
  if (!address.is_loopback()) {
    return fail(Code::kInvalid,
                fmt::format("{} is not a loopback address, and an engine has no keys of its own; "
                            "listen on 127.0.0.1 and let an edge serve the network",
                            text));
  }
  return address;
}

// All of one engine's process. Members are destroyed from below: the worker's thread, which may
// still be in a step of the model, ends before the core goes.
class Process {
 public:
  Process(const EngineOptions& options, Timing timing)
      : options_(options), timing_(std::move(timing)) {}

  int run(io::Address address) {
    Result<std::unique_ptr<io::Listener>> listener = network_.listen(address, false);
    if (!listener) {
      complain(listener.error().with(
          fmt::format("cannot listen on {}; give another port, or 0", options_.listen)));
      return 1;
    }
    if (!options_.ready_file.empty()) {
      std::error_code ignored;
      std::filesystem::remove(options_.ready_file, ignored);
    }
    server_.emplace(loop_, *std::move(listener), service_, limits_, budget_);
    server_->start();
    const io::SignalWatcher signals(poller_, {SIGTERM, SIGINT}, [this](int) { stop(0, kGrace); });
    tasks_.spawn(start());
    loop_.run();
    return status_;
  }

 private:
  io::Task<> start() {
    const Result<void> started = co_await load();
    if (stopping_) {
      co_return;
    }
    if (!started) {
      complain(started.error());
      stop(1, 0s);
      co_return;
    }
    service_.set_core(*core_);
    engine_.spawn(core_->run());
    if (const Result<void> announced = announce(); !announced) {
      complain(announced.error());
      stop(1, 0s);
    }
  }

  io::Task<Result<void>> load() {
    CoreParts parts;
    if (options_.model.empty()) {
      parts = make_simulated_parts(timing_);
    } else {
      const int batch_tokens = std::max(kBatchTokens, options_.parallel);
      LlamaOptions options{.model_path = options_.model,
                           .library_folder = options_.library_folder,
                           .threads = options_.threads,
                           .slots = options_.parallel,
                           .context = options_.context,
                           .batch_tokens = batch_tokens};
      // Shared: the result of a job must be copyable.
      std::function<Result<std::shared_ptr<LlamaEngine>>()> job =
          [options = std::move(options)]() -> Result<std::shared_ptr<LlamaEngine>> {
        TDN_TRY(LlamaEngine engine, load_llama(options));
        return std::make_shared<LlamaEngine>(std::move(engine));
      };
      TDN_CO_TRY(const std::shared_ptr<LlamaEngine> engine,
                 co_await worker_.run(std::move(job), loop_));
      const SchedulerLimits limits{.slots = options_.parallel,
                                   .queue = options_.queue,
                                   .context = engine->context,
                                   .batch_tokens = batch_tokens};
      parts = make_llama_parts(std::move(*engine), limits, worker_, loop_);
    }
    if (!options_.alias.empty()) {
      parts.facts.name = options_.alias;
    }
    core_.emplace(std::move(parts));
    co_return Result<void>();
  }

  Result<void> announce() const {
    const EngineFacts& facts = core_->facts();
    const std::string url = fmt::format("http://{}", io::to_string(server_->address()));
    if (!options_.ready_file.empty()) {
      const std::string text =
          fmt::format("{{\"engine\":\"{}\",\"simulated\":{}}}\n", url, facts.simulated);
      const std::string made = options_.ready_file + ".tmp";
      std::ofstream(made) << text;
      std::error_code error;
      std::filesystem::permissions(
          made, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, error);
      std::filesystem::rename(made, options_.ready_file, error);
      if (error) {
        return fail(Code::kInvalid, fmt::format("cannot write the ready file {}: {}",
                                                options_.ready_file, error.message()));
      }
    }
    fmt::print("tdn engine: {} on {}, {} requests together, {} tokens each{}\n", facts.name, url,
               facts.slots, facts.context,
               facts.simulated ? "; SIMULATED: the answers are made-up words" : "");
    std::fflush(stdout);
    return {};
  }

  void stop(int status, Duration grace) {
    if (!stopping_) {
      stopping_ = true;
      status_ = status;
      tasks_.spawn(shut_down(grace));
    }
  }

  io::Task<> shut_down(Duration grace) {
    co_await server_->drain(grace);
    engine_.cancel();
    co_await engine_.join();
    co_await tasks_.shrink_to(1);
    loop_.stop();
  }

  const EngineOptions& options_;
  const Timing timing_;
  int status_ = 0;
  bool stopping_ = false;
  io::EpollPoller poller_{system_clock()};
  io::Loop loop_{system_clock(), poller_};
  std::optional<Core> core_;
  io::BlockingPool worker_{1};
  io::TcpNetwork network_{loop_, poller_, worker_};
  http::ServerLimits limits_;
  http::BodyBudget budget_;
  Service service_{system_clock(), system_random()};
  std::optional<http::Server> server_;
  io::TaskGroup engine_{loop_};
  io::TaskGroup tasks_{loop_};
};

}  // namespace

int run_engine(const EngineOptions& options) {
  io::block_signals({SIGTERM, SIGINT});
  const Result<io::Address> address = loopback_address(options.listen);
  Result<Timing> timing = read_timing(options.timing);
  if (!address || !timing) {
    complain(address ? timing.error() : address.error());
    return 1;
  }
  return Process(options, *std::move(timing)).run(*address);
}

int run_quantize(const std::string& from, const std::string& to) {
  const Result<void> done = quantize_llama("", from, to);
  if (!done) {
    complain(done.error());
    return 1;
  }
  return 0;
}

}  // namespace tdn::engine
