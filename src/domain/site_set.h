// Numbers for catalogue objects, and a set of sites as a bitmap: what a fence is made of.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tdn::domain {

// The place of an object in its list of one snapshot; meaningless in another.
template <class Tag>
struct Index {
  std::uint32_t value = 0;
  auto operator<=>(const Index&) const = default;
};

using SiteIndex = Index<struct SiteTag>;

class SiteSet {
 public:
  SiteSet() = default;  // of no site
  [[nodiscard]] static SiteSet all(std::size_t sites) {
    SiteSet set;
    set.words_.assign((sites + 63) / 64, ~std::uint64_t{0});
    if (sites % 64 != 0) {
      set.words_.back() >>= 64 - sites % 64;
    }
    return set;
  }

  [[nodiscard]] bool contains(SiteIndex site) const {
    const std::size_t word = site.value / 64;
    return word < words_.size() && ((words_[word] >> (site.value % 64)) & 1) != 0;
  }
  [[nodiscard]] bool empty() const {
    return std::all_of(words_.begin(), words_.end(), [](std::uint64_t word) { return word == 0; });
  }

  void insert(SiteIndex site) {
    words_.resize(std::max<std::size_t>(words_.size(), site.value / 64 + 1));
    words_[site.value / 64] |= std::uint64_t{1} << (site.value % 64);
  }
  SiteSet& operator|=(const SiteSet& other) {
    words_.resize(std::max(words_.size(), other.words_.size()));
    for (std::size_t i = 0; i < other.words_.size(); ++i) {
      words_[i] |= other.words_[i];
    }
    return *this;
  }
  SiteSet& operator&=(const SiteSet& other) {
    words_.resize(std::min(words_.size(), other.words_.size()));
    for (std::size_t i = 0; i < words_.size(); ++i) {
      words_[i] &= other.words_[i];
    }
    return *this;
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace tdn::domain
