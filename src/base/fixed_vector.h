// A sequence of at most kCapacity values inside its owner: no allocation, for the short lists of
// the request path whose bound is part of their meaning.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>

#include "base/assert.h"

namespace tdn {

template <class T, std::size_t kCapacity>
class FixedVector {
 public:
  FixedVector() = default;
  FixedVector(std::initializer_list<T> values) {
    for (const T& value : values) {
      push_back(value);
    }
  }

  // Must not be full: whoever fills it from outside asks `full()` first.
  void push_back(const T& value) {
    TDN_ASSERT(size_ < kCapacity);
    values_[size_++] = value;
  }
  void clear() { size_ = 0; }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool full() const { return size_ == kCapacity; }
  [[nodiscard]] T& operator[](std::size_t i) {
    TDN_CHECK(i < size_);
    return values_[i];
  }
  [[nodiscard]] const T& operator[](std::size_t i) const {
    TDN_CHECK(i < size_);
    return values_[i];
  }
  // Must not be empty.
  [[nodiscard]] const T& front() const { return (*this)[0]; }
  [[nodiscard]] T* begin() { return values_.data(); }
  [[nodiscard]] T* end() { return values_.data() + size_; }
  [[nodiscard]] const T* begin() const { return values_.data(); }
  [[nodiscard]] const T* end() const { return values_.data() + size_; }

  bool operator==(const FixedVector& other) const {
    return std::equal(begin(), end(), other.begin(), other.end());
  }

 private:
  std::array<T, kCapacity> values_{};
  std::size_t size_ = 0;
};

}  // namespace tdn
