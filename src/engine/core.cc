#include "engine/core.h"

#include <functional>
#include <utility>

#include "engine/simulated.h"
#include "engine/slot_memory.h"

namespace tdn::engine {
namespace {

class ThreadRunner final : public StepRunner {
 public:
  ThreadRunner(std::unique_ptr<Model> model, io::BlockingPool& pool, io::Loop& loop)
      : model_(std::move(model)), pool_(pool), loop_(loop) {}

  io::Task<Done> run(const Batch& batch) override {
    const Instant begin = loop_.clock().now();
    std::function<Result<StepResult>()> job = [this, &batch] { return model_->step(batch); };
    Result<StepResult> result = co_await pool_.run(std::move(job), loop_);
    co_return Done{std::move(result), loop_.clock().now() - begin};
  }

 private:
  std::unique_ptr<Model> model_;
  io::BlockingPool& pool_;
  io::Loop& loop_;
};

class TimedRunner final : public StepRunner {
 public:
  explicit TimedRunner(const Timing& timing) : timing_(timing), model_(timing) {}

  // A step begins when the one before it should have ended, so that the timer's grain does not add
  // up.
  io::Task<Done> run(const Batch& batch) override {
    const Instant now = (co_await io::this_context()).loop().now();
    const Duration took = step_time(timing_, batch);
    const bool follows = now - end_ < std::chrono::milliseconds(20);
    end_ = (follows ? end_ : now) + took;
    const io::Wake wake = co_await io::sleep_until(end_);
    Result<void> waited = io::to_result(wake, "simulating a step");
    if (!waited) {
      co_return Done{tl::unexpected(std::move(waited).error()), took};
    }
    co_return Done{model_.step(batch), took};
  }

 private:
  Timing timing_;
  SimulatedModel model_;
  Instant end_{};
};

}  // namespace

CoreParts make_llama_parts(LlamaEngine engine, SchedulerLimits limits, bool reuse,
                           io::BlockingPool& pool, io::Loop& loop) {
  limits.context = engine.context;
  limits.least_part = SlotMemory::kLeastFresh;
  CoreParts parts;
  parts.facts = {.name = std::move(engine.name),
                 .fingerprint = "tdn-llama",
                 .simulated = false,
                 .prefix_cache = reuse && engine.can_reuse,
                 .context = engine.context,
                 .trained_context = engine.trained_context,
                 .slots = limits.slots,
                 .embedding_tokens = engine.embedding_tokens,
                 .dimensions = engine.dimensions,
                 .parameters = engine.parameters,
                 .bytes = engine.bytes};
  parts.limits = limits;
  parts.vocabulary = std::move(engine.vocabulary);
  parts.memory =
      std::make_unique<SlotMemory>(limits.slots, limits.context, parts.facts.prefix_cache);
  parts.runner = std::make_unique<ThreadRunner>(std::move(engine.model), pool, loop);
  return parts;
}

CoreParts make_simulated_parts(const Timing& timing) {
  CoreParts parts;
  parts.facts = {.name = timing.model,
                 .fingerprint = "simulated",
                 .simulated = true,
                 .prefix_cache = timing.prefix_cache,
                 .context = timing.context_length,
                 .trained_context = timing.context_length,
                 .slots = timing.slots,
                 .embedding_tokens = timing.context_length,
                 .dimensions = timing.dimensions,
                 .parameters = 0,
                 .bytes = 0};
  parts.limits = {.slots = timing.slots,
                  .queue = timing.queue,
                  .context = timing.context_length,
                  .batch_tokens = timing.batch_tokens};
  parts.vocabulary = std::make_unique<SimulatedVocabulary>();
  parts.memory = make_block_memory(timing);
  parts.runner = std::make_unique<TimedRunner>(timing);
  return parts;
}

io::Task<> Core::run() {
  io::Context& context = co_await io::this_context();
  while (!context.cancelled()) {
    if (!scheduler_.has_work()) {
      [[maybe_unused]] const io::Wake wake = co_await work_.wait();
      continue;
    }
    const Batch& batch = scheduler_.plan();
    const StepRunner::Done done = co_await runner_->run(batch);
    if (done.result) {
      scheduler_.complete(*done.result, done.took);
    } else {
      scheduler_.abort(done.result.error());
    }
  }
}

Result<JobId> Core::submit(Job job) {
  Result<JobId> id = scheduler_.submit(std::move(job));
  if (id) {
    work_.set();
  }
  return id;
}

}  // namespace tdn::engine
