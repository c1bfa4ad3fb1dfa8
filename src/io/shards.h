// One thread per core, each with its own loop, poller and network, sharing nothing. What they must
// share (limits, endpoint health) is atomics in objects that outlive them; everything else goes by
// message.
//
//   Shards shards(4, pool);                      // threads run, loops idle
//   shards.on_each([](Shard& shard) { … });      // builds that shard's part, on its thread
//   …
//   shards.on_each([](Shard& shard) { … });      // takes it down
//   shards.stop();
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "io/blocking_pool.h"
#include "io/loop.h"
#include "io/network.h"

namespace tdn::io {

// What code on one shard may use.
struct Shard {
  int index;
  Loop& loop;
  Network& network;
};

class Shards {
 public:
  Shards(int count, BlockingPool& pool);
  // Stops.
  ~Shards();
  Shards(const Shards&) = delete;
  Shards& operator=(const Shards&) = delete;

  [[nodiscard]] int count() const { return static_cast<int>(threads_.size()); }
  [[nodiscard]] Loop& loop(int index);

  // Runs `function` on every shard's thread and returns when all have (from outside the shards
  // only).
  void on_each(const std::function<void(Shard&)>& function);
  // Runs it on one shard's thread, without waiting.
  void post(int index, std::function<void(Shard&)> function);
  // Ends the loops and joins the threads; everything on them must have been taken down.
  void stop();

 private:
  struct Thread;
  std::vector<std::unique_ptr<Thread>> threads_;
};

}  // namespace tdn::io
