#include "base/secret.h"

#include <string.h>

#include <ostream>

namespace tdn {

void wipe(std::span<char> bytes) {
  if (!bytes.empty()) {  // of nothing there may be no address either
    ::explicit_bzero(bytes.data(), bytes.size());
  }
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    text_ = other.text_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    text_ = std::move(other.text_);
    other.wipe();
  }
  return *this;
}

void Secret::wipe() {
  // To the capacity: a short text lives in the object, and a moved-from one may keep its bytes.
  text_.resize(text_.capacity());
  tdn::wipe(text_);
  text_.clear();
}

std::ostream& operator<<(std::ostream& out, const Secret&) { return out << Secret::kShown; }

}  // namespace tdn
