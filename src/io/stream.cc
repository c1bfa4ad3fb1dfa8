#include "io/stream.h"

#include <utility>
#include <vector>

#include "base/assert.h"

namespace tdn::io {

Stream::~Stream() { TDN_ASSERT(reader_ == nullptr && writer_ == nullptr); }

void Stream::tell(StreamEvent event) {
  if (watcher_ != nullptr) {
    watcher_->on_event(*this, event);
  }
}

void Stream::notify_readable() {
  readable_ = true;
  if (Ready* reader = std::exchange(reader_, nullptr)) {
    reader->wake();
  } else {
    tell(StreamEvent::kReadable);
  }
}

void Stream::notify_writable() {
  const bool before = std::exchange(writable_, true);
  if (Ready* writer = std::exchange(writer_, nullptr)) {
    writer->wake();
  } else if (!before && watcher_ != nullptr) {
    watcher_->on_writable(*this);
  }
}

void Stream::notify_finished() {
  if (!std::exchange(peer_finished_, true)) {
    tell(StreamEvent::kFinished);
  }
}

void Stream::notify_gone() {
  if (std::exchange(peer_gone_, true)) {
    return;
  }
  readable_ = true;
  writable_ = true;
  if (Ready* reader = std::exchange(reader_, nullptr)) {
    reader->wake();
  }
  if (Ready* writer = std::exchange(writer_, nullptr)) {
    writer->wake();
  }
  tell(StreamEvent::kGone);
}

Task<Result<std::size_t>> read_some(Stream& stream, std::span<char> buffer) {
  while (true) {
    const ssize_t count = stream.try_read(buffer);
    if (count >= 0) {
      co_return static_cast<std::size_t>(count);
    }
    if (count == kFailed) {
      co_return fail(stream.error());
    }
    TDN_CO_TRY_VOID(to_result(co_await stream.readable(), "reading"));
  }
}

Task<Result<void>> write_all(Stream& stream, std::span<const Slice> slices) {
  std::vector<Slice> rest(slices.begin(), slices.end());
  std::size_t first = 0;
  while (first < rest.size()) {
    if (rest[first].size == 0) {
      ++first;
      continue;
    }
    const ssize_t count = stream.try_write(
        std::span(rest).subspan(first).first(std::min<std::size_t>(rest.size() - first, 64)));
    if (count == kFailed) {
      co_return fail(stream.error());
    }
    if (count == kWouldBlock) {
      TDN_CO_TRY_VOID(to_result(co_await stream.writable(), "writing"));
      continue;
    }
    auto taken = static_cast<std::size_t>(count);
    while (first < rest.size() && taken >= rest[first].size) {
      taken -= rest[first++].size;
    }
    if (taken > 0) {
      rest[first] = {rest[first].data + taken, rest[first].size - taken};
    }
  }
  co_return Result<void>{};
}

Task<Result<void>> write_all(Stream& stream, std::string_view bytes) {
  const Slice slice(bytes);
  co_return co_await write_all(stream, std::span(&slice, 1));
}

}  // namespace tdn::io
