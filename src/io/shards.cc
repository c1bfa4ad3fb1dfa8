#include "io/shards.h"

#include <pthread.h>

#include <latch>
#include <string>
#include <thread>

#include "io/epoll.h"
#include "io/tcp.h"

namespace tdn::io {

struct Shards::Thread {
  Shard* shard = nullptr;  // lives on the thread's stack
  std::thread thread;
};

Shards::Shards(int count, BlockingPool& pool) {
  std::latch started(count);
  for (int index = 0; index < count; ++index) {
    threads_.push_back(std::make_unique<Thread>());
    Thread& self = *threads_.back();
    self.thread = std::thread([&self, &pool, &started, index] {
      pthread_setname_np(pthread_self(), ("shard-" + std::to_string(index)).c_str());
      EpollPoller poller(system_clock());
      Loop loop(system_clock(), poller);
      TcpNetwork network(loop, poller, pool);
      Shard shard{index, loop, network};
      self.shard = &shard;
      started.count_down();
      loop.run();
    });
  }
  started.wait();
}

Shards::~Shards() { stop(); }

Loop& Shards::loop(int index) { return threads_[static_cast<std::size_t>(index)]->shard->loop; }

void Shards::on_each(const std::function<void(Shard&)>& function) {
  std::latch done(count());
  for (int index = 0; index < count(); ++index) {
    post(index, [&](Shard& shard) {
      function(shard);
      done.count_down();
    });
  }
  done.wait();
}

void Shards::post(int index, std::function<void(Shard&)> function) {
  Shard& shard = *threads_[static_cast<std::size_t>(index)]->shard;
  shard.loop.mailbox().post([&shard, function = std::move(function)] { function(shard); });
}

void Shards::stop() {
  for (const std::unique_ptr<Thread>& thread : threads_) {
    if (thread->thread.joinable()) {
      thread->shard->loop.stop();
      thread->thread.join();
    }
  }
}

}  // namespace tdn::io
