#include "app/main_loop.h"

#include <optional>
#include <utility>

namespace tdn::app {
namespace {

io::Task<> keep(io::Task<Result<void>> task, std::optional<Result<void>>& result) {
  result.emplace(co_await task);
}

io::Task<Result<void>> keep_status(io::Task<int> task, int& status) {
  status = co_await task;
  co_return Result<void>();
}

}  // namespace

Result<void> MainLoop::run(io::Task<Result<void>> task, std::initializer_list<int> signals,
                           std::function<void(int)> on_signal) {
  const io::SignalWatcher watcher(poller, signals, std::move(on_signal));
  std::optional<Result<void>> result;
  io::TaskGroup group(loop);
  group.spawn(keep(std::move(task), result));
  while (group.size() > 0) {
    loop.run_once(kNever);
  }
  return *std::move(result);
}

int MainLoop::run_command(io::Task<int> task, std::initializer_list<int> signals,
                          std::function<void(int)> on_signal) {
  int status = 1;
  const Result<void> done =
      run(keep_status(std::move(task), status), signals, std::move(on_signal));
  return done ? status : 1;
}

}  // namespace tdn::app
