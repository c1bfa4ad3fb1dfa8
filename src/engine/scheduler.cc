#include "engine/scheduler.h"

#include <fmt/format.h>

#include <algorithm>

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

Scheduler::Scheduler(SchedulerLimits limits, const Vocabulary& vocabulary)
    : limits_(limits), vocabulary_(vocabulary), slots_(static_cast<std::size_t>(limits.slots)) {
  TDN_ASSERT(limits.slots >= 1 && limits.queue >= 0 && limits.batch_tokens >= limits.slots);
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
  waiting_.push_back({next_id_, std::move(job)});
  return next_id_++;
}

void Scheduler::cancel(JobId id) {
  const auto waiting =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& w) { return w.id == id; });
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
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot && slot->id == id) {
      slot.reset();
      std::erase(by_age_, static_cast<int>(i));
      ++counters_.cancelled;
      return;
    }
  }
}

bool Scheduler::has_work() const { return running() > 0 || !waiting_.empty(); }

int Scheduler::running() const {
  return static_cast<int>(slots_.size()) - free_slots() + (embedding_ ? 1 : 0);
}

int Scheduler::free_slots() const {
  return static_cast<int>(
      std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot; }));
}

int Scheduler::kv_tokens() const {
  int tokens = 0;
  for (const Slot& slot : slots_) {
    tokens += slot ? slot->evaluated : 0;
  }
  return tokens;
}

const Batch& Scheduler::plan() {
  TDN_ASSERT(!in_step_);
  batch_ = {};
  admit();
  if (!plan_embedding()) {
    plan_decodes();
    plan_prefills();
  }
  in_step_ = !batch_.empty();
  return batch_;
}

// A waiting embedding does not keep the generations behind it waiting: they go to the free slots.
void Scheduler::admit() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i]) {
      continue;
    }
    const auto next = std::find_if(waiting_.begin(), waiting_.end(),
                                   [](const Waiting& waiting) { return !waiting.job.embed; });
    if (next == waiting_.end()) {
      return;
    }
    batch_.starts.push_back({static_cast<int>(i), next->job.sampling});
    TextGate gate(next->job.stops);
    slots_[i].emplace(Sequence{next->id, std::move(next->job), std::move(gate)});
    by_age_.push_back(static_cast<int>(i));
    waiting_.erase(next);
  }
}

bool Scheduler::plan_embedding() {
  const auto next = std::find_if(waiting_.begin(), waiting_.end(),
                                 [](const Waiting& waiting) { return waiting.job.embed; });
  const bool others = free_slots() < limits_.slots;
  if (next == waiting_.end() || (embedded_last_ && others)) {
    embedded_last_ = false;
    return false;
  }
  embedding_ = std::move(*next);
  waiting_.erase(next);
  batch_.embed = embedding_->job.prompt;
  embedded_last_ = true;
  return true;
}

void Scheduler::plan_decodes() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot && slot->generated > 0) {
      batch_.entries.push_back({static_cast<int>(i), slot->last, slot->evaluated, true});
    }
  }
  batch_.decodes = static_cast<int>(batch_.entries.size());
}

void Scheduler::plan_prefills() {
  int room = limits_.batch_tokens - batch_.decodes;
  for (const int index : by_age_) {
    const Slot& slot = slots_[static_cast<std::size_t>(index)];
    TDN_ASSERT(slot.has_value());
    const Sequence& sequence = *slot;
    const int length = static_cast<int>(sequence.job.prompt.size());
    const int end = std::min(length, sequence.evaluated + room);
    for (int position = sequence.evaluated; position < end; ++position) {
      const Token token = sequence.job.prompt[static_cast<std::size_t>(position)];
      batch_.entries.push_back({index, token, position, position + 1 == length});
    }
    room -= end - sequence.evaluated;
    if (room == 0) {
      return;
    }
  }
}

void Scheduler::complete(const StepResult& result, Duration took) {
  TDN_ASSERT(in_step_);
  in_step_ = false;
  ++counters_.steps;
  const bool prefill = batch_.prefills() > 0 || !batch_.embed.empty();
  counters_.prefill_steps += prefill ? 1U : 0U;
  (prefill ? counters_.prefill_time : counters_.decode_time) += took;
  if (!batch_.embed.empty()) {
    finish_embedding(result);
    return;
  }
  counters_.prompt_tokens += static_cast<std::uint64_t>(batch_.prefills());
  std::size_t sample = 0;
  for (const Entry& entry : batch_.entries) {
    Slot& slot = slots_[static_cast<std::size_t>(entry.slot)];
    if (slot) {
      slot->evaluated = entry.position + 1;
    }
    if (entry.sample) {
      TDN_ASSERT(sample < result.sampled.size());
      take_token(slot, result.sampled[sample++]);
    }
  }
  std::erase_if(by_age_, [&](int index) {
    const Slot& slot = slots_[static_cast<std::size_t>(index)];
    return !slot || slot->generated > 0;
  });
}

void Scheduler::take_token(Slot& slot, Token token) {
  if (!slot) {  // cancelled during the step
    ++counters_.discarded_tokens;
    return;
  }
  if (vocabulary_.ends_generation(token)) {
    finish(slot, Finish::kStop);
    return;
  }
  ++counters_.generation_tokens;
  slot->last = token;
  ++slot->generated;
  const std::string text = slot->gate.push(vocabulary_.piece(token));
  slot->job.listener->on_token(text, slot->generated);
  if (slot->gate.stopped()) {
    finish(slot, Finish::kStop);
  } else if (slot->generated == slot->job.max_tokens) {
    finish(slot, Finish::kLength);
  }
}

// A stop string may complete in the text that was held until the end.
void Scheduler::finish(Slot& slot, Finish finish) {
  TDN_ASSERT(slot.has_value());
  const std::string text = slot->gate.finish();
  const Finish reason = slot->gate.stopped() ? Finish::kStop : finish;
  ++(reason == Finish::kStop ? counters_.finished_stop : counters_.finished_length);
  JobListener* listener = slot->job.listener;
  slot.reset();
  listener->on_finish(reason, text);
}

void Scheduler::finish_embedding(const StepResult& result) {
  counters_.prompt_tokens += batch_.embed.size();
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
    Slot& slot = slots_[static_cast<std::size_t>(entry.slot)];
    if (slot) {
      listeners.push_back(slot->job.listener);
      slot.reset();
      std::erase(by_age_, entry.slot);
    }
  }
  counters_.failed += listeners.size();
  for (JobListener* listener : listeners) {
    listener->on_error(error);
  }
}

}  // namespace tdn::engine
