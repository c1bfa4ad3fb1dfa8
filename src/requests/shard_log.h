// What one shard has to tell the request log, on its way to the thread that writes it: a ring of
// messages, one writer (the shard), one reader. Nobody waits for anybody: what finds no room is
// dropped and counted.
//
// Writing copies plain numbers, about a hundred nanoseconds for a decision between three endpoints;
// names are looked up and bytes encoded by the reader.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>

#include "base/error.h"
#include "base/uid.h"
#include "requests/entry.h"

namespace tdn::requests {

// Plain forms of the entries; codes of errors are code + 1, 0 for none.
struct RawDecided {
  RequestId request;
  Uid tenant;
  Uid key;
  std::uint64_t at_us = 0;
  std::uint64_t names = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t output_cap = 0;
  route::Work work;
  std::uint32_t model = 0;
  std::uint32_t chosen = kNobody;
  std::uint32_t left_out = 0;
  std::array<char, 2> client_country{};
  RoughPlace client_at;
  bool has_client_at = false;
  bool streamed = false;
  std::uint8_t attempt = 0;
  route::Reason reason = route::Reason::kNone;
  std::uint8_t refusal = 0;
  std::uint8_t beginnings = 0;  // follow
  std::uint8_t facts = 0;       // follow
};

struct RawEnded {
  RequestId request;
  std::uint64_t at_us = 0;
  std::uint64_t names = 0;
  std::uint64_t input = 0;
  std::uint64_t cached = 0;
  std::uint64_t output = 0;
  std::uint64_t first_us = 0;
  std::uint64_t total_us = 0;
  std::uint32_t model = kNobody;
  std::uint32_t endpoint = kNobody;
  std::uint16_t status = 0;
  std::uint8_t code = 0;
  std::uint8_t attempts = 0;
  bool streamed = false;
  route::Reason reason = route::Reason::kNone;
};
static_assert(std::is_trivially_copyable_v<RawDecided> && std::is_trivially_copyable_v<RawEnded>);
static_assert(std::is_trivially_copyable_v<route::Facts> &&
              std::is_trivially_copyable_v<route::Beginning>);

class ShardLog {
 public:
  static constexpr std::size_t kBytes = std::size_t{256} << 10U;

  // On the shard's thread.
  void decided(const RawDecided& decided, std::span<const route::Beginning> beginnings,
               std::span<const route::Facts> all, const Notable& kept);
  void ended(const RawEnded& ended);
  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  // On the reader's thread: gives all there is to `visitor`, which takes
  // (const RawDecided&, span<const std::byte> beginnings, span<const std::byte> facts) and
  // (const RawEnded&).
  template <class OnDecided, class OnEnded>
  void drain(const OnDecided& on_decided, const OnEnded& on_ended);
  [[nodiscard]] bool empty() const {
    return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire);
  }

 private:
  enum class Kind : std::uint32_t { kPadding, kDecided, kEnded };
  struct Header {
    Kind kind = Kind::kPadding;
    std::uint32_t bytes = 0;  // with this header, a multiple of 8
  };

  // Room for a message, contiguous; null, and counted, if there is none.
  [[nodiscard]] std::byte* begin(Kind kind, std::size_t bytes);
  void commit();

  const std::unique_ptr<std::byte[]> ring_{new std::byte[kBytes]};  // touched as it is used
  std::atomic<std::uint64_t> head_{0};                              // bytes ever written
  std::atomic<std::uint64_t> tail_{0};                              // and read
  std::uint64_t next_head_ = 0;                                     // of the message being written
  std::atomic<std::uint64_t> dropped_{0};
};

template <class OnDecided, class OnEnded>
void ShardLog::drain(const OnDecided& on_decided, const OnEnded& on_ended) {
  std::uint64_t tail = tail_.load(std::memory_order_relaxed);
  const std::uint64_t head = head_.load(std::memory_order_acquire);
  while (tail != head) {
    const std::byte* const at = ring_.get() + tail % kBytes;
    Header header;
    std::memcpy(&header, at, sizeof header);
    const std::byte* const body = at + sizeof header;
    if (header.kind == Kind::kDecided) {
      RawDecided decided;
      std::memcpy(&decided, body, sizeof decided);
      const std::size_t beginnings = decided.beginnings * sizeof(route::Beginning);
      on_decided(
          decided, std::span(body + sizeof decided, beginnings),
          std::span(body + sizeof decided + beginnings, decided.facts * sizeof(route::Facts)));
    } else if (header.kind == Kind::kEnded) {
      RawEnded ended;
      std::memcpy(&ended, body, sizeof ended);
      on_ended(ended);
    }
    tail += header.bytes;
  }
  tail_.store(tail, std::memory_order_release);
}

}  // namespace tdn::requests
