#include "http/fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "codec/http1.h"
#include "io/loop.h"

namespace tdn::http {
namespace {

tl::unexpected<Error> bad_url(std::string_view text, std::string_view what) {
  return fail(Code::kInvalid, fmt::format("'{}' is not a usable URL: {}", text, what));
}

// "host", "host:port", "[v6]:port".
Result<void> read_authority(std::string_view text, std::string_view authority, Url& url) {
  std::size_t host_end = authority.find(':');
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) {
      return bad_url(text, "an IPv6 address needs its closing bracket");
    }
    url.host = authority.substr(1, bracket - 1);
    host_end = bracket + 1;
  } else {
    host_end = std::min(host_end, authority.size());
    url.host = authority.substr(0, host_end);
  }
  if (url.host.empty()) {
    return bad_url(text, "the host is missing");
  }
  const std::string_view rest = authority.substr(host_end);
  if (rest.empty()) {
    return {};
  }
  const char* last = rest.data() + rest.size();
  const auto [end, fault] = std::from_chars(rest.data() + 1, last, url.port);
  if (rest.front() != ':' || fault != std::errc{} || end != last || url.port == 0) {
    return bad_url(text, "the port is not a number from 1 to 65535");
  }
  return {};
}

Result<std::string> request_head(const FetchRequest& request, const Url& url) {
  std::string head(std::size_t{16} * 1024, '\0');
  codec::HeadWriter writer(head);
  writer.request(request.method, url.target).field("host", url.authority());
  writer.field("connection", "close");
  for (const auto& [name, value] : request.fields) {
    writer.field(name, value);
  }
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    writer.field("content-length", std::uint64_t{request.body.size()});
  }
  TDN_TRY(const std::string_view written, writer.finish());
  head.resize(written.size());
  return head;
}

// The connection and what was received on it.
class Receiver {
 public:
  Receiver(io::Stream& stream, std::size_t limit) : stream_(stream), limit_(limit) {}

  io::Task<Result<Fetched>> run(bool to_head) {
    codec::ResponseParser parser(to_head);
    while (true) {
      TDN_CO_TRY(const bool more, co_await receive());
      if (!more) {
        co_return fail(Code::kClosed, "the connection was closed without an answer");
      }
      TDN_CO_TRY(const bool whole, parser.parse(bytes_));
      if (whole) {
        break;
      }
    }
    Fetched answer;
    const codec::ResponseHead& head = parser.head();
    answer.status = head.status();
    for (std::size_t i = 0; i < head.size(); ++i) {
      answer.fields.emplace_back(head[i].name, head[i].value);
    }
    codec::BodyDecoder decoder(head.framing(), Code::kUpstreamError);
    bytes_.erase(0, head.bytes());
    while (true) {
      TDN_CO_TRY_VOID(take(decoder, answer.body));
      if (decoder.done()) {
        co_return answer;
      }
      TDN_CO_TRY(const bool more, co_await receive());
      if (!more) {
        TDN_CO_TRY_VOID(decoder.end());
      }
    }
  }

 private:
  // False at the peer's end.
  io::Task<Result<bool>> receive() {
    std::array<char, 8192> buffer;
    TDN_CO_TRY(const std::size_t count, co_await io::read_some(stream_, buffer));
    bytes_.append(buffer.data(), count);
    co_return count > 0;
  }

  Result<void> take(codec::BodyDecoder& decoder, std::string& body) {
    std::string_view rest = bytes_;
    while (!rest.empty() && !decoder.done()) {
      TDN_TRY(const codec::BodyDecoder::Step step, decoder.decode(rest));
      body.append(step.data);
      rest.remove_prefix(step.consumed);
      if (body.size() > limit_) {
        return fail(Code::kUpstreamError,
                    fmt::format("the answer is larger than {} bytes", limit_));
      }
    }
    bytes_.clear();
    return {};
  }

  io::Stream& stream_;
  std::size_t limit_;
  std::string bytes_;
};

}  // namespace

std::string Url::authority() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}

Result<Url> parse_url(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (!text.starts_with(kScheme)) {
    return bad_url(text, "it must begin with http://");
  }
  const auto is_plain = [](char c) { return c > ' ' && c < 0x7f && c != '#' && c != '\\'; };
  if (!std::ranges::all_of(text, is_plain)) {
    return bad_url(text, "blanks, controls, backslashes, fragments and non-ASCII are not taken");
  }
  const std::string_view rest = text.substr(kScheme.size());
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  const std::string_view authority = rest.substr(0, end);
  if (authority.find('@') != std::string_view::npos) {
    return bad_url(text, "credentials do not belong into a URL");
  }
  Url url;
  TDN_TRY_VOID(read_authority(text, authority, url));
  if (end < rest.size()) {
    url.target = rest.substr(end);
    if (rest[end] == '?') {
      url.target.insert(0, "/");
    }
  }
  return url;
}

std::optional<std::string_view> Fetched::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (codec::equals_ignoring_case(key, name)) {
      return value;
    }
  }
  return std::nullopt;
}

io::Task<Result<Fetched>> fetch(io::Network& network, FetchRequest request) {
  TDN_CO_TRY(const Url url, parse_url(request.url));
  TDN_CO_TRY(const std::string head, request_head(request, url));
  io::Context& context = co_await io::this_context();
  const io::DeadlineScope deadline(context, context.loop().now() + request.timeout);
  TDN_CO_TRY(const io::Address address, co_await network.resolve(url.host, url.port));
  TDN_CO_TRY(const std::unique_ptr<io::Stream> stream, co_await network.connect(address));
  const std::array<io::Slice, 2> slices{io::Slice(head), io::Slice(request.body)};
  TDN_CO_TRY_VOID(co_await io::write_all(*stream, std::span<const io::Slice>(slices)));
  Receiver receiver(*stream, request.limit);
  Result<Fetched> answer = co_await receiver.run(request.method == "HEAD");
  co_return answer;
}

}  // namespace tdn::http
