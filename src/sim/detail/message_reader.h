// Reads HTTP messages for the simulated ends, one after the other, with the product's codec and
// nothing else of it: what the gateway's own client and server make of the bytes is what is tested.
#pragma once

#include <optional>
#include <string>

#include "codec/http1.h"
#include "io/stream.h"

namespace tdn::sim {

class MessageReader {
 public:
  explicit MessageReader(io::Stream& stream) : stream_(stream) {}

  // A head; `parser` is a codec::RequestParser or ResponseParser. False: the peer ended, or left,
  // before its first byte. The head's views hold until the next read.
  template <class Parser>
  [[nodiscard]] io::Task<Result<bool>> read_head(Parser& parser) {
    while (true) {
      TDN_CO_TRY(const bool whole, parser.parse(input_));
      if (whole) {
        taken_ = parser.head().bytes();
        co_return true;
      }
      TDN_CO_TRY(const bool more, co_await receive());
      if (!more && input_.empty()) {
        co_return false;
      }
      if (!more) {
        co_return fail(Code::kClosed, "the peer ended inside a head");
      }
    }
  }

  // The next piece of the body, nullopt at its end.
  [[nodiscard]] io::Task<Result<std::optional<std::string>>> read_piece(
      codec::BodyDecoder& decoder);
  // All of it.
  [[nodiscard]] io::Task<Result<std::string>> read_body(codec::BodyDecoder& decoder);

 private:
  // False at the peer's end.
  [[nodiscard]] io::Task<Result<bool>> receive();
  void drop_taken();

  io::Stream& stream_;
  std::string input_;
  std::size_t taken_ = 0;  // of input_: bytes that the next read forgets
};

}  // namespace tdn::sim
