// Reads the members of a message by pulling; the first fault is kept, and from then on everything
// gives zero, so that the code of a message stays a list of its members:
//
//   MessageReader in(json);
//   in.object([&](std::string_view name) {
//     if (name == "n") { n = in.decimal(name); } else { in.skip(); }
//   });
//   in.need("n");
//   TDN_TRY_VOID(in.finish());
//
// Names are compared as they stand, without escapes: we write none.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/uid.h"
#include "codec/json_reader.h"
#include "codec/sha256.h"

namespace tdn::protocol::detail {

class MessageReader {
 public:
  explicit MessageReader(std::string_view json) : in_(json) {}

  // `member(name)` reads or skips the value. Names of this object, for `need`, are those of the
  // outermost one.
  template <class Member>
  void object(const Member& member) {
    ++depth_;
    if (in_.enter_object()) {
      while (const auto name = in_.next_key()) {
        if (depth_ == 1) {
          see(*name);
        }
        member(*name);
      }
    }
    --depth_;
  }
  // `element()` reads or skips one.
  template <class Element>
  void array(std::string_view name, std::size_t most, const Element& element) {
    std::size_t count = 0;
    if (in_.enter_array()) {
      while (in_.next_element()) {
        if (++count > most) {
          wrong(name, "has too many entries");
          in_.skip();
        } else {
          element();
        }
      }
    }
  }

  [[nodiscard]] std::string text(std::string_view name, std::size_t most);
  [[nodiscard]] std::uint64_t decimal(std::string_view name);  // an integer in a string
  [[nodiscard]] std::int64_t signed_decimal(std::string_view name);
  [[nodiscard]] std::uint64_t number(std::string_view name, std::uint64_t most);
  [[nodiscard]] std::uint32_t number32(std::string_view name) {
    return static_cast<std::uint32_t>(number(name, UINT32_MAX));
  }
  [[nodiscard]] Uid uid(std::string_view name);
  [[nodiscard]] codec::Digest digest(std::string_view name);
  [[nodiscard]] std::vector<std::uint8_t> base64(std::string_view name);
  void skip() { in_.skip(); }
  // The value as it stands.
  [[nodiscard]] std::string_view raw() { return in_.skip(); }

  // A member of the outermost object that must have been there.
  void need(std::string_view name);
  void wrong(std::string_view name, std::string_view what);
  [[nodiscard]] bool ok() const { return !error_ && !in_.failed(); }
  // Code::kInvalid: the first fault.
  [[nodiscard]] Result<void> finish();

 private:
  static constexpr std::size_t kMostNames = 64;
  void see(std::string_view name) {
    if (seen_.size() < kMostNames) {
      seen_.push_back(name);
    }
  }

  codec::JsonReader in_;
  std::optional<Error> error_;
  std::vector<std::string_view> seen_;
  unsigned depth_ = 0;
};

}  // namespace tdn::protocol::detail
