// Continuous batching: which tokens the model evaluates next.
//
// A job waits in a bounded queue until one of the slots is free, then its prompt is evaluated in
// parts and its tokens are generated, one per step. Every step takes one token of each sequence
// that is generating and fills what is left of the batch with prompts, oldest first: a long prompt
// slows the running streams by a bounded amount and never stops them. Embeddings need no slot; one
// is evaluated between two steps.
//
//   while (scheduler.has_work()) {
//     auto result = model.step(scheduler.plan());
//     result ? scheduler.complete(*result, took) : scheduler.abort(result.error());
//   }
//
// Counting: a completion token is a token that was sampled, is not the model's end of generation,
// and belongs to a job that was not cancelled meanwhile. What the listener was told and what the
// counters say is therefore the same number at every moment. Tokens sampled for a job that was
// cancelled during the step are counted apart, as discarded.
//
// Knows neither threads nor time; belongs to one thread. Listeners are called from inside
// `complete` and `abort` and must not call the scheduler.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "base/time.h"
#include "engine/model.h"
#include "engine/text_gate.h"

namespace tdn::engine {

enum class Finish : std::uint8_t { kStop, kLength };

class JobListener {
 public:
  // After each token: the text that became certain with it, maybe none, and the tokens so far.
  virtual void on_token(std::string_view text, int completion_tokens) = 0;
  // Exactly one of these ends a job that was not cancelled. `text` is what was still held back.
  virtual void on_finish(Finish finish, std::string_view text) = 0;
  virtual void on_embedding(std::vector<float> embedding) = 0;
  virtual void on_error(const Error& error) = 0;

 protected:
  ~JobListener() = default;
};

struct Job {
  std::vector<Token> prompt;  // not empty
  bool embed = false;         // an embedding of the prompt; the rest does not matter then
  int max_tokens = 1;         // prompt and this fit into the context
  Sampling sampling;
  std::vector<std::string> stops;
  JobListener* listener = nullptr;  // until the job ended or was cancelled
};
using JobId = std::uint64_t;

struct SchedulerLimits {
  int slots = 8;
  int queue = 64;         // jobs that wait, beyond those that fill the free slots
  int context = 2048;     // tokens of one sequence
  int batch_tokens = 64;  // per step, at least `slots`
};

struct Counters {
  std::uint64_t steps = 0;  // calls of the model
  std::uint64_t prefill_steps = 0;
  std::uint64_t prompt_tokens = 0;  // evaluated
  std::uint64_t generation_tokens = 0;
  std::uint64_t discarded_tokens = 0;
  Duration prefill_time{};  // of steps with prompt tokens
  Duration decode_time{};   // of the others
  std::uint64_t finished_stop = 0;
  std::uint64_t finished_length = 0;
  std::uint64_t embedded = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t overloaded = 0;
  std::uint64_t failed = 0;
};

class Scheduler {
 public:
  // The vocabulary is borrowed.
  Scheduler(SchedulerLimits limits, const Vocabulary& vocabulary);

  // kOverloaded if the queue is full.
  [[nodiscard]] Result<JobId> submit(Job job);
  // The job ends without a call of its listener; an unknown or ended job is left alone.
  void cancel(JobId id);

  [[nodiscard]] bool has_work() const;
  // The next step; empty if there is no work. Valid until `complete` or `abort`, one of which
  // follows.
  const Batch& plan();
  void complete(const StepResult& result, Duration took);
  // The model failed: every job of the batch ends with `error`.
  void abort(const Error& error);

  [[nodiscard]] const SchedulerLimits& limits() const { return limits_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] int running() const;
  [[nodiscard]] int waiting() const { return static_cast<int>(waiting_.size()); }
  [[nodiscard]] int kv_tokens() const;  // held by running sequences
  [[nodiscard]] int kv_capacity() const { return limits_.slots * limits_.context; }

 private:
  struct Waiting {
    JobId id;
    Job job;
  };
  struct Sequence {
    JobId id;
    Job job;
    TextGate gate;
    int evaluated = 0;  // tokens in the model's memory
    int generated = 0;
    Token last = 0;  // sampled, not yet evaluated
  };
  using Slot = std::optional<Sequence>;

  void admit();
  void plan_decodes();
  void plan_prefills();
  bool plan_embedding();
  void take_token(Slot& slot, Token token);
  void finish(Slot& slot, Finish finish);
  void finish_embedding(const StepResult& result);
  [[nodiscard]] int free_slots() const;

  SchedulerLimits limits_;
  const Vocabulary& vocabulary_;
  std::vector<Slot> slots_;
  std::vector<int> by_age_;      // slots whose prompt is not yet evaluated, oldest first
  std::deque<Waiting> waiting_;  // both kinds of job
  std::optional<Waiting> embedding_;
  Batch batch_;
  bool in_step_ = false;
  bool embedded_last_ = false;
  JobId next_id_ = 1;
  Counters counters_;
};

}  // namespace tdn::engine
