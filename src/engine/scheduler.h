// Continuous batching: which tokens the model evaluates next.
//
// A job waits in a bounded queue until there is a place for it in the key-value memory, then its
// prompt, but for what is there from earlier requests, is evaluated in parts and its tokens are
// generated, one per step. Every step takes one token of each sequence that is generating and fills
// what is left of the batch with prompts, oldest first: a long prompt slows the running streams by
// a bounded amount and never stops them. Embeddings need no slot; one is evaluated between two
// steps.
//
// Where the memory can run out under running sequences (BlockMemory), the one admitted last is
// preempted: it waits again, first in the queue, and goes on later as if nothing had happened; what
// has to be evaluated a second time is counted apart. The oldest sequence is never preempted, so
// every job ends.
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
// Knows neither threads nor time; belongs to one thread. Listeners are called from inside `plan`,
// `complete` and `abort` and must not call the scheduler.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "base/time.h"
#include "engine/kv_memory.h"
#include "engine/model.h"
#include "engine/text_gate.h"

namespace tdn::engine {

enum class Finish : std::uint8_t { kStop, kLength };

class JobListener {
 public:
  // Once, before the others: the job left the queue, and so many tokens of its prompt need no
  // evaluation because they are in memory from earlier requests.
  virtual void on_admitted(int cached_tokens) = 0;
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
  std::string partition;            // prompts share memory within one of these only
  JobListener* listener = nullptr;  // until the job ended or was cancelled
};
using JobId = std::uint64_t;

struct SchedulerLimits {
  int slots = 8;
  int queue = 64;         // jobs that wait, beyond those that fill the free slots
  int context = 2048;     // tokens of one sequence
  int batch_tokens = 64;  // per step, at least `slots` + 2 × (least_part - 1)
  // A prompt is evaluated in parts of at least so many tokens (slot_memory.h says why), unless the
  // whole of it is shorter.
  int least_part = 1;
};

struct Counters {
  std::uint64_t steps = 0;  // calls of the model
  std::uint64_t prefill_steps = 0;
  std::uint64_t prompt_tokens = 0;   // evaluated, for the first time
  std::uint64_t prefix_queries = 0;  // prompt tokens of admitted jobs
  std::uint64_t prefix_hits = 0;     // those of them that needed no evaluation
  std::uint64_t preempted = 0;
  std::uint64_t recomputed_tokens = 0;  // evaluated again after that
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

// Tokens per second over about the last ten seconds that steps took; what idles between them does
// not count.
class RecentRate {
 public:
  void add(std::uint64_t tokens, Duration took);
  [[nodiscard]] double per_second() const { return seconds_ > 0 ? tokens_ / seconds_ : 0; }

 private:
  double tokens_ = 0;
  double seconds_ = 0;
};

class Scheduler {
 public:
  // The vocabulary is borrowed. The memory has as many slots as `limits`.
  Scheduler(SchedulerLimits limits, const Vocabulary& vocabulary, std::unique_ptr<KvMemory> memory);

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
  [[nodiscard]] int running() const {
    return static_cast<int>(order_.size()) + (embedding_ ? 1 : 0);
  }
  [[nodiscard]] int waiting() const { return static_cast<int>(waiting_.size()); }
  [[nodiscard]] KvUse kv() const { return memory_->use(); }
  [[nodiscard]] const RecentRate& prefill_rate() const { return prefill_rate_; }
  [[nodiscard]] const RecentRate& decode_rate() const { return decode_rate_; }

 private:
  struct Sequence {
    JobId id = 0;
    Job job;
    TextGate gate;
    std::vector<Token> tokens;  // the prompt, then what was generated
    int prompt = 0;             // length of the prompt
    int evaluated = 0;          // tokens in the model's memory
    int reached = 0;            // the most that `evaluated` has been
    int generated = 0;
    bool admitted = false;  // maybe preempted since

    [[nodiscard]] int rest() const { return static_cast<int>(tokens.size()) - evaluated; }
    [[nodiscard]] bool decodes() const { return generated > 0 && rest() == 1; }
  };
  using Slot = std::optional<Sequence>;

  bool plan_embedding();
  [[nodiscard]] bool plan_running();
  void admit_waiting();
  void start(Sequence sequence, const Place& place);
  [[nodiscard]] int next_part(const Sequence& sequence) const;
  [[nodiscard]] bool make_room(int slot, int tokens);
  void preempt(int slot);
  void add_part(int slot, int count);
  void take_token(int slot, Token token);
  void finish(int slot, Finish finish);
  void finish_embedding(const StepResult& result);
  void leave(int slot);
  void count_step(Duration took);
  [[nodiscard]] int free_slots() const;
  [[nodiscard]] Slot& at(int slot) { return slots_[static_cast<std::size_t>(slot)]; }
  [[nodiscard]] Sequence& sequence_at(int slot);

  SchedulerLimits limits_;
  const Vocabulary& vocabulary_;
  std::unique_ptr<KvMemory> memory_;
  std::vector<Slot> slots_;
  std::vector<int> order_;        // slots of running sequences, first admitted first
  std::deque<Sequence> waiting_;  // both kinds of job, and who was preempted
  std::optional<Sequence> embedding_;
  Batch batch_;
  int room_ = 0;              // tokens that the step being planned can still take
  std::vector<Entry> parts_;  // of prompts, in the step being planned
  int fresh_prompt_ = 0;      // in the batch: prompt tokens evaluated for the first time
  int recomputed_ = 0;        // and tokens that were evaluated before
  bool in_step_ = false;
  bool embedded_last_ = false;
  JobId next_id_ = 1;
  Counters counters_;
  RecentRate prefill_rate_;
  RecentRate decode_rate_;
};

}  // namespace tdn::engine
