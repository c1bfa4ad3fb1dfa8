// What the load generator and the mock engine share: loopback sockets, the clock that both read,
// and a reader for HTTP/1 answers that checks what it reads.
//
// These programs measure others, so they must cost far less than what they measure: raw epoll, no
// allocation per message, and only as much HTTP as OpenAI-shaped traffic on loopback needs. Nothing
// of this is part of the product.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tdn::bench {

// CLOCK_MONOTONIC, the same in every process of one machine: an event carries its send time.
[[nodiscard]] std::uint64_t now_ns();

// Non-blocking listener on 127.0.0.1 with SO_REUSEPORT; exits the program with a message on
// failure.
[[nodiscard]] int listen_on(std::uint16_t port);
// Connected socket to 127.0.0.1 with TCP_NODELAY, non-blocking once connected; -1 on failure.
[[nodiscard]] int connect_to(std::uint16_t port);

// Value of the header `name` (lower case, with colon) in `head`, or empty.
[[nodiscard]] std::string_view header(std::string_view head, std::string_view name);

// In an event's content: the marker and 20 digits of now_ns() at the moment of sending.
inline constexpr std::string_view kStampMark = "\"content\":\"t=";
inline constexpr std::size_t kStampDigits = 20;

// Takes chunked transfer coding off a body that arrives in pieces.
class ChunkDecoder {
 public:
  void reset() { *this = {}; }
  // Decodes in place; returns how many bytes at the front of `data` are payload now.
  [[nodiscard]] std::size_t decode(std::span<char> data);
  [[nodiscard]] bool done() const { return state_ == State::kDone; }
  [[nodiscard]] bool failed() const { return state_ == State::kFailed; }

 private:
  enum class State { kSize, kExtension, kData, kDataEnd, kTrailer, kDone, kFailed };
  void size_byte(char c);
  void trailer_byte(char c);
  State state_ = State::kSize;
  std::uint64_t left_ = 0;          // of the current chunk
  std::uint32_t digits_ = 0;        // of its size
  std::uint32_t trailer_line_ = 0;  // bytes of the current trailer line
};

// Reads one answer after another from one connection.
class AnswerReader {
 public:
  enum class State {
    kMore,      // not complete yet
    kComplete,  // status 200, framing right, and a whole body: JSON object, or stream with [DONE]
    kWrong,     // anything else; the connection is of no further use
  };

  void reset(bool stream);
  // Consumes all of `data`, changing it. Send times of the events found are appended to `stamps`.
  [[nodiscard]] State feed(std::span<char> data, std::vector<std::uint64_t>& stamps);
  [[nodiscard]] int status() const { return status_; }
  // Events with content in this answer so far.
  [[nodiscard]] std::uint64_t events() const { return events_; }

 private:
  [[nodiscard]] bool read_head();
  [[nodiscard]] State body(std::span<char> data, std::vector<std::uint64_t>& stamps);
  void payload(std::string_view data, std::vector<std::uint64_t>& stamps);
  void event(std::string_view event, std::vector<std::uint64_t>& stamps);

  bool stream_ = false;
  bool in_body_ = false;
  bool chunked_ = false;
  bool done_marker_ = false;
  char first_ = 0;
  char last_ = 0;
  int status_ = 0;
  std::uint64_t left_ = 0;  // of a body with Content-Length
  std::uint64_t events_ = 0;
  ChunkDecoder chunks_;
  std::string partial_;  // head, later an event, of which only the beginning is here
};

}  // namespace tdn::bench
