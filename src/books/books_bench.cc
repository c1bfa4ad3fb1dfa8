// What the books cost: settled requests per second through the real writer with fdatasync, and CPU
// per request. Run once per kind of disk:
//
//   TDN_BENCH_DIR=/dev/shm  books_bench
//   TDN_BENCH_DIR=/var/tmp  books_bench
//
// A request is an admission, a settlement that somebody waits for, and a `delivered`. The CPU
// counted is the whole process': shard, writer, and the loop that plays the clients.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <latch>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "books/books_service.h"
#include "books/test_records.h"
#include "books/writer_thread.h"
#include "io/shards.h"

namespace tdn::books {
namespace {

std::string fresh_folder() {
  const char* base = std::getenv("TDN_BENCH_DIR");
  const std::string path = std::string(base != nullptr ? base : "/dev/shm") + "/tdn-books-bench-" +
                           std::to_string(system_random().next());
  std::filesystem::create_directories(path);
  return path;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// One of many concurrent requests: settles, waits, begins anew.
class Client final : public meter::DurableWaiter {
 public:
  Client(meter::Books& books, std::uint64_t number, std::uint64_t requests, std::latch& done)
      : books_(books),
        draft_(test_draft(number, {})),
        record_(test_record(number, {}, 20, 12)),
        left_(requests),
        done_(done) {}

  void begin() {
    if (left_-- == 0) {
      done_.count_down();
      return;
    }
    const auto admission = books_.admit(draft_, test_price(), annexes_, nullptr);
    if (!admission) {
      std::abort();
    }
    books_.settle(*admission, record_, annexes_, this);
  }

 private:
  void on_durable(std::uint64_t seq) override {
    books_.delivered(seq);
    begin();
  }

  meter::Books& books_;
  meter::UsageRecord draft_;
  meter::UsageRecord record_;
  meter::Annexes annexes_;
  std::uint64_t left_;
  std::latch& done_;
};

void BM_SettledRequests(benchmark::State& state) {
  const auto clients = static_cast<std::uint64_t>(state.range(0));
  const std::uint64_t requests_per_run = std::min<std::uint64_t>(clients * 2'000, 200'000);
  const std::string folder = fresh_folder();
  double cpu = 0;
  for (auto _ : state) {
    auto service = *BooksService::open({.state_dir = folder}, io::system_disk(), system_clock(),
                                       system_random());
    io::BlockingPool pool(1);
    io::Shards shards(1, pool);
    ShardBooks& books = service->add_shard(shards.loop(0).mailbox());
    WriterThread writer(service->writer(), system_clock(), [](const Error&) { std::abort(); });
    std::latch done(static_cast<std::ptrdiff_t>(clients));
    std::vector<std::unique_ptr<Client>> all;
    for (std::uint64_t i = 0; i < clients; ++i) {
      all.push_back(std::make_unique<Client>(books, i, requests_per_run / clients, done));
    }
    const double cpu_before = cpu_seconds();
    shards.post(0, [&](io::Shard& shard) {
      shard.loop.add_turn_hook(books);
      for (const auto& client : all) {
        client->begin();
      }
    });
    done.wait();
    cpu += cpu_seconds() - cpu_before;
    shards.on_each([&](io::Shard& shard) { shard.loop.remove_turn_hook(books); });
    writer.stop();
    shards.stop();
  }
  std::filesystem::remove_all(folder);
  const double requests =
      static_cast<double>(state.iterations()) * static_cast<double>(requests_per_run);
  state.counters["settles/s"] = benchmark::Counter(requests, benchmark::Counter::kIsRate);
  state.counters["cpu_us/request"] = cpu / requests * 1e6;
}
BENCHMARK(BM_SettledRequests)
    ->Arg(1)
    ->Arg(64)
    ->Arg(256)
    ->Arg(1024)
    ->Arg(4096)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(2);

// The shard's part alone: both encodings, until the handover.
void BM_EncodeRequest(benchmark::State& state) {
  const meter::UsageRecord draft = test_draft(1, {});
  const meter::UsageRecord record = test_record(1, {}, 20, 12);
  ByteBuffer out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(meter::encode_draft(draft, out));
    benchmark::DoNotOptimize(meter::encode_draft(record, out));
  }
}
BENCHMARK(BM_EncodeRequest);

// The writer's part alone, but for the writing: place, hash, frame, replica.
void BM_JournalRequest(benchmark::State& state) {
  const std::string folder = fresh_folder();
  {
    auto journal = *Journal::open({.dir = folder, .edge = test_uid(2)}, io::system_disk(),
                                  system_clock(), system_random());
    ByteBuffer admission;
    ByteBuffer draft;
    meter::encode(test_draft(1, {}), draft);
    encode(
        AdmissionEntry{
            .draft = draft.view(), .tenant_annex = {}, .operator_annex = {}, .price = test_price()},
        admission);
    meter::UsageRecord record = test_record(1, {}, 20, 12);
    record.edge = test_uid(2);
    record.epoch = 1;
    ByteBuffer pieces;
    const meter::EncodedDraft parts = meter::encode_draft(record, pieces);
    std::uint64_t count = 0;
    for (auto _ : state) {
      const std::uint64_t lsn = *journal->admit(admission.view());
      benchmark::DoNotOptimize(journal->settle({.admission_lsn = lsn,
                                                .parts = parts,
                                                .pieces = pieces.view(),
                                                .tenant_annex = {},
                                                .operator_annex = {}}));
      if (++count % 64 == 0 && !journal->write()) {
        std::abort();
      }
    }
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(BM_JournalRequest);

}  // namespace
}  // namespace tdn::books
