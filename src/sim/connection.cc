#include "sim/detail/connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tdn::sim {

SimStream::SimStream(std::shared_ptr<SimConnection> connection, std::size_t side)
    : connection_(std::move(connection)), side_(side) {
  established_ = side == SimConnection::kListener;
  writable_ = established_;
}

ssize_t SimStream::try_read(std::span<char> buffer) {
  const std::size_t count = std::min(buffer.size(), unread());
  if (count > 0) {
    std::memcpy(buffer.data(), inbox_.data() + read_, count);
    read_ += count;
    if (unread() == 0) {
      inbox_.clear();
      read_ = 0;
    }
    connection_->took(side_, count);
    return static_cast<ssize_t>(count);
  }
  if (closed_ || peer_gone_) {
    return io::kFailed;
  }
  if (peer_finished_) {
    return io::kEnd;
  }
  readable_ = false;
  return io::kWouldBlock;
}

ssize_t SimStream::try_write(std::span<const io::Slice> slices) {
  if (closed_ || ended_ || peer_gone_) {
    return io::kFailed;
  }
  std::size_t room = established_ ? connection_->room(side_) : 0;
  if (room == 0) {
    writable_ = false;
    connection_->want_room(side_);
    return io::kWouldBlock;
  }
  std::string bytes;
  for (const io::Slice& slice : slices) {
    const std::size_t count = std::min(slice.size, room);
    bytes.append(slice.data, count);
    room -= count;
  }
  connection_->send(side_, bytes);
  return static_cast<ssize_t>(bytes.size());
}

void SimStream::shutdown() {
  if (!ended_ && !closed_ && established_) {
    ended_ = true;
    connection_->send_end(side_);
  }
}

void SimStream::close() {
  if (closed_) {
    return;
  }
  if (unread() > 0) {
    abort();
    return;
  }
  shutdown();
  closed_ = true;
  connection_->leave(side_);
}

void SimStream::abort() {
  if (closed_) {
    return;
  }
  closed_ = true;
  if (established_) {
    connection_->send_reset(side_);
  }
  connection_->leave(side_);
}

Error SimStream::error() const {
  if (refused_) {
    return {Code::kUnavailable, "cannot connect to " + peer() + ": connection refused"};
  }
  return {Code::kClosed, "connection lost: reset by peer"};
}

std::string SimStream::peer() const { return to_string(connection_->peer_of(side_)); }

void SimStream::on_data(std::string bytes) {
  if (inbox_.empty()) {
    inbox_ = std::move(bytes);
  } else {
    inbox_ += bytes;
  }
  notify_readable();
}

void SimStream::on_end() {
  notify_finished();
  notify_readable();
}

void SimStream::on_reset() { notify_gone(); }

void SimStream::on_established() {
  established_ = true;
  notify_writable();
}

void SimStream::on_refused() {
  refused_ = true;
  notify_gone();
}

SimConnection::SimConnection(SimNetwork& network, std::uint64_t id, SimHost& from, SimHost& to,
                             io::Address source, io::Address target)
    : network_(network), id_(id), hosts_{&from, &to}, addresses_{source, target} {}

std::unique_ptr<SimStream> SimConnection::dial() {
  auto stream = std::make_unique<SimStream>(shared_from_this(), kDialler);
  ends_[kDialler] = stream.get();
  post(kDialler, Kind::kDial, {});
  return stream;
}

SimNetwork::Link& SimConnection::link() {
  return network_.link(hosts_[0]->index_, hosts_[1]->index_);
}

bool SimConnection::joins(int a, int b) const {
  return (hosts_[0]->index_ == a && hosts_[1]->index_ == b) ||
         (hosts_[0]->index_ == b && hosts_[1]->index_ == a);
}

std::size_t SimConnection::room(std::size_t side) const {
  return kConnectionBuffer - ways_[side].outstanding;
}

void SimConnection::send(std::size_t side, std::string_view bytes) {
  const LinkOptions& options = link().options;
  ways_[side].outstanding += bytes.size();
  while (!bytes.empty()) {
    std::size_t count = std::min(bytes.size(), options.piece);
    if (count > 1 && network_.random_.below(100) < options.cut_percent) {
      count = 1 + network_.random_.below(count - 1);
    }
    post(side, Kind::kData, std::string(bytes.substr(0, count)));
    bytes.remove_prefix(count);
  }
}

void SimConnection::send_end(std::size_t side) { post(side, Kind::kEnd, {}); }

void SimConnection::send_reset(std::size_t side) {
  if (dead_) {
    return;
  }
  // What the kernel still held back is discarded; what is on the wire comes before the reset.
  const Instant due = network_.poller_.now() + network_.delay(link().options);
  Way& way = ways_[side];
  while (!way.packets.empty() && way.packets.back().due > due) {
    way.packets.pop_back();
  }
  way.last_due = std::min(way.last_due, due);
  post(side, Kind::kReset, {});
  dead_ = true;
}

void SimConnection::leave(std::size_t side) { ends_[side] = nullptr; }

void SimConnection::took(std::size_t side, std::size_t bytes) {
  const std::size_t sender = 1 - side;
  Way& way = ways_[sender];
  way.outstanding -= bytes;
  if (!std::exchange(way.room_wanted, false)) {
    return;
  }
  network_.poller_.after(network_.delay(link().options), [self = shared_from_this(), sender] {
    if (SimStream* stream = self->ends_[sender]) {
      stream->on_room();
    }
  });
}

void SimConnection::break_down() {
  dead_ = true;
  for (const std::size_t side : {kDialler, kListener}) {
    ways_[side].packets.clear();
    if (SimStream* stream = ends_[side]) {
      stream->on_reset();
    }
  }
}

void SimConnection::post(std::size_t side, Kind kind, std::string bytes) {
  if (dead_ || !hosts_[side]->powered_) {
    return;
  }
  const LinkOptions& options = link().options;
  Way& way = ways_[side];
  way.last_due = std::max(
      way.last_due, network_.poller_.now() + network_.delay(options) + network_.loss(options));
  if (options.bytes_per_second > 0) {
    way.last_due += Duration(bytes.size() * 1'000'000'000 / options.bytes_per_second);
  }
  way.packets.push_back({kind, way.last_due, std::move(bytes)});
  network_.poller_.at(way.last_due, [self = shared_from_this(), side] { self->arrive(side); });
}

void SimConnection::arrive(std::size_t side) {
  Way& way = ways_[side];
  const Instant now = network_.poller_.now();
  while (!way.packets.empty() && way.packets.front().due <= now) {
    const SimNetwork::Link& path = link();
    if (path.cut_until > now) {
      // Lost, and sent again once there is a way; what follows waits behind it.
      const Instant again = path.cut_until + network_.delay(path.options);
      way.packets.front().due = again;
      network_.poller_.at(again, [self = shared_from_this(), side] { self->arrive(side); });
      return;
    }
    Packet packet = std::move(way.packets.front());
    way.packets.pop_front();
    if (hosts_[1 - side]->powered_) {
      receive(1 - side, std::move(packet));
    }
  }
}

void SimConnection::receive(std::size_t receiver, Packet packet) {
  static constexpr std::array<std::string_view, 6> kNames{"dial", "accepted", "refused",
                                                          "data", "end",      "reset"};
  network_.trace_.note(kNames[static_cast<std::size_t>(packet.kind)], id_, receiver, packet.bytes);
  if (packet.kind == Kind::kDial) {
    accept_dial();
    return;
  }
  SimStream* stream = ends_[receiver];
  if (stream == nullptr) {
    if (packet.kind == Kind::kData || packet.kind == Kind::kEstablished) {
      send_reset(receiver);
    }
    return;
  }
  switch (packet.kind) {
    case Kind::kEstablished:
      stream->on_established();
      break;
    case Kind::kRefused:
      stream->on_refused();
      break;
    case Kind::kData:
      stream->on_data(std::move(packet.bytes));
      break;
    case Kind::kEnd:
      stream->on_end();
      break;
    case Kind::kReset:
      stream->on_reset();
      break;
    case Kind::kDial:
      break;
  }
}

void SimConnection::accept_dial() {
  SimListener* listener = network_.pick_listener(addresses_[kListener]);
  if (listener == nullptr || listener->full()) {
    post(kListener, Kind::kRefused, {});
    return;
  }
  auto stream = std::make_unique<SimStream>(shared_from_this(), kListener);
  ends_[kListener] = stream.get();
  listener->offer(std::move(stream));
  post(kListener, Kind::kEstablished, {});
}

}  // namespace tdn::sim
