// The shards of one edge: on each a gateway that serves the shared address, over that shard's
// books.
//
// Belongs to the main thread; its loop hears what the shards report.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "books/books_service.h"
#include "gateway/gateway.h"
#include "http/server.h"
#include "io/shards.h"

namespace tdn::app {

class EdgeShards {
 public:
  // All borrowed. The writer must not run yet: books of the shards are added.
  EdgeShards(int count, io::BlockingPool& pool, io::Loop& main, books::BooksService& books);
  // Drained.
  ~EdgeShards();
  EdgeShards(const EdgeShards&) = delete;
  EdgeShards& operator=(const EdgeShards&) = delete;

  // Builds the gateways and listens; the address with its port. The writer runs. Blocks.
  [[nodiscard]] Result<io::Address> start(
      io::Address address, const std::shared_ptr<const gateway::Catalogue>& catalogue);
  void publish(const std::shared_ptr<const gateway::Catalogue>& catalogue);
  [[nodiscard]] io::Task<std::vector<Sample>> samples();
  // Nothing new; what is open gets `grace`, then is interrupted and settled.
  [[nodiscard]] io::Task<> drain(Duration grace);
  // After `drain` and the writer's end: takes the gateways down and ends the threads. Blocks.
  void stop();

 private:
  struct Part;
  Result<void> build(io::Shard& shard, io::Address address,
                     const std::shared_ptr<const gateway::Catalogue>& catalogue);
  // Runs the function on each shard and returns when all have.
  [[nodiscard]] io::Task<> ask_each(std::function<void(Part&)> function);

  io::Loop& main_;
  books::BooksService& books_;
  http::BodyBudget budget_;
  const http::ServerLimits limits_;
  io::Shards shards_;
  std::vector<std::unique_ptr<Part>> parts_;  // by shard; each touched on its thread alone
  bool stopped_ = false;
};

}  // namespace tdn::app
