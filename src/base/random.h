// Randomness through one interface: the system's for secrets and identifiers, a seeded one for the
// simulator and for tests. Jitter and sampling take it too, so that one seed replays everything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tdn {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::byte> bytes) = 0;
  [[nodiscard]] std::uint64_t next();
  // Uniform in [0, bound), bound ≥ 1 (Lemire 2019, "Fast random integer generation in an
  // interval").
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
};

// getrandom(2); thread-safe; ends the process if the kernel has no randomness, for nothing safe can
// be done without.
[[nodiscard]] Random& system_random();

// xoshiro256** (Blackman and Vigna 2018) seeded by SplitMix64. Deterministic, not for secrets, not
// thread-safe.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed);
  void fill(std::span<std::byte> bytes) override;

 private:
  std::uint64_t step();
  std::uint64_t state_[4];
};

}  // namespace tdn
