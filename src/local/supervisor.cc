#include "local/supervisor.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/assert.h"
#include "local/files.h"

namespace tdn::local {

namespace {
constexpr Exit kStopped{.killed = false, .number = 0};
constexpr int kAgain = 75;  // EX_TEMPFAIL of sysexits.h: "start me again"
}  // namespace

struct Supervisor::Kept {
  explicit Kept(ChildSpec what) : spec(std::move(what)) {}

  ChildSpec spec;
  Backoff backoff;
  std::unique_ptr<Child> child;  // while it runs
  Duration delay{};              // before the next start
  bool was_ready = false;        // in any run
  bool stopping = false;
  bool killed = false;  // by us
  bool held = false;
  bool paused = false;
  io::Event wake;  // from waiting for the next start
  bool is_gone = false;
  io::Event gone;  // for `stop`
};

Supervisor::Supervisor(io::Loop& loop, io::EpollPoller& poller, SupervisorEvents& events)
    : loop_(loop), poller_(poller), events_(events), group_(loop) {}

Supervisor::~Supervisor() = default;

void Supervisor::start(ChildSpec spec) {
  TDN_ASSERT(pid(spec.name) == 0);
  kept_.push_back(std::make_unique<Kept>(std::move(spec)));
  group_.spawn(keep(*kept_.back()));
}

Supervisor::Kept* Supervisor::find(std::string_view name) const {
  for (const std::unique_ptr<Kept>& kept : kept_) {
    if (kept->spec.name == name) {
      return kept.get();
    }
  }
  return nullptr;
}

int Supervisor::pid(std::string_view name) const {
  const Kept* kept = find(name);
  return kept != nullptr && kept->child ? kept->child->pid() : 0;
}

void Supervisor::hold(std::string_view name) {
  Kept* kept = find(name);
  if (kept == nullptr || kept->stopping) {
    return;
  }
  kept->held = true;
  kept->wake.set();
  if (kept->child) {
    kept->child->signal(SIGKILL);
  }
}

void Supervisor::release(std::string_view name) {
  if (Kept* kept = find(name)) {
    kept->held = false;
    kept->wake.set();
  }
}

void Supervisor::pause(std::string_view name) {
  if (Kept* kept = find(name); kept != nullptr && !kept->stopping) {
    kept->paused = true;
    if (kept->child) {
      kept->child->signal(SIGSTOP);
    }
  }
}

void Supervisor::resume(std::string_view name) {
  Kept* const kept = find(name);
  if (kept == nullptr || !kept->paused) {
    return;  // who stopped it otherwise wants it so
  }
  kept->paused = false;
  if (kept->child) {
    kept->child->signal(SIGCONT);
  }
}

io::Task<> Supervisor::keep(Kept& kept) {
  io::Context& context = co_await io::this_context();
  bool again = true;
  while (again && !kept.stopping) {
    again = co_await run_once(kept);
    if (again && !kept.stopping && !kept.held) {
      const io::DeadlineScope scope(context, loop_.now() + kept.delay);
      co_await kept.wake.wait();
    }
    while (again && kept.held && !kept.stopping) {
      co_await kept.wake.wait();
    }
  }
  kept.is_gone = true;
  kept.gone.set();
}

io::Task<bool> Supervisor::run_once(Kept& kept) {
  remove_file(kept.spec.ready_file);
  kept.backoff.started(loop_.now());
  Result<std::unique_ptr<Child>> child = Child::start(poller_, kept.spec.command);
  if (!child) {
    const Result<Exit> end = fail(std::move(child).error());
    co_return report_end(kept, end, "");
  }
  kept.child = *std::move(child);
  if (kept.paused) {
    kept.child->signal(SIGSTOP);
  }
  co_await watch(kept);
  const Result<Exit> end = *kept.child->exit();
  const std::string last_words = kept.child->last_words();
  kept.child.reset();
  remove_file(kept.spec.ready_file);
  co_return report_end(kept, end, last_words);
}

io::Task<> Supervisor::watch(Kept& kept) {
  io::Context& context = co_await io::this_context();
  bool ready = false;
  while (!kept.child->exit()) {
    const io::DeadlineScope scope(context, ready ? kNever : loop_.now() + kLook);
    co_await kept.child->ended().wait();
    if (ready || kept.child->exit()) {
      continue;
    }
    // Missing: not yet. Children replace it by rename, so what can be read is whole.
    const Result<std::string> text = read_text(kept.spec.ready_file);
    if (text) {
      ready = true;
      kept.was_ready = true;
      events_.on_ready(kept.spec, kept.child->pid(), *text);
    }
  }
}

bool Supervisor::report_end(Kept& kept, const Result<Exit>& end, const std::string& last_words) {
  if (kept.stopping) {
    const Exit exit = end.value_or(kStopped);
    const bool as_asked = exit == kStopped || exit.number == SIGTERM || kept.killed || kept.held;
    if (!as_asked) {
      events_.on_failed(kept.spec,
                        Error(Code::kInternalError,
                              fmt::format("ended with {} when it was to stop", to_string(exit))));
    }
    return false;
  }
  if (kept.held) {
    events_.on_held(kept.spec);
    return true;
  }
  const bool by_itself = !end || (!end->killed && end->number != kAgain);
  if (by_itself && !kept.was_ready) {
    events_.on_failed(
        kept.spec,
        end ? Error(Code::kUnavailable,
                    last_words.empty() ? fmt::format("ended with {}", to_string(*end)) : last_words)
            : end.error());
    return false;
  }
  kept.delay = kept.backoff.ended(loop_.now());
  const std::string why = end ? last_words : end.error().detail();
  events_.on_ended(kept.spec, end.value_or(Exit{.killed = false, .number = 127}), why, kept.delay);
  return true;
}

io::Task<> Supervisor::stop(Instant deadline) {
  std::vector<int> stages;
  for (const std::unique_ptr<Kept>& kept : kept_) {
    if (kept->paused) {
      resume(kept->spec.name);  // one that stands still cannot stop
    }
    stages.push_back(kept->spec.stage);
  }
  std::sort(stages.begin(), stages.end(), std::greater<>());
  stages.erase(std::unique(stages.begin(), stages.end()), stages.end());
  // The later ones need some time of their own when the first takes all it may.
  Duration kept_back = kLastMoments * static_cast<int>(stages.size());
  for (const int stage : stages) {
    kept_back -= kLastMoments;
    co_await stop_stage(stage, deadline - kept_back);
  }
  co_await group_.join();
}

io::Task<> Supervisor::stop_stage(int stage, Instant deadline) {
  std::vector<Kept*> stopped;
  for (const std::unique_ptr<Kept>& kept : kept_) {
    if (kept->spec.stage == stage) {
      stopped.push_back(kept.get());
      kept->stopping = true;
      kept->wake.set();
    }
  }
  signal_all(stopped, impatient_ ? SIGKILL : SIGTERM);
  io::Context& context = co_await io::this_context();
  for (Kept* kept : stopped) {
    while (!kept->is_gone) {
      const io::DeadlineScope scope(context, deadline);
      if (co_await kept->gone.wait() == io::Wake::kTimeout) {
        signal_all(stopped, SIGKILL);
        deadline = kNever;  // the rest is up to the kernel
      }
    }
  }
}

void Supervisor::signal_all(std::span<Kept* const> some, int number) {
  for (Kept* kept : some) {
    if (kept->child) {
      kept->killed = kept->killed || number == SIGKILL;
      kept->child->signal(number);
    }
  }
}

void Supervisor::kill_all() {
  impatient_ = true;
  for (const std::unique_ptr<Kept>& kept : kept_) {
    if (kept->child) {
      kept->killed = true;
      kept->child->signal(SIGKILL);
    }
  }
}

}  // namespace tdn::local
