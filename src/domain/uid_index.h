// Finds an object of a list by its uid: a hash table of places in the list, which holds the uids
// itself. 100,000 keys take one mebibyte.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/uid.h"

namespace tdn::domain {

class UidIndex {
 public:
  UidIndex() = default;
  // Of two with one uid the first is found.
  template <class Object>
  explicit UidIndex(const std::vector<Object>& objects)
      : slots_(std::bit_ceil(objects.size() * 2 + 1), kEmpty) {
    for (std::uint32_t i = 0; i < objects.size(); ++i) {
      std::uint32_t& slot = slot_of(objects, objects[i].uid);
      slot = slot == kEmpty ? i : slot;
    }
  }

  // `objects` is the list that this was made of.
  template <class Object>
  [[nodiscard]] std::optional<std::uint32_t> find(const std::vector<Object>& objects,
                                                  const Uid& uid) const {
    if (slots_.empty()) {
      return std::nullopt;
    }
    const std::uint32_t place = slot_of(objects, uid);
    return place == kEmpty ? std::nullopt : std::optional(place);
  }

 private:
  static constexpr std::uint32_t kEmpty = std::numeric_limits<std::uint32_t>::max();

  // Where the uid is or would be: at most half of the slots are taken, so there is an end.
  template <class Object, class Slots>
  static auto& probe(const std::vector<Object>& objects, const Uid& uid, Slots& slots) {
    const std::size_t mask = slots.size() - 1;
    std::size_t at = std::hash<Uid>{}(uid)&mask;
    while (slots[at] != kEmpty && objects[slots[at]].uid != uid) {
      at = (at + 1) & mask;
    }
    return slots[at];
  }
  template <class Object>
  std::uint32_t& slot_of(const std::vector<Object>& objects, const Uid& uid) {
    return probe(objects, uid, slots_);
  }
  template <class Object>
  const std::uint32_t& slot_of(const std::vector<Object>& objects, const Uid& uid) const {
    return probe(objects, uid, slots_);
  }

  std::vector<std::uint32_t> slots_;  // a power of two
};

}  // namespace tdn::domain
