// HTTP/1 reading under arbitrary bytes: the outcome does not depend on the split, what we take
// Beast's own parser takes too and reads the same, and bodies come out the same in any pieces.
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "codec/http1.h"

namespace tdn::codec {
namespace {

namespace http = boost::beast::http;

struct Outcome {
  std::string text;  // every byte of the head that callers see, or the error
  std::size_t bytes = 0;
  Framing framing;
  bool head = false;
  bool operator==(const Outcome&) const = default;
};

template <class Parser>
Outcome parse_in_pieces(Parser parser, std::string_view input, std::size_t piece) {
  Outcome outcome;
  for (std::size_t size = 0;; size = std::min(size + piece, input.size())) {
    const std::string moved(input.substr(0, size));
    const auto parsed = parser.parse(moved);
    if (!parsed) {
      outcome.text = to_string(parsed.error());
      return outcome;
    }
    if (*parsed) {
      outcome.head = true;
      outcome.bytes = parser.head().bytes();
      outcome.framing = parser.head().framing();
      for (std::size_t i = 0; i < parser.head().size(); ++i) {
        const Field field = parser.head()[i];
        outcome.text.append(field.name).append(":").append(field.value).append("\n");
      }
      return outcome;
    }
    if (size == input.size()) {
      return outcome;
    }
  }
}

struct Body {
  std::string data;
  std::size_t consumed = 0;
  bool failed = false;
  bool done = false;
  bool operator==(const Body&) const = default;
};

Body decode_in_pieces(Framing framing, std::string_view input, std::size_t piece) {
  BodyDecoder decoder(framing, Code::kUpstreamError);
  Body body;
  while (body.consumed < input.size() && !decoder.done()) {
    const auto step = decoder.decode(input.substr(body.consumed, piece));
    if (!step) {
      body.failed = true;
      body.consumed = 0;  // where the fault shows depends on the piece
      return body;
    }
    TDN_ASSERT(step->consumed > 0);
    body.data += step->data;
    body.consumed += step->consumed;
  }
  body.done = decoder.done();
  return body;
}

// What we accept, Beast accepts and reads alike.
void compare_with_beast(std::string_view input, const Outcome& ours) {
  if (!ours.head) {
    return;
  }
  http::request_parser<http::string_body> parser;
  parser.header_limit(kHeadLimit + 8);
  parser.body_limit(boost::none);
  const std::size_t lead = input.starts_with("\r\n") ? 2 : 0;
  const std::string_view head = input.substr(lead, ours.bytes - lead);
  boost::beast::error_code error;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), error);
  TDN_ASSERT(!error && parser.is_header_done());
  TDN_ASSERT(parser.chunked() == (ours.framing.kind == BodyKind::kChunked));
  TDN_ASSERT(parser.content_length().value_or(0) ==
             (ours.framing.kind == BodyKind::kLength ? ours.framing.length : 0));
}

}  // namespace
}  // namespace tdn::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tdn::codec;
  if (size < 2) {
    return 0;
  }
  const std::size_t piece = data[0] % 64U + 1;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);

  const Outcome request = parse_in_pieces(RequestParser(), input, input.size());
  TDN_ASSERT(request == parse_in_pieces(RequestParser(), input, piece));
  compare_with_beast(input, request);
  TDN_ASSERT(parse_in_pieces(ResponseParser(), input, input.size()) ==
             parse_in_pieces(ResponseParser(), input, piece));

  const Framing chunked{.kind = BodyKind::kChunked, .length = 0};
  const Body whole = decode_in_pieces(chunked, input, input.size());
  const Body split = decode_in_pieces(chunked, input, piece);
  TDN_ASSERT(whole.failed == split.failed && whole.done == split.done);
  TDN_ASSERT(whole.failed || whole == split);
  return 0;
}
