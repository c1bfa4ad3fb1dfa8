#include "sim/machines.h"

#include <algorithm>
#include <utility>

namespace tdn::sim {

Machine& Machines::add(std::string name, const WrongBy& wrong) {
  SimHost& host = network_.add_host(std::move(name));
  machines_.push_back(std::make_unique<Machine>(truth_, host, wrong));
  return *machines_.back();
}

bool Machines::step() {
  settle();
  Instant next = kNever;
  for (const auto& machine : machines_) {
    next = std::min(next, machine->clock().in_truth(machine->loop().timers().next()));
  }
  poller_.poll(next);
  if (poller_.exhausted()) {
    return false;
  }
  settle();
  return true;
}

void Machines::settle() {
  bool again = true;
  while (again) {
    again = false;
    for (const auto& machine : machines_) {
      again |= machine->loop().run_once(machine->loop().now());
    }
  }
}

void Machines::pass(Duration duration) {
  bool over = false;
  poller_.after(duration, [&over] { over = true; });
  while (!over) {
    step();
  }
}

}  // namespace tdn::sim
