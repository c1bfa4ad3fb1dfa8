// What the next step evaluates.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "engine/scheduler.h"

namespace tdn::engine {

const Batch& Scheduler::plan() {
  TDN_ASSERT(!in_step_);
  batch_ = {};
  parts_.clear();
  fresh_prompt_ = recomputed_ = 0;
  if (!plan_embedding()) {
    if (plan_running()) {
      admit_waiting();
    }
    batch_.decodes = static_cast<int>(batch_.entries.size());
    batch_.entries.insert(batch_.entries.end(), parts_.begin(), parts_.end());
  }
  in_step_ = !batch_.empty();
  return batch_;
}

// A waiting embedding does not keep the generations behind it waiting: they take turns.
bool Scheduler::plan_embedding() {
  const auto next = std::find_if(waiting_.begin(), waiting_.end(),
                                 [](const Sequence& waiting) { return waiting.job.embed; });
  const bool others =
      !order_.empty() ||
      std::any_of(waiting_.begin(), waiting_.end(), [](const Sequence& w) { return !w.job.embed; });
  if (next == waiting_.end() || (embedded_last_ && others)) {
    embedded_last_ = false;
    return false;
  }
  embedding_ = std::move(*next);
  waiting_.erase(next);
  batch_.embed = embedding_->tokens;
  embedded_last_ = true;
  return true;
}

// Every sequence that runs, the oldest first. False if one had to leave: then nobody is let in.
bool Scheduler::plan_running() {
  const auto decoding = std::count_if(order_.begin(), order_.end(),
                                      [&](int slot) { return sequence_at(slot).decodes(); });
  room_ = limits_.batch_tokens - static_cast<int>(decoding);
  bool all = true;
  for (std::size_t i = 0; i < order_.size(); ++i) {  // make_room shortens order_ behind i, or at it
    const int slot = order_[i];
    const Sequence& sequence = sequence_at(slot);
    const bool decodes = sequence.decodes();
    const int count = decodes ? 1 : next_part(sequence);
    const std::size_t before = order_.size();
    if (count == 0) {
      continue;
    }
    const bool stays = make_room(slot, sequence.evaluated + count);
    all = all && order_.size() == before;
    if (!stays) {
      break;
    }
    if (decodes) {
      batch_.entries.push_back({slot, sequence.tokens.back(), sequence.evaluated, true});
    } else {
      add_part(slot, count);
    }
  }
  return all;
}

// In their order: a job that finds no place keeps those behind it waiting, or a long one might wait
// for ever.
void Scheduler::admit_waiting() {
  auto next = waiting_.begin();
  while (room_ >= limits_.least_part && free_slots() > 0) {
    next = std::find_if(next, waiting_.end(), [](const Sequence& w) { return !w.job.embed; });
    if (next == waiting_.end()) {
      return;
    }
    const std::optional<Place> place = memory_->admit(next->tokens, next->job.partition, room_);
    if (!place) {
      return;
    }
    Sequence sequence = std::move(*next);
    next = waiting_.erase(next);
    start(std::move(sequence), *place);
  }
}

void Scheduler::start(Sequence sequence, const Place& place) {
  sequence.evaluated = place.reused;
  if (!std::exchange(sequence.admitted, true)) {
    counters_.prefix_queries += static_cast<std::uint64_t>(sequence.prompt);
    counters_.prefix_hits += static_cast<std::uint64_t>(place.reused);
    sequence.reached = place.reused;
    sequence.job.listener->on_admitted(place.reused);
  }
  const auto reused = sequence.tokens.begin() + place.reused;
  batch_.starts.push_back({.slot = place.slot,
                           .sampling = sequence.job.sampling,
                           .reused = std::vector<Token>(sequence.tokens.begin(), reused),
                           .source = place.source});
  at(place.slot).emplace(std::move(sequence));
  order_.push_back(place.slot);
  if (const int count = next_part(sequence_at(place.slot)); count > 0) {
    add_part(place.slot, count);
  }
}

// How much of a prompt (or of what is evaluated again) fits into this step, leaving no rest that
// would be too short for a step of its own.
int Scheduler::next_part(const Sequence& sequence) const {
  const int rest = sequence.rest();
  if (rest <= room_) {
    return rest;
  }
  const int part = std::min(room_, rest - limits_.least_part);
  return part >= limits_.least_part ? part : 0;
}

void Scheduler::add_part(int slot, int count) {
  const Sequence& sequence = sequence_at(slot);
  const int end = sequence.evaluated + count;
  const int length = static_cast<int>(sequence.tokens.size());
  for (int position = sequence.evaluated; position < end; ++position) {
    const Token token = sequence.tokens[static_cast<std::size_t>(position)];
    parts_.push_back({slot, token, position, position + 1 == length});
    recomputed_ += position < sequence.reached ? 1 : 0;
    fresh_prompt_ += position >= sequence.reached && position < sequence.prompt ? 1 : 0;
  }
  room_ -= count;
}

// Room for the sequence's next tokens, at the cost of those that were admitted after it, and of
// itself if there are none. False if it had to leave.
bool Scheduler::make_room(int slot, int tokens) {
  while (!memory_->grow(slot, tokens)) {
    const int last = order_.back();
    preempt(last);
    if (last == slot) {
      return false;
    }
  }
  return true;
}

void Scheduler::preempt(int slot) {
  Sequence sequence = std::move(sequence_at(slot));
  leave(slot);
  sequence.evaluated = 0;
  ++counters_.preempted;
  waiting_.push_front(std::move(sequence));
}

}  // namespace tdn::engine
