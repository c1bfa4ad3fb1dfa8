// The engine without its HTTP side: a scheduler, a model, and the loop that gives the one's batches
// to the other. It lives on one io loop; only the evaluation of a batch happens elsewhere, on the
// one thread of a pool for the real model, or as a wait of the modelled time for the simulated one,
// which therefore runs under simulated time as well.
//
// Belongs to its loop's thread.
#pragma once

#include <memory>

#include "engine/api_reply.h"
#include "engine/llama_model.h"
#include "engine/scheduler.h"
#include "engine/timing.h"
#include "io/blocking_pool.h"
#include "io/event.h"
#include "io/loop.h"
#include "io/task.h"

namespace tdn::engine {

// Evaluates one batch while other coroutines run.
class StepRunner {
 public:
  virtual ~StepRunner() = default;
  struct Done {
    Result<StepResult> result;
    Duration took;
  };
  // `batch` outlives the task, even a cancelled one's work.
  [[nodiscard]] virtual io::Task<Done> run(const Batch& batch) = 0;
};

struct CoreParts {
  EngineFacts facts;
  SchedulerLimits limits;
  std::unique_ptr<Vocabulary> vocabulary;
  std::unique_ptr<KvMemory> memory;
  std::unique_ptr<StepRunner> runner;
};

// `reuse`: prompts are reused between requests, if the model can. `limits.context` and `least_part`
// are the model's. `pool` has one thread, is borrowed and is destroyed before the runner.
[[nodiscard]] CoreParts make_llama_parts(LlamaEngine engine, SchedulerLimits limits, bool reuse,
                                         io::BlockingPool& pool, io::Loop& loop);
[[nodiscard]] CoreParts make_simulated_parts(const Timing& timing);

class Core {
 public:
  explicit Core(CoreParts parts)
      : facts_(std::move(parts.facts)),
        vocabulary_(std::move(parts.vocabulary)),
        runner_(std::move(parts.runner)),
        scheduler_(parts.limits, *vocabulary_, std::move(parts.memory)) {}

  // Runs steps until cancelled; spawn it once.
  [[nodiscard]] io::Task<> run();

  [[nodiscard]] Result<JobId> submit(Job job);
  void cancel(JobId id) { scheduler_.cancel(id); }

  [[nodiscard]] const EngineFacts& facts() const { return facts_; }
  [[nodiscard]] const Vocabulary& vocabulary() const { return *vocabulary_; }
  [[nodiscard]] const Scheduler& scheduler() const { return scheduler_; }

 private:
  EngineFacts facts_;
  std::unique_ptr<Vocabulary> vocabulary_;
  std::unique_ptr<StepRunner> runner_;
  Scheduler scheduler_;
  io::Event work_;
};

}  // namespace tdn::engine
