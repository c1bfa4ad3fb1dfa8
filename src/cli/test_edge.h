// An edge's state folder on the real disk with a few requests in it. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/random.h"
#include "base/time.h"
#include "books/books_service.h"
#include "io/disk.h"
#include "io/loop.h"
#include "meter/price.h"
#include "meter/usage_record.h"

namespace tdn::cli {

class TestFolder {
 public:
  TestFolder() : path_(testing::TempDir() + "tdn-cli-" + std::to_string(system_random().next())) {
    std::filesystem::create_directory(path_);
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline Uid test_uid(std::uint8_t number) {
  Uid uid;
  uid.bytes[15] = number;
  return uid;
}

// Books of an edge that runs: what it writes is on disk after each `request`.
class TestEdge {
 public:
  explicit TestEdge(const std::string& state_dir)
      : loop_(clock_, poller_), random_(std::hash<std::string>()(state_dir)) {
    auto service = books::BooksService::open({.state_dir = state_dir, .segment_bytes = 65'536},
                                             io::system_disk(), clock_, random_);
    EXPECT_TRUE(service) << to_string(service.error());
    service_ = std::move(*service);
    books_ = &service_->add_shard(loop_.mailbox());
  }

  void request(std::uint8_t model, std::uint64_t input, std::uint64_t cached,
               std::uint64_t output) {
    const meter::ListPrice price{.currency = {{'U', 'S', 'D'}},
                                 .input = {20'000},
                                 .cached_input = {5'000},
                                 .output = {40'000}};
    meter::UsageRecord record;
    record.request = {test_uid(++requests_)};
    record.owners = {{meter::OwnerKind::kTenant, test_uid(100)}};
    record.serving = {test_uid(101), 1, test_uid(102), {}};
    record.served = {test_uid(model), 1, {}};
    record.admitted = clock_.wall();
    auto admission = books_->admit(record, price, {}, nullptr);
    ASSERT_TRUE(admission);
    record.reported.set(meter::TokenClass::kInputTextFresh, input);
    record.reported.set(meter::TokenClass::kInputTextCacheRead, cached);
    record.reported.set(meter::TokenClass::kOutputText, output);
    record.charged = {price.currency, price.charge(record.reported.totals())};
    books_->settle(*admission, record, {}, nullptr);
    books_->flush();
    ASSERT_TRUE(*service_->writer().write());
    ASSERT_TRUE(service_->writer().sync());
    service_->writer().release();
    loop_.mailbox().drain();
  }
  // Control has taken the records up to `seq`.
  void acknowledge(std::uint64_t seq) {
    ASSERT_TRUE(service_->outbox().acknowledge(1, seq, seq + 1));
    ASSERT_TRUE(service_->writer().write());
  }
  void stop() { ASSERT_TRUE(service_->writer().close()); }

 private:
  struct QuietPoller final : io::Poller {
    void poll(Instant) override {}
    void interrupt() override {}
  };

  ManualClock clock_;
  QuietPoller poller_;
  std::unique_ptr<books::BooksService> service_;  // outlives the loop, which may hold its mail
  io::Loop loop_;
  SeededRandom random_;
  books::ShardBooks* books_ = nullptr;
  std::uint8_t requests_ = 0;
};

}  // namespace tdn::cli
