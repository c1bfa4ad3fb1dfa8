#include "codec/sse.h"

#include <algorithm>
#include <bit>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/assert.h"

namespace tdn::codec {
namespace {

constexpr std::string_view kMark = "\xEF\xBB\xBF";
constexpr std::size_t kNone = std::string_view::npos;

// The memory that a parser keeps between events; what a large event needed is given back.
constexpr std::size_t kKeptCapacity = std::size_t{4} * 1024;

// The first byte up to CR, of which text holds few but line ends.
const char* find_low_byte(const char* at, const char* end) {
#if defined(__SSE2__)
  const auto load = [](const char* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  const auto low_bytes = [](__m128i bytes) {
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8('\r')), bytes);
    return static_cast<unsigned>(_mm_movemask_epi8(low));
  };
  for (; end - at >= 64; at += 64) {
    const __m128i least = _mm_min_epu8(_mm_min_epu8(load(at), load(at + 16)),
                                       _mm_min_epu8(load(at + 32), load(at + 48)));
    if (low_bytes(least) != 0) {
      break;
    }
  }
  for (; end - at >= 16; at += 16) {
    if (const unsigned low = low_bytes(load(at)); low != 0) {
      return at + std::countr_zero(low);
    }
  }
#endif
  while (at != end && static_cast<unsigned char>(*at) > '\r') {
    ++at;
  }
  return at;
}

// The first CR or LF.
std::size_t find_line_end(std::string_view bytes, std::size_t from) {
  const char* const end = bytes.data() + bytes.size();
  const char* at = bytes.data() + from;
  while (at != end && *at != '\n' && *at != '\r') {
    at = find_low_byte(at + 1, end);
  }
  return at == end ? kNone : static_cast<std::size_t>(at - bytes.data());
}

// The value of a line `name: value`, one blank after the colon left out.
std::string_view value_of(std::string_view line, std::size_t name) {
  line.remove_prefix(std::min(name + 1, line.size()));
  if (line.starts_with(' ')) {
    line.remove_prefix(1);
  }
  return line;
}

bool is_field(std::string_view line, std::string_view name) {
  return line.starts_with(name) && (line.size() == name.size() || line[name.size()] == ':');
}

}  // namespace

void SseParser::push(std::string_view bytes) {
  TDN_ASSERT(input_.empty());
  input_ = bytes;
}

Result<std::optional<SseEvent>> SseParser::next() {
  if (too_large_) {
    return refuse();
  }
  drop_taken();
  drop_mark();
  if (input_.empty()) {
    return std::nullopt;
  }
  return carry_.empty() ? next_from_input() : next_from_carry();
}

std::optional<SseEvent> SseParser::finish() {
  drop_taken();
  if (carry_.empty() || find_end(carry_, scan_, true) == kNone) {
    return std::nullopt;
  }
  taken_ = true;
  return read(carry_, scan_.first);
}

// The end of the block that `bytes` begins with, past its empty line; kNone if it is not there yet.
// `last`: nothing will follow, so a final CR is a whole line end.
std::size_t SseParser::find_end(std::string_view bytes, Scan& scan, bool last) {
  while (true) {
    const std::size_t end = find_line_end(bytes, scan.next);
    if (end == kNone) {
      scan.next = bytes.size();
      return kNone;
    }
    std::size_t after = end + 1;
    if (bytes[end] == '\r') {
      if (after == bytes.size() && !last) {
        scan.next = end;
        return kNone;
      }
      after += after < bytes.size() && bytes[after] == '\n' ? 1 : 0;
    }
    const bool blank = end == scan.line;
    scan = {.first = scan.line == 0 ? end : scan.first, .line = after, .next = after};
    if (blank) {
      return after;
    }
  }
}

Result<std::optional<SseEvent>> SseParser::next_from_input() {
  const std::size_t end = find_end(input_, scan_, false);
  if (std::min(end, input_.size()) > kEventLimit) {
    return refuse();
  }
  if (end == kNone) {
    carry_.assign(input_);
    input_ = {};
    return std::nullopt;
  }
  const std::string_view raw = input_.substr(0, end);
  input_.remove_prefix(end);
  return read(raw, std::exchange(scan_, {}).first);
}

// Moves the input over line by line, so that no more than the event itself is copied.
Result<std::optional<SseEvent>> SseParser::next_from_carry() {
  while (!input_.empty()) {
    const std::size_t line = std::min(find_line_end(input_, 0), input_.size() - 1) + 1;
    carry_.append(input_.substr(0, line));
    input_.remove_prefix(line);
    const std::size_t end = find_end(carry_, scan_, false);
    if (std::min(end, carry_.size()) > kEventLimit) {
      return refuse();
    }
    if (end != kNone) {
      // The byte that showed a final CR to be a whole line end begins the next event, in the input.
      const std::size_t surplus = carry_.size() - end;
      input_ = {input_.data() - surplus, input_.size() + surplus};
      carry_.resize(end);
      taken_ = true;
      return read(carry_, scan_.first);
    }
  }
  return std::nullopt;
}

SseEvent SseParser::read(std::string_view raw, std::size_t line_end) {
  SseEvent event;
  event.raw = raw;
  for (std::size_t from = 0; from < raw.size(); from = line_end + 1) {
    line_end = from == 0 ? line_end : std::min(find_line_end(raw, from), raw.size());
    const std::string_view line = raw.substr(from, line_end - from);
    if (is_field(line, "data")) {
      const std::string_view value = value_of(line, 4);
      if (!event.has_data) {
        event.data = value;
        event.has_data = true;
        continue;
      }
      if (event.data.data() != joined_.data()) {
        joined_.assign(event.data);
      }
      joined_.append("\n").append(value);
      event.data = joined_;
    } else if (is_field(line, "event")) {
      event.type = value_of(line, 5);
    }
  }
  return event;
}

tl::unexpected<Error> SseParser::refuse() {
  too_large_ = true;
  return fail(Code::kUpstreamError, "an event of the stream is larger than 1 MiB");
}

void SseParser::drop_mark() {
  while (!started_ && !input_.empty()) {
    if (input_.front() == kMark[mark_]) {
      input_.remove_prefix(1);
      ++mark_;
      started_ = mark_ == kMark.size();
    } else {
      carry_.assign(kMark.substr(0, mark_));  // it was no mark after all
      started_ = true;
    }
  }
  if (started_) {
    mark_ = 0;
  }
}

void SseParser::drop_taken() {
  if (!taken_) {
    return;
  }
  taken_ = false;
  scan_ = {};
  carry_.clear();
  if (carry_.capacity() > kKeptCapacity) {
    carry_.shrink_to_fit();
  }
  if (joined_.capacity() > kKeptCapacity) {
    joined_ = {};
  }
}

}  // namespace tdn::codec
