// For tests: a network of pipes. Whoever dials the target gets a pipe whose other end the test
// holds; clients connect to links by hand.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/server_test_fixture.h"
#include "io/test_loop.h"
#include "wan/link.h"

namespace tdn::wan {

class TestNetwork final : public io::Network {
 public:
  io::Task<Result<std::unique_ptr<io::Stream>>> connect(io::Address) override {
    if (refuses) {
      co_return fail(Code::kUnavailable, "connection refused");
    }
    io::PipeEnds ends = io::make_pipe(pipe);
    targets.push_back(std::move(ends.second));
    co_return std::move(ends.first);
  }
  Result<std::unique_ptr<io::Listener>> listen(io::Address, bool) override {
    auto listener = std::make_unique<http::PipeListener>(pipe);
    listeners.push_back(listener.get());
    return std::unique_ptr<io::Listener>(std::move(listener));
  }
  io::Task<Result<io::Address>> resolve(std::string, std::uint16_t) override {
    co_return io::Address{};
  }

  bool refuses = false;
  io::PipeOptions pipe;
  std::vector<http::PipeListener*> listeners;       // in the order in which they were made
  std::deque<std::unique_ptr<io::Stream>> targets;  // the far end of each dialled connection
};

// All that can be read now. `end` says whether the end came after it, `failed` whether a reset did.
struct Got {
  std::string bytes;
  bool end = false;
  bool reset = false;
};
inline Got drain(io::Stream& stream) {
  Got got;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t count = stream.try_read(buffer);
    if (count <= 0) {
      got.end = count == io::kEnd;
      got.reset = count == io::kFailed;
      return got;
    }
    got.bytes.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

inline ssize_t put(io::Stream& stream, std::string_view bytes) {
  const io::Slice slice(bytes);
  return stream.try_write({&slice, 1});
}

// Random numbers that are all alike, so that jitter is known.
class ConstantRandom final : public Random {
 public:
  explicit ConstantRandom(std::byte each) : each_(each) {}
  void fill(std::span<std::byte> bytes) override { std::ranges::fill(bytes, each_); }

 private:
  std::byte each_;
};

}  // namespace tdn::wan
