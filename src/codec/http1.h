// HTTP/1.1 on the wire, without sockets: reading heads, framing bodies, writing heads.
//
// Reading is strict, because whoever reads a message differently from the next hop can be made to
// smuggle one request inside another. Refused: bare LF, folded lines, NUL and controls, a space
// before the colon, repeated or listed Content-Length (even of equal values), any Transfer-Encoding
// other than exactly `chunked`, both of them together, a missing or repeated Host, targets other
// than
// `/path` (and `*` of OPTIONS), versions other than 1.0 and 1.1.
//
// Nothing here allocates, but for the one copy of a head that is remembered. A head is 16-bit
// offsets into the caller's bytes, so the bytes may move
// (`rebase`). Errors of requests are `invalid_request` or `headers_too_large`, those of responses
// `upstream_error`. Whatever the split of the input, the outcome is the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tdn::codec {

inline constexpr std::size_t kHeadLimit = std::size_t{64} * 1024;  // start line and fields, bytes
inline constexpr std::size_t kFieldLimit = 96;                     // fields in one head
inline constexpr std::size_t kMethodLimit = 32;
inline constexpr std::size_t kTargetLimit = std::size_t{8} * 1024;
inline constexpr std::size_t kChunkExtensionLimit = 256;  // bytes after one chunk's size
inline constexpr std::size_t kTrailerLimit = std::size_t{8} * 1024;

// ASCII case-insensitive, as field names and most tokens are.
[[nodiscard]] inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  if (a.size() != b.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) {
      return false;
    }
  }
  return true;
}

enum class BodyKind : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

// How a message says where its body ends. `length` has a meaning for kLength alone.
struct Framing {
  BodyKind kind = BodyKind::kNone;
  std::uint64_t length = 0;
  bool operator==(const Framing&) const = default;
};

struct Field {
  std::string_view name;   // as received
  std::string_view value;  // without surrounding blanks
};

// What requests and responses have in common. The views live as long as the bytes that were parsed.
class Head {
 public:
  Head() = default;
  // Of the fields only those that there are: a head is copied per answer.
  Head(const Head& other) { *this = other; }
  Head& operator=(const Head& other);
  ~Head() = default;

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] Field operator[](std::size_t i) const;
  // The first field of that name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  // Whether a comma-separated list, over all fields of that name, holds the token.
  [[nodiscard]] bool lists(std::string_view name, std::string_view token) const;

  [[nodiscard]] Framing framing() const { return framing_; }
  // Whether the connection may carry another message after this one.
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }
  [[nodiscard]] bool is_http_1_0() const { return http_1_0_; }
  // Length of the head: the body begins there.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // The parsed bytes now begin at `start`.
  void rebase(const char* start) { start_ = start; }

 protected:
  friend class HeadBuilder;
  struct Slice {
    std::uint16_t offset = 0;
    std::uint16_t length = 0;
  };
  [[nodiscard]] std::string_view view(Slice slice) const {
    return {start_ + slice.offset, slice.length};
  }

  const char* start_ = nullptr;
  std::array<std::array<Slice, 2>, kFieldLimit> fields_;  // name, value; the first count_ are set
  Framing framing_;
  std::uint32_t bytes_ = 0;
  std::uint16_t count_ = 0;
  bool keep_alive_ = false;
  bool http_1_0_ = false;
};

class RequestHead : public Head {
 public:
  [[nodiscard]] std::string_view method() const { return view(method_); }
  [[nodiscard]] std::string_view target() const { return view(target_); }
  // The target up to `?`, and what follows it (empty if nothing does).
  [[nodiscard]] std::string_view path() const;
  [[nodiscard]] std::string_view query() const;
  // Empty when an HTTP/1.0 request has none.
  [[nodiscard]] std::string_view host() const { return view(host_); }
  // The client waits for `100 Continue` before it sends the body.
  [[nodiscard]] bool expects_continue() const { return expects_continue_; }

 private:
  friend class HeadBuilder;
  Slice method_;
  Slice target_;
  Slice host_;
  bool expects_continue_ = false;
};

class ResponseHead : public Head {
 public:
  [[nodiscard]] int status() const { return status_; }

 private:
  friend class HeadBuilder;
  int status_ = 0;
};

// Finds the end of a head as its bytes arrive and gives what is certain to be wrong away early.
class HeadScanner {
 public:
  enum class Fault : std::uint8_t { kNone, kBareLf, kFolded, kTooLarge };
  // Scans on from where the last call stopped. True: a whole head, `size()` bytes long.
  bool scan(std::string_view bytes);
  [[nodiscard]] Fault fault() const { return fault_; }
  [[nodiscard]] std::size_t size() const { return line_; }

 private:
  std::size_t next_ = 0;  // first byte not looked at
  std::size_t line_ = 0;  // start of the line that next_ lies in
  Fault fault_ = Fault::kNone;
};

// Heads up to this size are remembered, to be recognised when they come again.
inline constexpr std::size_t kKnownHeadLimit = 1024;

// The request heads of one connection, one after the other. A client's requests mostly repeat the
// head before byte for byte; such a head is recognised and not parsed again.
class RequestParser {
 public:
  // The next request begins.
  void next();
  // `bytes`: all that was received since the request began, in one piece; between calls they may
  // move. False: more is needed. True: head() is set and refers to `bytes`; the body follows at
  // head().bytes(). One empty line before the request line is taken as part of the head.
  [[nodiscard]] Result<bool> parse(std::string_view bytes);

  [[nodiscard]] const RequestHead& head() const { return head_; }
  [[nodiscard]] RequestHead& head() { return head_; }

 private:
  [[nodiscard]] bool repeats(std::string_view bytes);

  HeadScanner scanner_;
  RequestHead head_;
  std::string known_;  // the bytes that head_ was parsed from; empty: do not compare
};

// The head that an upstream answered with last, remembered for the same purpose.
class KnownResponse {
 private:
  friend class ResponseParser;
  std::string bytes_;
  ResponseHead head_;
  bool to_head_ = false;
};

// One response head; informational answers (1xx) before it are skipped.
class ResponseParser {
 public:
  // `to_head`: the answer is one to HEAD and has no body whatever its fields say.
  explicit ResponseParser(bool to_head = false) : to_head_(to_head) {}
  // As RequestParser::parse; head().bytes() includes the informational answers.
  [[nodiscard]] Result<bool> parse(std::string_view bytes);
  // The same, and recognises or else remembers the head.
  [[nodiscard]] Result<bool> parse(std::string_view bytes, KnownResponse& known);

  [[nodiscard]] const ResponseHead& head() const { return head_; }
  [[nodiscard]] ResponseHead& head() { return head_; }

 private:
  HeadScanner scanner_;
  ResponseHead head_;
  std::size_t skipped_ = 0;  // bytes of informational answers
  bool to_head_;
};

// Takes the framing off a body. Bytes are given back as views of the input: nothing is copied and
// no tail must be carried over to the next call.
class BodyDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;  // of the input, data included
    std::string_view data;     // the next piece of body, empty if the input held none
  };
  BodyDecoder() : BodyDecoder(Framing{}, Code::kInvalidRequest) {}
  // `error` is the code of what the peer does wrong: kInvalidRequest or kUpstreamError.
  BodyDecoder(Framing framing, Code error);

  // Consumes framing and at most one piece of data. Call again with the rest while it consumes.
  [[nodiscard]] Result<Step> decode(std::string_view input);
  // The peer has sent its last byte: fails unless the body ends here.
  [[nodiscard]] Result<void> end();
  // The body is complete; what follows in the input belongs to the next message.
  [[nodiscard]] bool done() const { return state_ == State::kDone; }

 private:
  enum class State : std::uint8_t {
    kLength,      // remaining_ bytes of data
    kUntilClose,  // all is data
    kSize,        // hex digits of a chunk's size, digits_ of them read
    kExtension,
    kSizeLf,
    kChunk,  // remaining_ bytes of the chunk
    kChunkCr,
    kChunkLf,
    kTrailerStart,  // first byte of a trailer line or of the final CRLF
    kTrailer,
    kTrailerLf,
    kFinalLf,
    kDone,
  };
  [[nodiscard]] std::size_t pass_size_line(std::string_view input);
  [[nodiscard]] Step pass_data(std::string_view input);
  void begin_size();
  [[nodiscard]] Result<void> step_framing(char byte);
  [[nodiscard]] Result<void> size_byte(char byte);
  [[nodiscard]] Result<void> expect(char byte, char expected, State next);
  [[nodiscard]] tl::unexpected<Error> broken(std::string_view what) const;

  std::uint64_t remaining_ = 0;
  std::uint32_t extra_ = 0;  // bytes of extension or trailers so far
  std::uint8_t digits_ = 0;
  State state_ = State::kDone;
  Code error_;
};

// Whether a byte would end the line (CR, LF, NUL), and so begin a field of somebody else's making.
[[nodiscard]] bool breaks_line(std::string_view text);

// The phrase of the status line: "OK", "Not Found"; empty for a status we never send.
[[nodiscard]] std::string_view reason_phrase(int status);

// Writes a head into the caller's buffer. Running out of room, or a name or value that would break
// the head (CR, LF, NUL), makes finish() fail with `internal_error` and nothing else.
class FieldLines;

class HeadWriter {
 public:
  explicit HeadWriter(std::span<char> buffer) : buffer_(buffer) {}
  HeadWriter& status(int status);
  HeadWriter& request(std::string_view method, std::string_view target);
  HeadWriter& field(std::string_view name, std::string_view value);
  HeadWriter& field(std::string_view name, std::uint64_t value);
  HeadWriter& lines(const FieldLines& lines);
  // Part of a head that was made once and checked then.
  HeadWriter& raw(std::string_view checked);
  // `content-length`, `transfer-encoding: chunked`, or nothing.
  HeadWriter& framing(Framing framing);
  // Adds the empty line.
  [[nodiscard]] Result<std::string_view> finish();

 private:
  void put(std::string_view text);
  void put_checked(std::string_view text);

  std::span<char> buffer_;
  std::size_t used_ = 0;
  bool broken_ = false;
};

// A chunk on the wire is chunk_prefix + data + kChunkSuffix; the body ends with kLastChunk.
inline constexpr std::string_view kChunkSuffix = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
using ChunkPrefix = std::array<char, 18>;  // 16 hex digits, CRLF
// `size` ≥ 1: a chunk of size 0 would end the body.
[[nodiscard]] std::string_view chunk_prefix(ChunkPrefix& buffer, std::uint64_t size);

}  // namespace tdn::codec
