// Group commit: operations that wait are run one after the other in one transaction and made
// durable by one sync. Each stands in a savepoint of its own, so one that is refused undoes nothing
// of its neighbours. No timer: what arrives while a commit is under way is the next one.
//
//   TDN_CO_TRY(Applied applied, co_await committer.run<Applied>(std::move(operation)));
//
// Operations run on the pool's thread (in place, if it has none: the simulator), always one at a
// time, so what only they touch needs no lock. A result is given once its transaction is durable.
// A failure of the store is told to `on_failure`, on that thread, before anything is answered: a
// real process ends there, for nothing that was not read anew can be trusted.
//
// Bounds: kMostTogether operations to a commit, kMostWaiting wait; beyond that `overloaded`.
// Belongs to its loop's thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/metrics.h"
#include "io/blocking_pool.h"
#include "io/task_group.h"
#include "store/store.h"

namespace tdn::store {

inline constexpr std::array<double, 8> kCommitBounds{0.0005, 0.001, 0.0025, 0.005,
                                                     0.01,   0.05,  0.25,   1};

// Faults that the simulator must notice; never set otherwise.
enum class PlantedBug : std::uint8_t {
  kNone,
  kAckBeforeCommit,  // results are given before their transaction is durable
};

class Committer {
 public:
  static constexpr std::size_t kMostTogether = 512;
  static constexpr std::size_t kMostWaiting = 4096;

  // `pool` must have one thread, or none; it and `store` are borrowed and outlive the operations.
  Committer(io::Loop& loop, io::BlockingPool& pool, Store& store,
            std::function<void(const Error&)> on_failure, PlantedBug bug = PlantedBug::kNone);
  // Joined.
  ~Committer() = default;
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  void start();
  // What is under way ends; what waits is answered kCancelled.
  [[nodiscard]] io::Task<> stop();
  // Simulated crash, after Loop::forget_ready.
  void destroy_all();

  // `operation` must own what it uses, as it runs to its end even if the caller is cancelled. An
  // error of its own undoes what it wrote.
  template <class T>
  [[nodiscard]] io::Task<Result<T>> run(std::function<Result<T>(Transaction&)> operation) {
    struct Kept {
      std::optional<Result<T>> result;
    };
    auto kept = std::make_shared<Kept>();
    auto pending = std::make_shared<Pending>();
    pending->work = [kept, operation = std::move(operation)](Transaction& transaction) {
      kept->result.emplace(operation(transaction));
      return kept->result->has_value();
    };
    io::Event done;
    pending->done = &done;
    TDN_CO_TRY_VOID(enqueue(pending));
    const io::Wake wake = co_await done.wait();
    pending->done = nullptr;
    TDN_CO_TRY_VOID(io::to_result(wake, "waiting for the store"));
    if (!pending->committed) {
      co_return fail(Code::kStorageUnavailable, "the store stopped before this was durable");
    }
    co_return std::move(*kept->result);
  }

  struct Metrics {
    Counter commits, operations, refused;
    Histogram<kCommitBounds.size()> seconds{kCommitBounds};
  };
  [[nodiscard]] const Metrics& metrics() const { return metrics_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Pending {
    std::function<bool(Transaction&)> work;  // false: undo it
    io::Event* done = nullptr;               // null once nobody waits
    bool committed = false;
  };
  using Batch = std::vector<std::shared_ptr<Pending>>;

  [[nodiscard]] Result<void> enqueue(std::shared_ptr<Pending> pending);
  io::Task<> commit_loop();
  [[nodiscard]] Result<int> run_batch(const Batch& batch);

  io::Loop& loop_;
  io::BlockingPool& pool_;
  Store& store_;
  std::function<void(const Error&)> on_failure_;
  std::deque<std::shared_ptr<Pending>> waiting_;
  io::Event arrived_;
  io::TaskGroup tasks_;
  Metrics metrics_;
  const PlantedBug bug_;
  bool stopped_ = false;
};

}  // namespace tdn::store
