// The operator of a simulated network: applies manifests through control's API, one change after
// the other, and tries again when it was not answered.
//
// Belongs to its loop's thread.
#pragma once

#include <cstdint>
#include <string>

#include "io/network.h"
#include "io/task_group.h"
#include "sim/trace.h"

namespace tdn::sim {

class NetworkOperator {
 public:
  // All but address and token are borrowed.
  NetworkOperator(io::Loop& loop, io::Network& network, Trace& trace, const io::Address& control,
                  std::string token)
      : network_(network),
        trace_(trace),
        control_(control),
        token_(std::move(token)),
        tasks_(loop) {}

  // Idle.
  void apply(std::string manifests) { tasks_.spawn(run(std::move(manifests))); }
  [[nodiscard]] bool idle() const { return tasks_.size() == 0; }
  void stop() { tasks_.cancel(); }

  [[nodiscard]] std::uint64_t applied() const { return applied_; }
  // Why a change was refused, if one was.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }

 private:
  struct Reply {
    int status = 0;
    std::string body;
  };
  io::Task<> run(std::string manifests);
  io::Task<Result<Reply>> ask(std::string body);

  io::Network& network_;
  Trace& trace_;
  io::Address control_;
  std::string token_;
  std::uint64_t applied_ = 0;
  std::string refusal_;
  io::TaskGroup tasks_;
};

}  // namespace tdn::sim
