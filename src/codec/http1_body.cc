#include <algorithm>
#include <string>

#include "base/assert.h"
#include "codec/http1.h"

namespace tdn::codec {
namespace {

// 15 digits: sizes stay below 2⁶⁰, far from overflow and far beyond any body.
constexpr std::uint8_t kSizeDigits = 15;

int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

}  // namespace

BodyDecoder::BodyDecoder(Framing framing, Code error) : error_(error) {
  switch (framing.kind) {
    case BodyKind::kNone:
      state_ = State::kDone;
      break;
    case BodyKind::kLength:
      remaining_ = framing.length;
      state_ = remaining_ == 0 ? State::kDone : State::kLength;
      break;
    case BodyKind::kChunked:
      state_ = State::kSize;
      break;
    case BodyKind::kUntilClose:
      state_ = State::kUntilClose;
      break;
  }
}

// What nearly every chunk of a stream has, whole in one piece, is passed in one step: the line of
// its size here, the line end behind its data with the data. All else goes byte by byte.
std::size_t BodyDecoder::pass_size_line(std::string_view input) {
  std::uint64_t size = 0;
  std::size_t digits = 0;
  for (; digits < std::min<std::size_t>(input.size(), 8); ++digits) {
    const int digit = hex_value(input[digits]);
    if (digit < 0) {
      break;
    }
    size = size * 16 + static_cast<std::uint64_t>(digit);
  }
  if (size == 0 || !input.substr(digits).starts_with("\r\n")) {
    return 0;
  }
  remaining_ = size;
  state_ = State::kChunk;
  return digits + 2;
}

BodyDecoder::Step BodyDecoder::pass_data(std::string_view input) {
  Step step;
  step.data = input.substr(0, remaining_);
  step.consumed = step.data.size();
  remaining_ -= step.consumed;
  if (remaining_ > 0) {
    return step;
  }
  if (state_ == State::kLength) {
    state_ = State::kDone;
  } else if (input.substr(step.consumed).starts_with(kChunkSuffix)) {
    step.consumed += kChunkSuffix.size();
    begin_size();
  } else {
    state_ = State::kChunkCr;
  }
  return step;
}

void BodyDecoder::begin_size() {
  digits_ = 0;
  extra_ = 0;
  state_ = State::kSize;
}

Result<BodyDecoder::Step> BodyDecoder::decode(std::string_view input) {
  std::size_t passed = 0;
  while (passed < input.size() && state_ != State::kDone) {
    const std::string_view rest = input.substr(passed);
    if (state_ == State::kUntilClose) {
      return Step{.consumed = input.size(), .data = rest};
    }
    if (state_ == State::kLength || state_ == State::kChunk) {
      Step step = pass_data(rest);
      step.consumed += passed;
      return step;
    }
    const std::size_t line = state_ == State::kSize && digits_ == 0 ? pass_size_line(rest) : 0;
    if (line == 0) {
      TDN_TRY_VOID(step_framing(rest.front()));
    }
    passed += std::max<std::size_t>(line, 1);
  }
  return Step{.consumed = passed, .data = {}};
}

Result<void> BodyDecoder::end() {
  if (state_ == State::kUntilClose) {
    state_ = State::kDone;
  }
  if (state_ != State::kDone) {
    return broken("the body ends before its announced end");
  }
  return {};
}

Result<void> BodyDecoder::step_framing(char byte) {
  switch (state_) {
    case State::kSize:
      return size_byte(byte);
    case State::kExtension:
      if (byte == '\r') {
        state_ = State::kSizeLf;
        return {};
      }
      if (is_control(byte) || ++extra_ > kChunkExtensionLimit) {
        return broken("a chunk extension is malformed or longer than 256 bytes");
      }
      return {};
    case State::kSizeLf:
      // A final chunk is followed by trailers, whose total is bounded, not each.
      extra_ = 0;
      return expect(byte, '\n', remaining_ == 0 ? State::kTrailerStart : State::kChunk);
    case State::kChunkCr:
      return expect(byte, '\r', State::kChunkLf);
    case State::kChunkLf:
      begin_size();
      return expect(byte, '\n', State::kSize);
    case State::kTrailerStart:
      if (byte == '\r') {
        state_ = State::kFinalLf;
        return {};
      }
      state_ = State::kTrailer;
      [[fallthrough]];
    case State::kTrailer:
      if (byte == '\r') {
        state_ = State::kTrailerLf;
        return {};
      }
      if (is_control(byte) || ++extra_ > kTrailerLimit) {
        return broken("the trailers are malformed or longer than 8 KiB");
      }
      return {};
    case State::kTrailerLf:
      return expect(byte, '\n', State::kTrailerStart);
    case State::kFinalLf:
      return expect(byte, '\n', State::kDone);
    case State::kLength:
    case State::kUntilClose:
    case State::kChunk:
    case State::kDone:
      break;
  }
  TDN_ASSERT(false);
}

Result<void> BodyDecoder::size_byte(char byte) {
  const int digit = hex_value(byte);
  if (digit >= 0) {
    if (digits_ == kSizeDigits) {
      return broken("a chunk's size has too many digits");
    }
    remaining_ = digits_ == 0 ? 0 : remaining_;
    remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
    ++digits_;
    return {};
  }
  if (digits_ == 0 || (byte != '\r' && byte != ';')) {
    return broken("a chunk's size is not a hexadecimal number");
  }
  state_ = byte == '\r' ? State::kSizeLf : State::kExtension;
  return {};
}

Result<void> BodyDecoder::expect(char byte, char expected, State next) {
  if (byte != expected) {
    return broken("a chunk's line does not end with CRLF");
  }
  state_ = next;
  return {};
}

tl::unexpected<Error> BodyDecoder::broken(std::string_view what) const {
  return fail(error_, "malformed HTTP body: " + std::string(what));
}

std::string_view chunk_prefix(ChunkPrefix& buffer, std::uint64_t size) {
  TDN_ASSERT(size > 0);
  char* const end = buffer.data() + buffer.size();
  char* first = end;
  *--first = '\n';
  *--first = '\r';
  for (; size != 0; size >>= 4U) {
    *--first = "0123456789abcdef"[size & 0xfU];
  }
  return {first, static_cast<std::size_t>(end - first)};
}

}  // namespace tdn::codec
