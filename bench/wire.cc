#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tdn::bench {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void set_option(int fd, int level, int option) {
  const int one = 1;
  setsockopt(fd, level, option, &one, sizeof one);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::uint64_t now_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(time.tv_nsec);
}

int listen_on(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  set_option(fd, SOL_SOCKET, SO_REUSEADDR);
  set_option(fd, SOL_SOCKET, SO_REUSEPORT);
  const sockaddr_in address = loopback(port);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 4096) != 0) {
    std::fprintf(stderr, "cannot listen on 127.0.0.1:%u: %s\n", unsigned{port},
                 std::strerror(errno));
    std::exit(1);
  }
  return fd;
}

int connect_to(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return -1;
  }
  const sockaddr_in address = loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  set_option(fd, IPPROTO_TCP, TCP_NODELAY);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

std::string_view header(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at)) {
    at += 2;
    if (at + name.size() > head.size()) {
      break;
    }
    if (strncasecmp(head.data() + at, name.data(), name.size()) == 0) {
      const std::size_t end = std::min(head.find("\r\n", at), head.size());
      std::string_view value = head.substr(at + name.size(), end - at - name.size());
      value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
      return value;
    }
  }
  return {};
}

void ChunkDecoder::size_byte(char c) {
  if (c == ';' || c == '\r') {
    state_ = digits_ == 0 ? State::kFailed : State::kExtension;
    return;
  }
  const int digit = hex_digit(c);
  if (digit < 0 || ++digits_ > 8) {
    state_ = State::kFailed;
    return;
  }
  left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
}

void ChunkDecoder::trailer_byte(char c) {
  if (c == '\r') {
    return;
  }
  if (c != '\n') {
    ++trailer_line_;
    return;
  }
  if (trailer_line_ == 0) {
    state_ = State::kDone;
  }
  trailer_line_ = 0;
}

std::size_t ChunkDecoder::decode(std::span<char> data) {
  std::size_t out = 0;
  std::size_t at = 0;
  while (at < data.size() && !failed()) {
    switch (state_) {
      case State::kSize:
        size_byte(data[at++]);
        break;
      case State::kExtension:
        if (data[at++] == '\n') {
          state_ = left_ == 0 ? State::kTrailer : State::kData;
        }
        break;
      case State::kData: {
        const std::size_t part = std::min<std::uint64_t>(left_, data.size() - at);
        std::memmove(&data[out], &data[at], part);
        out += part;
        at += part;
        left_ -= part;
        state_ = left_ == 0 ? State::kDataEnd : State::kData;
        break;
      }
      case State::kDataEnd:
        if (data[at++] == '\n') {
          state_ = State::kSize;
          digits_ = 0;
        }
        break;
      case State::kTrailer:
        trailer_byte(data[at++]);
        break;
      case State::kDone:  // an answer nobody asked for
      case State::kFailed:
        state_ = State::kFailed;
        break;
    }
  }
  return out;
}

void AnswerReader::reset(bool stream) {
  stream_ = stream;
  in_body_ = chunked_ = done_marker_ = false;
  first_ = last_ = 0;
  status_ = 0;
  left_ = events_ = 0;
  chunks_.reset();
  partial_.clear();
}

// From partial_, which holds the head with its closing line ends.
bool AnswerReader::read_head() {
  const std::string_view head = partial_;
  if (!head.starts_with("HTTP/1.1 ") || head.size() < 12) {
    return false;
  }
  std::from_chars(head.data() + 9, head.data() + 12, status_);
  if (header(head, "transfer-encoding:") == "chunked") {
    chunked_ = true;
    return status_ == 200;
  }
  const std::string_view length = header(head, "content-length:");
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), left_);
  return status_ == 200 && error == std::errc{} && end == length.data() + length.size();
}

AnswerReader::State AnswerReader::feed(std::span<char> data, std::vector<std::uint64_t>& stamps) {
  if (in_body_) {
    return body(data, stamps);
  }
  const std::size_t before = partial_.size();
  partial_.append(data.data(), data.size());
  const std::size_t end = partial_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
  if (end == partial_.npos) {
    return partial_.size() > 65'536 ? State::kWrong : State::kMore;
  }
  partial_.resize(end + 4);
  const bool good = read_head();
  in_body_ = true;
  const std::size_t head_part = partial_.size() - before;
  partial_.clear();
  return good ? body(data.subspan(head_part), stamps) : State::kWrong;
}

AnswerReader::State AnswerReader::body(std::span<char> data, std::vector<std::uint64_t>& stamps) {
  std::size_t size = data.size();
  if (chunked_) {
    size = chunks_.decode(data);
  } else if (size > left_) {
    return State::kWrong;
  } else {
    left_ -= size;
  }
  payload({data.data(), size}, stamps);
  if (chunked_ && chunks_.failed()) {
    return State::kWrong;
  }
  if (!(chunked_ ? chunks_.done() : left_ == 0)) {
    return State::kMore;
  }
  const bool whole = stream_ ? done_marker_ && partial_.empty() : first_ == '{' && last_ == '}';
  return whole ? State::kComplete : State::kWrong;
}

void AnswerReader::payload(std::string_view data, std::vector<std::uint64_t>& stamps) {
  if (data.empty()) {
    return;
  }
  if (!stream_) {
    first_ = first_ == 0 ? data.front() : first_;
    last_ = data.back();
    return;
  }
  if (!partial_.empty()) {
    partial_.append(data);
    data = partial_;
  }
  for (std::size_t end = data.find("\n\n"); end != data.npos; end = data.find("\n\n")) {
    event(data.substr(0, end), stamps);
    data.remove_prefix(end + 2);
  }
  partial_ = std::string(data);
}

void AnswerReader::event(std::string_view event, std::vector<std::uint64_t>& stamps) {
  if (event.ends_with("data: [DONE]")) {
    done_marker_ = true;
    return;
  }
  const std::size_t mark = event.find(kStampMark);
  if (mark == event.npos || mark + kStampMark.size() + kStampDigits > event.size()) {
    return;
  }
  const char* digits = event.data() + mark + kStampMark.size();
  std::uint64_t sent = 0;
  std::from_chars(digits, digits + kStampDigits, sent);
  stamps.push_back(sent);
  ++events_;
  done_marker_ = false;  // content after [DONE] is no whole answer
}

}  // namespace tdn::bench
