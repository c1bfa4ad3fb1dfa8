#include <algorithm>
#include <charconv>
#include <cstring>

#include "codec/field_lines.h"
#include "codec/http1.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tdn::codec {

#if defined(__SSE2__)

bool breaks_line(std::string_view text) {
  const auto breaks = [](__m128i bytes) {
    const __m128i cr = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r'));
    const __m128i lf = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'));
    const __m128i nul = _mm_cmpeq_epi8(bytes, _mm_setzero_si128());
    return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(cr, lf), nul)) != 0;
  };
  const auto load = [&](std::size_t at) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
  };
  if (text.size() < 16) {
    __m128i bytes = _mm_set1_epi8(' ');
    std::memcpy(&bytes, text.data(), text.size());
    return breaks(bytes);
  }
  for (std::size_t at = 0; at + 16 < text.size(); at += 16) {
    if (breaks(load(at))) {
      return true;
    }
  }
  return breaks(load(text.size() - 16));
}

#else

bool breaks_line(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

#endif

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return {};
  }
}

HeadWriter& HeadWriter::status(int status) {
  if (status == 200) {
    put("HTTP/1.1 200 OK\r\n");
    return *this;
  }
  char digits[12];
  const auto result = std::to_chars(digits, digits + sizeof digits, status);
  put("HTTP/1.1 ");
  put({digits, static_cast<std::size_t>(result.ptr - digits)});
  put(" ");
  put(reason_phrase(status));
  put("\r\n");
  return *this;
}

HeadWriter& HeadWriter::lines(const FieldLines& lines) {
  put(lines.text());
  broken_ = broken_ || lines.broken();
  return *this;
}

HeadWriter& HeadWriter::raw(std::string_view checked) {
  put(checked);
  return *this;
}

HeadWriter& HeadWriter::request(std::string_view method, std::string_view target) {
  put_checked(method);
  put(" ");
  put_checked(target);
  put(" HTTP/1.1\r\n");
  return *this;
}

HeadWriter& HeadWriter::field(std::string_view name, std::string_view value) {
  const std::size_t size = name.size() + value.size() + 4;
  if (size > buffer_.size() - used_ || breaks_line(name) || breaks_line(value)) {
    broken_ = true;
    return *this;
  }
  char* at = buffer_.data() + used_;
  std::memcpy(at, name.data(), name.size());
  at += name.size();
  std::memcpy(at, ": ", 2);
  at += 2;
  if (!value.empty()) {
    std::memcpy(at, value.data(), value.size());
  }
  std::memcpy(at + value.size(), "\r\n", 2);
  used_ += size;
  return *this;
}

HeadWriter& HeadWriter::field(std::string_view name, std::uint64_t value) {
  char digits[20];
  const auto result = std::to_chars(digits, digits + sizeof digits, value);
  return field(name, std::string_view(digits, static_cast<std::size_t>(result.ptr - digits)));
}

HeadWriter& HeadWriter::framing(Framing framing) {
  switch (framing.kind) {
    case BodyKind::kLength:
      return field("content-length", framing.length);
    case BodyKind::kChunked:
      return field("transfer-encoding", "chunked");
    case BodyKind::kNone:
    case BodyKind::kUntilClose:
      break;
  }
  return *this;
}

Result<std::string_view> HeadWriter::finish() {
  put("\r\n");
  if (broken_) {
    return fail(Code::kInternalError, "an HTTP head does not fit its buffer or holds a line break");
  }
  return std::string_view(buffer_.data(), used_);
}

void HeadWriter::put(std::string_view text) {
  if (text.size() > buffer_.size() - used_) {
    broken_ = true;
    return;
  }
  if (!text.empty()) {
    std::memcpy(buffer_.data() + used_, text.data(), text.size());
    used_ += text.size();
  }
}

void HeadWriter::put_checked(std::string_view text) {
  const std::size_t start = used_;
  put(text);
  // Checked where it stands now: what was written is what counts.
  broken_ = broken_ || breaks_line({buffer_.data() + start, used_ - start});
}

}  // namespace tdn::codec
