#include "agent/uploader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "base/fail_point.h"

namespace tdn::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kFirstBytes = std::size_t{256} << 10U;
constexpr std::size_t kLeastBytes = std::size_t{16} << 10U;
// A sync must not keep the next one, and with it leases and health, waiting.
constexpr Duration kQuick = 250ms;
constexpr Duration kSlow = 500ms;
constexpr Duration kPatience = 1s;  // for the writer

}  // namespace

Uploader::Uploader(io::Loop& loop, io::BlockingPool& pool, meter::Outbox& outbox)
    : loop_(loop), pool_(pool), outbox_(outbox), most_bytes_(kFirstBytes) {}

std::uint64_t Uploader::acked(std::uint32_t epoch) const {
  const auto found = epochs_.find(epoch);
  return found == epochs_.end() ? 0 : found->second.acked;
}

std::uint64_t Uploader::unacknowledged() const {
  const meter::OutboxPosition now = outbox_.position();
  const auto waiting = [&](std::uint32_t epoch, std::uint64_t last, std::uint64_t noted) {
    const std::uint64_t done = epochs_.contains(epoch) ? acked(epoch) : noted;
    return last > done ? last - done : 0;
  };
  std::uint64_t count = waiting(now.epoch, now.last_seq, now.acked);
  for (const meter::FormerEpoch& former : outbox_.former()) {
    count += waiting(former.epoch, former.last_seq, 0);
  }
  return count;
}

// What was settled until now is on disk when it returns, or a moment has passed.
io::Task<> Uploader::refresh() {
  struct Shared {
    io::Event* done = nullptr;  // null once nobody waits
  };
  io::Event done;
  const auto shared = std::make_shared<Shared>(Shared{&done});
  std::function<void()> tell = [shared] {
    if (shared->done != nullptr) {
      shared->done->set();
    }
  };
  io::Mailbox& mailbox = loop_.mailbox();
  outbox_.refresh([&mailbox, tell = std::move(tell)] { mailbox.post(tell); });
  io::Context& context = co_await io::this_context();
  const io::DeadlineScope deadline(context, loop_.now() + kPatience);
  static_cast<void>(co_await done.wait());
  shared->done = nullptr;
}

// The epoch that the next sync is about: the first earlier one that is not done with, else the one
// that is being written.
Uploader::Source Uploader::source(const meter::OutboxPosition& now) const {
  for (const meter::FormerEpoch& former : outbox_.former()) {
    const auto found = epochs_.find(former.epoch);
    if (found == epochs_.end() || !found->second.asked || found->second.acked < former.last_seq) {
      return {former.epoch, former.last_seq};
    }
  }
  return {now.epoch, now.last_seq};
}

io::Task<Result<void>> Uploader::fill(protocol::SyncRequest& request) {
  co_await refresh();
  const meter::OutboxPosition now = outbox_.position();
  request.journal = {now.epoch, now.log, now.last_seq};
  epochs_.try_emplace(now.epoch, Epoch{.asked = false, .acked = now.acked});
  backlog_ = false;
  if (stopped_) {
    co_return Result<void>();
  }
  const Source from = source(now);
  const bool current = from.epoch == now.epoch;
  const std::uint64_t first = acked(from.epoch) + 1;
  std::uint64_t reached = first - 1;
  if (!current || from.last_seq >= first) {
    request.upload = protocol::Upload{from.epoch, first, {}};
  }
  const bool asked = current || epochs_[from.epoch].asked;
  if (from.last_seq >= first && asked) {
    meter::Outbox& outbox = outbox_;
    const std::size_t most = most_bytes_;
    const std::uint32_t epoch = from.epoch;
    std::function<Result<meter::OutboxRecords>()> job = [&outbox, epoch, first, most] {
      return outbox.read(epoch, first, most);
    };
    Result<meter::OutboxRecords> records = co_await pool_.run(std::move(job), loop_);
    if (!records && records.error().code() == Code::kMissing && !epochs_[epoch].asked) {
      co_return Result<void>();  // control may have it: an upload without records asks
    }
    TDN_CO_TRY_VOID(records);
    request.upload->records = std::move(records->packed);
    reached += records->count;
    if (current) {  // more may have come to disk before they were read
      request.journal.last_seq = std::max(now.last_seq, reached);
    }
    backlog_ = reached < from.last_seq;
  }
  // Earlier epochs hold nothing more if the current one is the source.
  if (current && now.complete_through.us > 0 && reached >= now.complete_seq) {
    request.complete_through = now.complete_through;
  }
  co_return Result<void>();
}

io::Task<Result<void>> Uploader::taken(const protocol::SyncRequest& request,
                                       const protocol::SyncReply& reply, Duration took) {
  if (request.upload && !request.upload->records.empty()) {
    most_bytes_ = took < kQuick
                      ? std::min(most_bytes_ * 2, protocol::kMostUploadBytes)
                      : (took > kSlow ? std::max(most_bytes_ / 2, kLeastBytes) : most_bytes_);
  }
  const std::uint32_t epoch = request.upload ? request.upload->epoch : request.journal.epoch;
  std::uint64_t last = request.journal.last_seq;
  for (const meter::FormerEpoch& former : outbox_.former()) {
    last = former.epoch == epoch ? former.last_seq : last;
  }
  if (reply.acked > last) {
    co_return fail(Code::kCorrupt,
                   fmt::format("control has record {} of epoch {}, the books end with {}",
                               reply.acked, epoch, last));
  }
  fail_point("agent.before_ack");
  epochs_[epoch] = {.asked = true, .acked = reply.acked};
  meter::Outbox& outbox = outbox_;
  const std::uint64_t acked = reply.acked;
  const std::uint64_t keep_from = std::min(reply.keep_from, reply.acked + 1);
  std::function<Result<io::Done>()> job = [&outbox, epoch, acked, keep_from] {
    return outbox.acknowledge(epoch, acked, keep_from).map([] { return io::Done{}; });
  };
  TDN_CO_TRY_VOID(co_await pool_.run(std::move(job), loop_));
  fail_point("agent.after_ack");
  co_return Result<void>();
}

Result<void> Uploader::gap(const protocol::SyncRequest& request, std::uint64_t expected) {
  const std::uint32_t epoch = request.upload ? request.upload->epoch : request.journal.epoch;
  const meter::OutboxPosition now = outbox_.position();
  const std::uint64_t kept = epoch == now.epoch ? std::max<std::uint64_t>(now.keep_from, 1) : 1;
  if (expected == 0 || expected < kept) {
    return fail(Code::kMissing,
                fmt::format("control asks for record {} of epoch {}, the books begin with {}: "
                            "control was restored from a backup older than it had said it kept",
                            expected, epoch, kept));
  }
  epochs_[epoch] = {.asked = true, .acked = expected - 1};
  return {};
}

}  // namespace tdn::agent
