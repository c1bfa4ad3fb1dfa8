#include "wan/connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "io/loop.h"

namespace tdn::wan {
namespace {

constexpr std::size_t kPiece = std::size_t{16} * 1024;

}  // namespace

Connection::Connection(Link& link, std::unique_ptr<io::Stream> client)
    : link_(link), client_(std::move(client)) {}

Connection::~Connection() = default;

void Connection::on_condition(bool heals) {
  const Instant now = link_.loop_.clock().now();
  for (Direction* direction : {&out_, &back_}) {
    if (heals) {  // what was lost is sent again
      direction->not_before = std::max(direction->not_before, now + link_.one_way(direction->way));
    }
    direction->arrived.set();
  }
  changed_.set();
}

void Connection::on_event(io::Stream& stream, io::StreamEvent event) {
  if (event != io::StreamEvent::kGone) {
    return;
  }
  const bool is_client = &stream == client_.get();
  // Once it was sent an end, that it is gone may also mean that it sent its own: reading tells.
  if (!(is_client ? back_ : out_).finished) {
    reset_from(is_client ? out_ : back_);
  }
}

void Connection::reset_from(Direction& direction) {
  if (direction.reset_at == kNever) {
    // Behind what left before it.
    direction.reset_at = std::max(direction.line.last(), link_.arrival(direction.way, 0));
    changed_.set();
  }
}

io::Task<bool> Connection::until(Instant moment) {
  io::Context& context = co_await io::this_context();
  while (true) {
    if (link_.condition_.state == LinkState::kReset) {
      ++link_.counters_.reset;
      co_return false;
    }
    const bool cut = link_.is_cut();
    if (!cut && moment <= link_.loop_.now()) {
      co_return true;
    }
    const io::DeadlineScope scope(context, cut ? kNever : moment);
    if (co_await changed_.wait() == io::Wake::kCancelled) {
      co_return false;
    }
  }
}

io::Task<bool> Connection::until_passable() { co_return co_await until(Instant{}); }

io::Task<> Connection::run() {
  if (!co_await until_passable()) {
    client_->abort();
    co_return;
  }
  const Instant established = link_.loop_.now() + link_.round_trip();
  Result<std::unique_ptr<io::Stream>> target = co_await link_.network_.connect(link_.plan_.target);
  if (!target) {
    ++link_.counters_.refused;
    const bool arrived = co_await until(established);
    static_cast<void>(arrived);
    client_->abort();
    co_return;
  }
  target_ = *std::move(target);
  out_.from = back_.to = client_.get();
  back_.from = out_.to = target_.get();
  out_.reads_from = established;
  back_.not_before = std::max(back_.not_before, established);
  co_await relay();
}

io::Task<> Connection::relay() {
  io::Context& context = co_await io::this_context();
  client_->watch(this);
  target_->watch(this);
  for (Direction* direction : {&out_, &back_}) {
    if (direction->from->peer_gone()) {
      reset_from(*direction);
    }
  }
  io::TaskGroup tasks(link_.loop_);
  for (Direction* direction : {&out_, &back_}) {
    tasks.spawn(read(*direction));
    tasks.spawn(write(*direction));
  }
  const bool whole = co_await until_over();
  context.clear_cancel();
  tasks.cancel();
  co_await tasks.join();
  client_->watch(nullptr);
  target_->watch(nullptr);
  if (whole) {
    client_->close();
    target_->close();
  } else {
    abort();
  }
}

void Connection::abort() {
  client_->abort();
  target_->abort();
}

io::Task<bool> Connection::until_over() {
  io::Context& context = co_await io::this_context();
  while (true) {
    if (out_.finished && back_.finished) {
      co_return true;
    }
    if (link_.condition_.state == LinkState::kReset) {
      ++link_.counters_.reset;
      co_return false;
    }
    const bool cut = link_.is_cut();
    const Instant out = std::max(out_.reset_at, out_.not_before);
    const Instant back = std::max(back_.reset_at, back_.not_before);
    const Instant first = cut ? kNever : std::min(out, back);
    if (first <= link_.loop_.now()) {
      co_return false;
    }
    const io::DeadlineScope scope(context, first);
    if (co_await changed_.wait() == io::Wake::kCancelled) {
      co_return false;
    }
  }
}

Connection::Taken Connection::take(Direction& direction) {
  std::array<char, kPiece> buffer;
  const std::size_t room = std::min(direction.line.room(), buffer.size());
  const ssize_t count = direction.from->try_read(std::span(buffer).first(room));
  if (count > 0) {
    const auto size = static_cast<std::size_t>(count);
    direction.line.push({buffer.data(), size}, link_.arrival(direction.way, size));
    direction.arrived.set();
    return Taken::kSome;
  }
  if (count == io::kEnd) {
    direction.line.push_end(link_.arrival(direction.way, 0));
    direction.arrived.set();
    return Taken::kOver;
  }
  if (count == io::kFailed) {
    reset_from(direction);
    return Taken::kOver;
  }
  return Taken::kNothing;
}

io::Task<> Connection::read(Direction& direction) {
  if (direction.reads_from > link_.loop_.now() &&
      co_await io::sleep_until(direction.reads_from) != io::Wake::kReady) {
    co_return;
  }
  while (true) {
    if (direction.line.room() == 0) {
      if (co_await direction.room.wait() != io::Wake::kReady) {
        co_return;
      }
      continue;
    }
    const Taken taken = take(direction);
    if (taken == Taken::kOver) {
      co_return;
    }
    if (taken == Taken::kNothing && co_await direction.from->readable() != io::Wake::kReady) {
      co_return;
    }
  }
}

io::Task<> Connection::write(Direction& direction) {
  io::Context& context = co_await io::this_context();
  std::uint64_t& delivered =
      direction.way == Way::kOut ? link_.counters_.bytes_out : link_.counters_.bytes_back;
  while (true) {
    const Instant due = link_.is_cut() || direction.line.next() == kNever
                            ? kNever
                            : std::max(direction.line.next(), direction.not_before);
    if (due > link_.loop_.now()) {
      const io::DeadlineScope scope(context, due);
      if (co_await direction.arrived.wait() == io::Wake::kCancelled) {
        co_return;
      }
      continue;
    }
    if (direction.line.at_end()) {
      direction.to->shutdown();
      direction.finished = true;
      changed_.set();
      co_return;
    }
    const io::Slice slice(direction.line.front());
    const ssize_t count = direction.to->try_write({&slice, 1});
    if (count == io::kFailed) {
      reset_from(direction.way == Way::kOut ? back_ : out_);
      co_return;
    }
    if (count == io::kWouldBlock) {
      if (co_await direction.to->writable() != io::Wake::kReady) {
        co_return;
      }
      continue;
    }
    delivered += static_cast<std::uint64_t>(count);
    direction.line.pop(static_cast<std::size_t>(count));
    direction.room.set();
  }
}

}  // namespace tdn::wan
