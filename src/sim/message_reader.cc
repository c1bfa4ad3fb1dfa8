#include "sim/detail/message_reader.h"

#include <array>

namespace tdn::sim {

io::Task<Result<bool>> MessageReader::receive() {
  std::array<char, 4096> buffer;
  TDN_CO_TRY(const std::size_t count, co_await read_some(stream_, buffer));
  input_.append(buffer.data(), count);
  co_return count > 0;
}

void MessageReader::drop_taken() {
  input_.erase(0, taken_);
  taken_ = 0;
}

io::Task<Result<std::optional<std::string>>> MessageReader::read_piece(
    codec::BodyDecoder& decoder) {
  drop_taken();
  while (true) {
    TDN_CO_TRY(const codec::BodyDecoder::Step step, decoder.decode(input_));
    std::optional<std::string> piece;
    if (!step.data.empty()) {
      piece = std::string(step.data);
    }
    input_.erase(0, step.consumed);
    if (piece || decoder.done()) {
      co_return piece;
    }
    if (step.consumed > 0) {
      continue;
    }
    TDN_CO_TRY(const bool more, co_await receive());
    if (!more) {
      TDN_CO_TRY_VOID(decoder.end());
      co_return std::optional<std::string>();
    }
  }
}

io::Task<Result<std::string>> MessageReader::read_body(codec::BodyDecoder& decoder) {
  std::string body;
  while (true) {
    TDN_CO_TRY(const std::optional<std::string> piece, co_await read_piece(decoder));
    if (!piece) {
      co_return body;
    }
    body += *piece;
  }
}

}  // namespace tdn::sim
