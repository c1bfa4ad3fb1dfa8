// A growing buffer of bytes whose new bytes are not zeroed first: encoders write straight into it
// and re-use it, so that in the steady state nothing is allocated.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "base/bytes.h"

namespace tdn {

class ByteBuffer {
 public:
  ByteBuffer() = default;
  explicit ByteBuffer(ByteView bytes) { append(bytes); }
  ByteBuffer(ByteBuffer&& other) noexcept
      : data_(std::move(other.data_)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::uint8_t* data() { return data_.get(); }
  [[nodiscard]] const std::uint8_t* data() const { return data_.get(); }
  [[nodiscard]] ByteView view() const { return {data_.get(), size_}; }
  [[nodiscard]] ByteView view(std::size_t from, std::size_t count) const {
    return view().subspan(from, count);
  }
  // Keeps the memory.
  void clear() { size_ = 0; }
  void shrink_to(std::size_t size) { size_ = std::min(size, size_); }

  // Room for `count` more bytes, unset; valid until the next growth. With `trim` an encoder asks
  // for the most it may need and gives back what it did not use.
  std::uint8_t* grow(std::size_t count) {
    if (capacity_ - size_ < count) [[unlikely]] {
      reallocate(size_ + count);
    }
    std::uint8_t* at = data_.get() + size_;
    size_ += count;
    return at;
  }
  void trim(std::size_t count) { size_ -= count; }

  void append(ByteView bytes) {
    if (!bytes.empty()) {
      std::memcpy(grow(bytes.size()), bytes.data(), bytes.size());
    }
  }

 private:
  void reallocate(std::size_t needed) {
    const std::size_t capacity = std::max(needed, capacity_ + capacity_ / 2 + 256);
    std::unique_ptr<std::uint8_t[]> moved(new std::uint8_t[capacity]);
    if (size_ > 0) {
      std::memcpy(moved.get(), data_.get(), size_);
    }
    data_ = std::move(moved);
    capacity_ = capacity;
  }

  std::unique_ptr<std::uint8_t[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace tdn
