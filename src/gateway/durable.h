// Waiting for the books in a coroutine.
#pragma once

#include <cstdint>

#include "io/event.h"
#include "meter/books.h"

namespace tdn::gateway {

// Given to Books::admit or Books::settle, then awaited. Dropping it while it waits is safe.
class Durable final : public meter::DurableWaiter {
 public:
  // `if (co_await durable.wait() == io::Wake::kReady) …`; at once if it is durable already.
  [[nodiscard]] io::Event::Wait wait() { return event_.wait(); }
  [[nodiscard]] bool done() const { return done_; }
  // Of the record; 0 for an admission.
  [[nodiscard]] std::uint64_t seq() const { return seq_; }

 private:
  void on_durable(std::uint64_t seq) override {
    seq_ = seq;
    done_ = true;
    event_.set();
  }
  io::Event event_;
  std::uint64_t seq_ = 0;
  bool done_ = false;
};

}  // namespace tdn::gateway
