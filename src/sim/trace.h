// What happened in a simulation, as one hash: every event with its moment and its bytes. Equal
// hashes mean that two runs did the same; a seed that does not repeat its hash has found something
// in our code that is not decided by the seed (an address, a thread, a clock of the machine).
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/time.h"
#include "codec/sha256.h"

namespace tdn::sim {

class Trace {
 public:
  // With `print`, each event is a line there, to read one seed's story by.
  explicit Trace(const Clock& clock, std::FILE* print = nullptr) : clock_(clock), print_(print) {}

  // `what` names the kind of event, the numbers say which, `bytes` what was moved.
  void note(std::string_view what, std::uint64_t first, std::uint64_t second = 0,
            std::string_view bytes = {});

  // Over everything noted so far; the trace ends with it.
  [[nodiscard]] codec::Digest finish();
  [[nodiscard]] std::uint64_t notes() const { return notes_; }

 private:
  void put(std::uint64_t number);

  const Clock& clock_;
  std::FILE* print_;
  std::string pending_;
  codec::Sha256 hash_;
  std::uint64_t notes_ = 0;
};

}  // namespace tdn::sim
