// A control that should not be there any more: it answers watches with a snapshot that was in force
// once, properly signed, gives its sections, and takes no syncs. An edge that finds it must keep
// what it has.
//
// Belongs to its loop's thread.
#pragma once

#include <memory>
#include <string>

#include "control/publisher.h"
#include "io/network.h"
#include "io/task_group.h"

namespace tdn::sim {

class OldControl {
 public:
  // Both borrowed.
  OldControl(io::Loop& loop, io::Network& network, const io::Address& at);

  void start() { tasks_.spawn(accept_loop()); }
  void stop();
  void remember(control::Snapshot snapshot) { snapshot_ = std::move(snapshot); }
  [[nodiscard]] bool knows_any() const { return snapshot_ != nullptr; }
  // Whoever watches it has to look again, elsewhere.
  void hang_up();

 private:
  io::Task<> accept_loop();
  io::Task<> serve(std::unique_ptr<io::Stream> stream);
  [[nodiscard]] std::string answer_to(std::string_view path) const;

  std::unique_ptr<io::Listener> listener_;
  control::Snapshot snapshot_;
  io::TaskGroup tasks_;
  io::TaskGroup connections_;
};

}  // namespace tdn::sim
