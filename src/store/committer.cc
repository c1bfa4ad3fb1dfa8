#include "store/committer.h"

namespace tdn::store {

Committer::Committer(io::Loop& loop, io::BlockingPool& pool, Store& store,
                     std::function<void(const Error&)> on_failure, PlantedBug bug)
    : loop_(loop),
      pool_(pool),
      store_(store),
      on_failure_(std::move(on_failure)),
      tasks_(loop),
      bug_(bug) {}

void Committer::start() { tasks_.spawn(commit_loop()); }

io::Task<> Committer::stop() {
  stopped_ = true;
  arrived_.set();
  [[maybe_unused]] const io::Wake joined = co_await tasks_.join();
}

void Committer::destroy_all() { tasks_.destroy_all(); }

Result<void> Committer::enqueue(std::shared_ptr<Pending> pending) {
  if (stopped_) {
    return fail(Code::kCancelled, "the store is closing");
  }
  if (waiting_.size() >= kMostWaiting) {
    metrics_.refused.add();
    return fail(Code::kOverloaded, "too much waits for the store; try again in a moment");
  }
  waiting_.push_back(std::move(pending));
  arrived_.set();
  return {};
}

// Number of operations that were kept.
Result<int> Committer::run_batch(const Batch& batch) {
  Store& store = store_;
  TDN_TRY_VOID(store.begin());
  int kept = 0;
  for (const std::shared_ptr<Pending>& pending : batch) {
    TDN_TRY_VOID(store.savepoint());
    const bool good = pending->work(store);
    if (store.failure() != nullptr) {
      return fail(*store.failure());
    }
    TDN_TRY_VOID(good ? store.release() : store.undo());
    kept += good ? 1 : 0;
  }
  if (bug_ != PlantedBug::kAckBeforeCommit) {
    TDN_TRY_VOID(store.commit());
  }
  return kept;
}

io::Task<> Committer::commit_loop() {
  while (!stopped_ || !waiting_.empty()) {
    if (waiting_.empty()) {
      if (co_await arrived_.wait() != io::Wake::kReady) {
        co_return;
      }
      continue;
    }
    Batch batch;
    while (!waiting_.empty() && batch.size() < kMostTogether) {
      if (waiting_.front()->done != nullptr) {  // or its caller left before it began
        batch.push_back(std::move(waiting_.front()));
      }
      waiting_.pop_front();
    }
    const Instant begin = loop_.clock().now();
    std::function<Result<int>()> job = [this, batch]() -> Result<int> {
      Result<int> kept = run_batch(batch);
      if (!kept) {
        on_failure_(kept.error());
      }
      return kept;
    };
    const Result<int> kept = co_await pool_.run(std::move(job), loop_);
    metrics_.seconds.observe(loop_.clock().now() - begin);
    metrics_.commits.add();
    metrics_.operations.add(batch.size());
    for (const std::shared_ptr<Pending>& pending : batch) {
      pending->committed = kept.has_value();
      if (pending->done != nullptr) {
        pending->done->set();
      }
    }
    if (bug_ == PlantedBug::kAckBeforeCommit) {
      std::function<Result<int>()> late = [this] { return store_.commit().map([] { return 0; }); };
      [[maybe_unused]] const Result<int> done = co_await pool_.run(std::move(late), loop_);
    }
  }
}

}  // namespace tdn::store
