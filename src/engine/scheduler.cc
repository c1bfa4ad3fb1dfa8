#include "engine/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/assert.h"

namespace tdn::engine {

std::string_view to_string(Role role) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kUser:
      return "user";
    case Role::kAssistant:
      break;
  }
  return "assistant";
}

void RecentRate::add(std::uint64_t tokens, Duration took) {
  constexpr double kSecondsRemembered = 10;
  const double seconds = std::chrono::duration<double>(took).count();
  const double kept = std::exp(-seconds / kSecondsRemembered);
  tokens_ = tokens_ * kept + static_cast<double>(tokens);
  seconds_ = seconds_ * kept + seconds;
}

Scheduler::Scheduler(SchedulerLimits limits, const Vocabulary& vocabulary,
                     std::unique_ptr<KvMemory> memory)
    : limits_(limits),
      vocabulary_(vocabulary),
      memory_(std::move(memory)),
      slots_(static_cast<std::size_t>(limits.slots)) {
  TDN_ASSERT(limits.slots >= 1 && limits.queue >= 0 && limits.least_part >= 1);
  TDN_ASSERT(limits.batch_tokens >= limits.slots + 2 * (limits.least_part - 1));
}

Result<JobId> Scheduler::submit(Job job) {
  TDN_ASSERT(!job.prompt.empty() && job.listener != nullptr);
  TDN_ASSERT(job.embed ||
             (job.max_tokens >= 1 &&
              static_cast<int>(job.prompt.size()) + job.max_tokens <= limits_.context));
  // An idle engine takes at least one job, whatever the queue's length.
  const int room = limits_.queue + std::max(free_slots(), running() == 0 ? 1 : 0);
  if (waiting() >= room) {
    ++counters_.overloaded;
    return fail(Code::kOverloaded,
                fmt::format("the engine is busy: {} requests run and {} wait, which is its limit; "
                            "try again shortly",
                            running(), waiting()));
  }
  TextGate gate(job.stops);
  std::vector<Token> tokens = std::move(job.prompt);
  const int prompt = static_cast<int>(tokens.size());
  waiting_.push_back({.id = next_id_,
                      .job = std::move(job),
                      .gate = std::move(gate),
                      .tokens = std::move(tokens),
                      .prompt = prompt});
  return next_id_++;
}

void Scheduler::cancel(JobId id) {
  const auto waiting =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Sequence& w) { return w.id == id; });
  if (waiting != waiting_.end()) {
    waiting_.erase(waiting);
    ++counters_.cancelled;
    return;
  }
  if (embedding_ && embedding_->id == id) {
    embedding_.reset();
    ++counters_.cancelled;
    return;
  }
  const auto running = std::find_if(order_.begin(), order_.end(),
                                    [&](int slot) { return sequence_at(slot).id == id; });
  if (running != order_.end()) {
    leave(*running);
    ++counters_.cancelled;
  }
}

bool Scheduler::has_work() const { return running() > 0 || !waiting_.empty(); }

int Scheduler::free_slots() const { return limits_.slots - static_cast<int>(order_.size()); }

Scheduler::Sequence& Scheduler::sequence_at(int slot) {
  Slot& sequence = at(slot);
  TDN_ASSERT(sequence.has_value());
  return *sequence;
}

void Scheduler::complete(const StepResult& result, Duration took) {
  TDN_ASSERT(in_step_);
  in_step_ = false;
  count_step(took);
  if (!batch_.embed.empty()) {
    finish_embedding(result);
    return;
  }
  std::size_t sample = 0;
  for (std::size_t i = 0; i < batch_.entries.size(); ++i) {
    const Entry& entry = batch_.entries[i];
    const bool last = i + 1 == batch_.entries.size() || batch_.entries[i + 1].slot != entry.slot;
    if (Slot& slot = at(entry.slot); slot && last) {
      slot->evaluated = entry.position + 1;
      slot->reached = std::max(slot->reached, slot->evaluated);
      memory_->hold(entry.slot,
                    std::span(slot->tokens).first(static_cast<std::size_t>(slot->evaluated)),
                    slot->prompt);
    }
    if (entry.sample) {
      TDN_ASSERT(sample < result.sampled.size());
      take_token(entry.slot, result.sampled[sample++]);
    }
  }
}

void Scheduler::count_step(Duration took) {
  ++counters_.steps;
  const bool prefill = batch_.prefills() > 0 || !batch_.embed.empty();
  counters_.prefill_steps += prefill ? 1U : 0U;
  (prefill ? counters_.prefill_time : counters_.decode_time) += took;
  const std::uint64_t prompt = batch_.embed.size() + static_cast<std::uint64_t>(fresh_prompt_);
  counters_.prompt_tokens += prompt;
  counters_.recomputed_tokens += static_cast<std::uint64_t>(recomputed_);
  if (prefill) {
    prefill_rate_.add(prompt, took);
  }
  if (batch_.decodes > 0) {
    decode_rate_.add(static_cast<std::uint64_t>(batch_.decodes), took);
  }
}

void Scheduler::take_token(int index, Token token) {
  Slot& slot = at(index);
  if (!slot) {  // cancelled during the step
    ++counters_.discarded_tokens;
    return;
  }
  if (vocabulary_.ends_generation(token)) {
    finish(index, Finish::kStop);
    return;
  }
  ++counters_.generation_tokens;
  slot->tokens.push_back(token);
  ++slot->generated;
  const std::string text = slot->gate.push(vocabulary_.piece(token));
  slot->job.listener->on_token(text, slot->generated);
  if (slot->gate.stopped()) {
    finish(index, Finish::kStop);
  } else if (slot->generated == slot->job.max_tokens) {
    finish(index, Finish::kLength);
  }
}

// A stop string may complete in the text that was held until the end.
void Scheduler::finish(int index, Finish finish) {
  Sequence& sequence = sequence_at(index);
  const std::string text = sequence.gate.finish();
  const Finish reason = sequence.gate.stopped() ? Finish::kStop : finish;
  ++(reason == Finish::kStop ? counters_.finished_stop : counters_.finished_length);
  JobListener* listener = sequence.job.listener;
  leave(index);
  listener->on_finish(reason, text);
}

void Scheduler::leave(int slot) {
  memory_->release(slot);
  at(slot).reset();
  std::erase(order_, slot);
}

void Scheduler::finish_embedding(const StepResult& result) {
  if (!embedding_) {  // cancelled during the step
    return;
  }
  JobListener* listener = embedding_->job.listener;
  embedding_.reset();
  ++counters_.embedded;
  listener->on_embedding(result.embedding);
}

void Scheduler::abort(const Error& error) {
  TDN_ASSERT(in_step_);
  in_step_ = false;
  std::vector<JobListener*> listeners;
  if (!batch_.embed.empty() && embedding_) {
    listeners.push_back(embedding_->job.listener);
    embedding_.reset();
  }
  for (const Entry& entry : batch_.entries) {
    if (Slot& slot = at(entry.slot)) {
      listeners.push_back(slot->job.listener);
      leave(entry.slot);
    }
    memory_->forget(entry.slot);  // also what a job held that was cancelled during the step
  }
  counters_.failed += listeners.size();
  for (JobListener* listener : listeners) {
    listener->on_error(error);
  }
}

}  // namespace tdn::engine
