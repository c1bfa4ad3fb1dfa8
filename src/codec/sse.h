// Server-sent events (WHATWG HTML §9.2) taken apart as they arrive, for a relay that forwards whole
// events byte for byte and looks at their data on the side.
//
//   parser.push(bytes);
//   while (true) {
//     TDN_TRY(const std::optional<SseEvent> event, parser.next());
//     if (!event) break;                       // all of `bytes` is used up
//     … event->raw, event->data …
//   }
//
// An event that lies in one push is given as views of the pushed bytes, without a copy; only an
// event that is split over pushes passes through the parser's own memory. Any split gives the same
// events. Lines end with LF, CRLF or CR. A byte order mark at the start of the stream is dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tdn::codec {

inline constexpr std::size_t kEventLimit = std::size_t{1024} * 1024;  // raw bytes of one event

// A block of lines up to and with its empty line: an event, a group of comments, or an empty line
// of its own. The views hold until the next call of next() or push().
struct SseEvent {
  std::string_view raw;   // terminator included
  std::string_view data;  // the `data` lines joined by LF
  std::string_view type;  // of the `event` line, empty if there was none
  bool has_data = false;  // false: comments or other fields alone, which clients do not dispatch
};

class SseParser {
 public:
  // Gives the next bytes, which must stay until next() has returned nullopt. Everything of the push
  // before must have been taken.
  void push(std::string_view bytes);

  // The next event, or nullopt when the rest is the beginning of one (it is kept). An event beyond
  // kEventLimit is `upstream_error`, and so is every call after that.
  //
  // An event whose empty line ends in CR is given once the byte after it is there, since a LF would
  // still belong to it. No known engine ends lines so.
  [[nodiscard]] Result<std::optional<SseEvent>> next();

  // The stream has ended: the last event if only the LF after its final CR could still have come.
  [[nodiscard]] std::optional<SseEvent> finish();

  // Bytes of an event that has begun and not ended.
  [[nodiscard]] std::size_t pending() const {
    return (taken_ ? 0 : carry_.size()) + input_.size() + mark_;
  }

 private:
  // How far a run of bytes that begins with an event has been searched for its end.
  struct Scan {
    std::size_t first = 0;  // end of the first line, once past it
    std::size_t line = 0;   // start of the line being looked at
    std::size_t next = 0;   // first byte not looked at
  };
  [[nodiscard]] static std::size_t find_end(std::string_view bytes, Scan& scan, bool last);
  [[nodiscard]] Result<std::optional<SseEvent>> next_from_input();
  [[nodiscard]] Result<std::optional<SseEvent>> next_from_carry();
  // `line_end`: of the first line.
  [[nodiscard]] SseEvent read(std::string_view raw, std::size_t line_end);
  [[nodiscard]] tl::unexpected<Error> refuse();
  void drop_mark();
  void drop_taken();

  std::string_view input_;  // of the current push, not yet taken
  std::string carry_;       // the beginning of an event, from earlier pushes
  std::string joined_;      // data of an event with several data lines
  Scan scan_;               // over carry_, or over input_ when carry_ is empty
  std::uint8_t mark_ = 0;   // bytes of the byte order mark seen
  bool started_ = false;    // past the place of the byte order mark
  bool taken_ = false;      // carry_ holds an event that was given out
  bool too_large_ = false;
};

}  // namespace tdn::codec
