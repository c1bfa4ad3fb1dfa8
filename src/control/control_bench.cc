// What control costs: records per second taken into SQLite, synced, by size of the upload; and one
// change of a catalogue of 1,000 endpoints and 100,000 keys, compiled, signed and committed.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <filesystem>

#include "control/core.h"
#include "control/service.h"
#include "control/test_edge.h"
#include "store/sqlite_store.h"

namespace tdn::control {
namespace {

class BenchFolder {
 public:
  BenchFolder() : path_(std::filesystem::temp_directory_path() / "tdn-control-bench") {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~BenchFolder() { std::filesystem::remove_all(path_); }
  BenchFolder(const BenchFolder&) = delete;
  BenchFolder& operator=(const BenchFolder&) = delete;
  [[nodiscard]] std::string store() const { return (path_ / "control.db").string(); }

 private:
  std::filesystem::path path_;
};

CoreOptions options() {
  return {.clock = &system_clock(),
          .random = &system_random(),
          .signing_key = codec::Ed25519Key(codec::Ed25519Key::Seed{1}),
          .network_secrets = rotated({}, system_random()),
          .user_secret = {},
          .remembered = std::nullopt};
}

// Parsing the message is part of it, as it is of every sync.
void ingest(benchmark::State& state) {
  const BenchFolder folder;
  auto opened = store::SqliteStore::open(folder.store(), io::system_disk());
  if (!opened) {
    state.SkipWithError(opened.error().detail().c_str());
    return;
  }
  store::SqliteStore& store = **opened;
  auto core = open_core(store, options());
  const auto batch = static_cast<std::uint64_t>(state.range(0));
  TestEdge edge("bench", 1);
  std::uint64_t taken = 0;
  bool good = core.has_value();
  for (auto _ : state) {
    state.PauseTiming();
    for (std::uint64_t i = 0; i < batch; ++i) {
      edge.settle(i);
    }
    const std::string message = protocol::to_json(edge.upload(taken + 1, taken + batch));
    state.ResumeTiming();
    const auto request = protocol::parse_sync_request(message);
    good = good && request && store.begin() && store.savepoint() &&
           (*core)->sync(store, "bench", *request) && store.release() && store.commit();
    taken += batch;
  }
  if (!good) {
    state.SkipWithError("an upload was not taken");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(taken));
}
BENCHMARK(ingest)->Arg(1)->Arg(64)->Arg(512)->Arg(4096)->UseRealTime();

std::vector<domain::Source> large_catalogue() {
  std::vector<domain::Source> sources;
  std::string first =
      "apiVersion: tdn/v1\nkind: Model\nmetadata: {name: m}\n---\n"
      "apiVersion: tdn/v1\nkind: Tenant\nmetadata: {name: t}\n---\n"
      "apiVersion: tdn/v1\nkind: Project\nmetadata: {name: t/p}\n";
  for (int i = 0; i < 100; ++i) {
    first += fmt::format(
        "---\napiVersion: tdn/v1\nkind: Site\nmetadata: {{name: s{}}}\nspec: {{location: "
        "{{country: "
        "DE, latitude: 50, longitude: 8}}}}\n",
        i);
  }
  for (int i = 0; i < 1'000; ++i) {
    first += fmt::format(
        "---\napiVersion: tdn/v1\nkind: Endpoint\nmetadata: {{name: e{}}}\nspec: {{site: s{}, "
        "kind: "
        "tdn, url: \"http://10.0.0.1:{}\", models: [{{model: m}}]}}\n",
        i, i % 100, 1000 + i);
  }
  sources.push_back({"catalogue.yaml", std::move(first)});
  for (int file = 0; file < 100; ++file) {
    std::string keys;
    for (int i = 0; i < 1'000; ++i) {
      const int number = file * 1'000 + i;
      keys += fmt::format(
          "{}apiVersion: tdn/v1\nkind: Key\nmetadata: {{name: t/p/k{}}}\nspec: {{secrets: [{{id: "
          "\"{:010}\", sha256: {:064x}}}]}}\n",
          i == 0 ? "" : "---\n", number, number, number);
    }
    sources.push_back({fmt::format("keys-{}.yaml", file), std::move(keys)});
  }
  return sources;
}

void change_of_one_key(benchmark::State& state) {
  const BenchFolder folder;
  auto opened = store::SqliteStore::open(folder.store(), io::system_disk());
  if (!opened) {
    state.SkipWithError(opened.error().detail().c_str());
    return;
  }
  store::SqliteStore& store = **opened;
  auto core = open_core(store, options());
  bool good = core.has_value() && store.begin() && store.savepoint() &&
              (*core)->apply(store, large_catalogue(), false) && store.release() && store.commit();
  std::uint64_t number = 0;
  for (auto _ : state) {
    const std::string name = fmt::format("t/p/k{}", number++ % 100'000);
    good = good && store.begin() && store.savepoint() && (*core)->issue(store, name) &&
           store.release() && store.commit();
  }
  if (!good) {
    state.SkipWithError("a change was not taken");
    return;
  }
  state.counters["snapshot_bytes"] = static_cast<double>((*core)->snapshot()->bytes);
}
BENCHMARK(change_of_one_key)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace tdn::control
