// What one answer has consumed so far and how sure that is, whatever the form of the answer. From
// here come progress checkpoints and, at its end, the record's counts and charge.
#pragma once

#include "base/time.h"
#include "meter/price.h"
#include "meter/usage_vector.h"

namespace tdn::gateway {

class UsageMeter {
 public:
  // `input_characters`: of the request's body, told where the engine counts nothing.
  explicit UsageMeter(std::uint64_t input_characters) : input_characters_(input_characters) {}

  // The engine's counts so far, in place of those before.
  void report(const meter::UsageVector& usage) {
    usage_ = usage;
    reported_ = true;
  }
  // Without counts by the engine: its output as far as it can be guessed, an event with content a
  // token, or four bytes of a whole answer one.
  void estimate_output(std::uint64_t tokens) { estimated_output_ = tokens; }

  [[nodiscard]] std::uint64_t input_characters() const { return input_characters_; }
  // The engine's counts, or the estimate in their place.
  [[nodiscard]] meter::UsageVector consumed() const;
  [[nodiscard]] bool estimated() const { return !reported_; }
  // What we counted ourselves for an estimate; empty otherwise.
  [[nodiscard]] meter::UsageVector verified() const;

  // Whether a checkpoint is due: a second or 256 tokens after the last one. Then it counts as made.
  [[nodiscard]] bool take_checkpoint(Instant now);

 private:
  meter::UsageVector usage_;
  std::uint64_t input_characters_;
  std::uint64_t estimated_output_ = 0;
  std::uint64_t tokens_at_checkpoint_ = 0;
  Instant checkpoint_at_{};
  bool reported_ = false;
};

}  // namespace tdn::gateway
