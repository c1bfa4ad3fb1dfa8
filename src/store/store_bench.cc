// Records per second into SQLite, synced, by batch: what control's uploads cost below its own
// logic.
#include <benchmark/benchmark.h>

#include <filesystem>

#include "store/sqlite_store.h"

namespace tdn::store {
namespace {

void append_records(benchmark::State& state) {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "tdn-store-bench";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  auto opened = SqliteStore::open((folder / "control.db").string(), io::system_disk());
  if (!opened) {
    state.SkipWithError(opened.error().detail().c_str());
    return;
  }
  SqliteStore& store = **opened;
  Uid edge;
  edge.bytes[15] = 1;
  const auto batch = static_cast<std::uint64_t>(state.range(0));
  const std::vector<std::uint8_t> record(340, 7);
  meter::UsageCell cell{.tenant = edge, .currency = {{'U', 'S', 'D'}}};
  LogRow log{.edge = edge, .epoch = 1};
  bool good = store.begin() && store.put_edge({.edge = edge, .site = "bench"}) &&
              store.put_log(log) && store.commit();
  for (auto _ : state) {
    good = good && store.begin();
    for (std::uint64_t i = 0; i < batch; ++i) {
      good = good && store.append_record(edge, 1, {.seq = ++log.acked, .record = record});
    }
    good =
        good && store.add_usage(cell, {.requests = batch}) && store.put_log(log) && store.commit();
  }
  if (!good) {
    state.SkipWithError("the store failed");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(log.acked));
  opened->reset();
  std::filesystem::remove_all(folder);
}
BENCHMARK(append_records)->Arg(1)->Arg(16)->Arg(128)->Arg(512)->UseRealTime();

}  // namespace
}  // namespace tdn::store
