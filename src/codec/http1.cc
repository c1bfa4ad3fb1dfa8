#include "codec/http1.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <cstring>
#include <string>

#include "base/assert.h"

namespace tdn::codec {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

// RFC 9110 §5.6.2.
bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c != '\0' && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr);
}

// Names, addresses and ports, brackets of IPv6 included: nothing that a URL parser could take for
// the end of the authority.
bool is_host_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c != '\0' && std::strchr("-._~:[]%", c) != nullptr);
}

// Our own findings travel through the parser as Beast's error codes; this table turns all of them
// into sentences.
std::string_view explain(const beast::error_code& error) {
  if (error == http::error::bad_method) {
    return "the method is not a token";
  }
  if (error == http::error::bad_target) {
    return "the request target is not a path";
  }
  if (error == http::error::bad_version) {
    return "the version is not HTTP/1.0 or HTTP/1.1";
  }
  if (error == http::error::bad_status || error == http::error::bad_reason) {
    return "the status line is malformed";
  }
  if (error == http::error::bad_content_length || error == http::error::multiple_content_length) {
    return "Content-Length is repeated, contradicted or not a number";
  }
  if (error == http::error::bad_transfer_encoding) {
    return "Transfer-Encoding is other than one `chunked`";
  }
  if (error == http::error::bad_field) {
    return "a header field's name is malformed";
  }
  return "a header field is malformed";
}

std::string_view explain(HeadScanner::Fault fault) {
  switch (fault) {
    case HeadScanner::Fault::kBareLf:
      return "a line ends with LF alone";
    case HeadScanner::Fault::kFolded:
      return "a header field is folded over several lines";
    case HeadScanner::Fault::kTooLarge:
      return "the header section is larger than 64 KiB";
    case HeadScanner::Fault::kNone:
      break;
  }
  return {};
}

tl::unexpected<Error> bad_request(std::string_view what) {
  return fail(Code::kInvalidRequest, "malformed HTTP request: " + std::string(what));
}

tl::unexpected<Error> bad_response(std::string_view what) {
  return fail(Code::kUpstreamError, "malformed HTTP response: " + std::string(what));
}

tl::unexpected<Error> too_large(std::string_view what) {
  return fail(Code::kHeadersTooLarge, std::string(what));
}

// The method is looked at as it comes in, so that a TLS hello or other noise is refused at its
// first byte and not after the head's deadline.
bool plausible_method(std::string_view bytes) {
  const std::size_t limit = std::min(bytes.size(), kMethodLimit + 1);
  for (std::size_t i = 0; i < limit; ++i) {
    if (bytes[i] == ' ') {
      return i > 0;
    }
    if (!is_token_char(bytes[i])) {
      return false;
    }
  }
  return limit <= kMethodLimit;
}

}  // namespace

Head& Head::operator=(const Head& other) {
  if (this != &other) {
    start_ = other.start_;
    std::copy_n(other.fields_.begin(), other.count_, fields_.begin());
    framing_ = other.framing_;
    bytes_ = other.bytes_;
    count_ = other.count_;
    keep_alive_ = other.keep_alive_;
    http_1_0_ = other.http_1_0_;
  }
  return *this;
}

Field Head::operator[](std::size_t i) const {
  TDN_CHECK(i < count_);
  return {view(fields_[i][0]), view(fields_[i][1])};
}

std::optional<std::string_view> Head::find(std::string_view name) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (fields_[i][0].length == name.size() && equals_ignoring_case(view(fields_[i][0]), name)) {
      return view(fields_[i][1]);
    }
  }
  return std::nullopt;
}

bool Head::lists(std::string_view name, std::string_view token) const {
  for (std::size_t i = 0; i < count_; ++i) {
    const Field field = (*this)[i];
    if (!equals_ignoring_case(field.name, name)) {
      continue;
    }
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (equals_ignoring_case(trim(rest.substr(0, comma)), token)) {
        return true;
      }
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

std::string_view RequestHead::path() const {
  return target().substr(0, std::min(target().find('?'), target().size()));
}

std::string_view RequestHead::query() const {
  const std::size_t mark = target().find('?');
  return mark == std::string_view::npos ? std::string_view{} : target().substr(mark + 1);
}

bool HeadScanner::scan(std::string_view bytes) {
  const std::size_t limit = std::min(bytes.size(), kHeadLimit);
  while (next_ < limit) {
    const void* found = std::memchr(bytes.data() + next_, '\n', limit - next_);
    if (found == nullptr) {
      next_ = limit;
      break;
    }
    const auto feed = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
    if (feed == line_ || bytes[feed - 1] != '\r') {
      fault_ = Fault::kBareLf;
      return false;
    }
    if (line_ > 0 && (bytes[line_] == ' ' || bytes[line_] == '\t')) {
      fault_ = Fault::kFolded;
      return false;
    }
    const bool blank = feed == line_ + 1;
    line_ = feed + 1;
    next_ = line_;
    if (blank) {
      return true;
    }
  }
  if (limit == kHeadLimit) {
    fault_ = Fault::kTooLarge;
  }
  return false;
}

// Fills the heads; the one place that knows both their insides and Beast's view of a message.
class HeadBuilder {
 public:
  HeadBuilder(Head& head, const char* start) : head_(head), start_(start) {
    head_.start_ = start;
    head_.count_ = 0;
    head_.framing_ = {};
  }

  [[nodiscard]] bool full() const { return full_; }

  void add(http::field known, beast::string_view name, beast::string_view value,
           beast::error_code& error) {
    if (head_.count_ == kFieldLimit) {
      full_ = true;
      error = http::error::header_limit;
      return;
    }
    head_.fields_[head_.count_] = {slice(name), slice(value)};
    ++head_.count_;
    switch (known) {
      case http::field::content_length:
        return add_length({value.data(), value.size()}, error);
      case http::field::transfer_encoding:
        // Beast takes any list that ends in `chunked`, and no body for all other values.
        if (chunked_ || !equals_ignoring_case({value.data(), value.size()}, "chunked")) {
          error = http::error::bad_transfer_encoding;
        }
        chunked_ = true;
        return;
      case http::field::host:
        hosts_ += 1;
        host_ = head_.fields_[head_.count_ - 1][1];
        return;
      default:
        return;
    }
  }

  void finish(std::size_t bytes, int version, bool keep_alive) {
    head_.bytes_ = static_cast<std::uint32_t>(bytes);
    head_.http_1_0_ = version == 10;
    head_.keep_alive_ = keep_alive;
    if (chunked_) {
      head_.framing_ = {.kind = BodyKind::kChunked, .length = 0};
    } else if (length_) {
      head_.framing_ = {.kind = BodyKind::kLength, .length = *length_};
    }
  }

  // What RFC 9112 §3 asks of a request beyond its grammar.
  Result<void> finish_request(RequestHead& head, std::string_view method, std::string_view target) {
    head.method_ = slice(method);
    head.target_ = slice(target);
    head.host_ = host_;
    if (target.size() > kTargetLimit) {
      return too_large("the request target is longer than 8 KiB");
    }
    if (!target.starts_with('/') && !(target == "*" && method == "OPTIONS")) {
      return bad_request("the target must be a path such as /v1/models: this is not a proxy");
    }
    if (hosts_ > 1 || (hosts_ == 0 && !head.is_http_1_0())) {
      return bad_request("exactly one Host field is needed");
    }
    if (!std::ranges::all_of(head.host(), is_host_char)) {
      return bad_request("the Host field is not a host name");
    }
    if (head.is_http_1_0() && chunked_) {
      return bad_request("HTTP/1.0 has no Transfer-Encoding");
    }
    if (head.framing_ == Framing{.kind = BodyKind::kLength, .length = 0}) {
      head.framing_ = {};
    }
    const auto expect = head.find("expect");
    head.expects_continue_ = expect && equals_ignoring_case(*expect, "100-continue") &&
                             !head.is_http_1_0() && head.framing_.kind != BodyKind::kNone;
    return {};
  }

  void finish_response(ResponseHead& head, int status, bool to_head) {
    head.status_ = status;
    if (to_head || status / 100 == 1 || status == 204 || status == 304) {
      head.framing_ = {};
    } else if (!chunked_ && !length_) {
      head.framing_ = {.kind = BodyKind::kUntilClose, .length = 0};
      head.keep_alive_ = false;
    }
  }

 private:
  void add_length(std::string_view value, beast::error_code& error) {
    std::uint64_t length = 0;
    const char* last = value.data() + value.size();
    const auto [end, fault] = std::from_chars(value.data(), last, length);
    if (length_ || value.empty() || fault != std::errc{} || end != last) {
      error = http::error::bad_content_length;
      return;
    }
    length_ = length;
  }

  [[nodiscard]] Head::Slice slice(std::string_view view) const {
    return {static_cast<std::uint16_t>(view.data() - start_),
            static_cast<std::uint16_t>(view.size())};
  }
  [[nodiscard]] Head::Slice slice(beast::string_view view) const {
    return slice(std::string_view{view.data(), view.size()});
  }

  Head& head_;
  const char* start_;
  std::optional<std::uint64_t> length_;
  Head::Slice host_;
  int hosts_ = 0;
  bool chunked_ = false;
  bool full_ = false;
};

namespace {

// Beast's grammar over a head that is known to be whole. Only its start line and fields are used:
// bodies are BodyDecoder's.
template <bool kRequest>
class Grammar final : public http::basic_parser<kRequest> {
 public:
  explicit Grammar(HeadBuilder& builder) : builder_(builder) {
    this->header_limit(kHeadLimit + 1);
    this->body_limit(boost::none);
  }

  std::string_view method;
  std::string_view target;
  int status_code = 0;
  int version = 0;

 private:
  void on_request_impl(http::verb /*verb*/, beast::string_view name, beast::string_view path,
                       int number, beast::error_code& error) override {
    if (name.size() > kMethodLimit) {
      error = http::error::bad_method;
    }
    method = {name.data(), name.size()};
    target = {path.data(), path.size()};
    version = number;
  }
  void on_response_impl(int code, beast::string_view /*reason*/, int number,
                        beast::error_code& /*error*/) override {
    status_code = code;
    version = number;
  }
  void on_field_impl(http::field known, beast::string_view name, beast::string_view value,
                     beast::error_code& error) override {
    builder_.add(known, name, value, error);
  }
  void on_header_impl(beast::error_code& /*error*/) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/,
                         beast::error_code& /*error*/) override {}
  std::size_t on_body_impl(beast::string_view /*body*/, beast::error_code& /*error*/) override {
    return 0;
  }
  void on_chunk_header_impl(std::uint64_t /*size*/, beast::string_view /*extensions*/,
                            beast::error_code& /*error*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*remaining*/, beast::string_view /*body*/,
                                 beast::error_code& /*error*/) override {
    return 0;
  }
  void on_finish_impl(beast::error_code& /*error*/) override {}

  HeadBuilder& builder_;
};

// Runs the grammar over exactly one head.
template <bool kRequest>
beast::error_code run(Grammar<kRequest>& grammar, std::string_view head) {
  beast::error_code error;
  const std::size_t used = grammar.put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (!error && (used != head.size() || !grammar.is_header_done())) {
    error = http::error::bad_field;
  }
  return error;
}

}  // namespace

void RequestParser::next() { scanner_ = {}; }

// Whether `bytes` begin with the head before, which then is the head again. Forgets that head once
// another one is certain to come, since parsing overwrites it.
bool RequestParser::repeats(std::string_view bytes) {
  if (bytes.starts_with(known_)) {
    head_.rebase(bytes.data());
    return !known_.empty();
  }
  if (!known_.starts_with(bytes)) {
    known_.clear();
  }
  return false;
}

Result<bool> RequestParser::parse(std::string_view bytes) {
  if (repeats(bytes)) {
    return true;
  }
  if (bytes == "\r") {
    return false;
  }
  const std::size_t lead = bytes.starts_with("\r\n") ? 2 : 0;
  const std::string_view rest = bytes.substr(lead);
  if (!plausible_method(rest)) {
    return bad_request("this does not begin with an HTTP method");
  }
  if (!scanner_.scan(rest)) {
    if (scanner_.fault() == HeadScanner::Fault::kTooLarge) {
      return too_large(explain(scanner_.fault()));
    }
    if (scanner_.fault() != HeadScanner::Fault::kNone) {
      return bad_request(explain(scanner_.fault()));
    }
    return false;
  }
  HeadBuilder builder(head_, bytes.data());
  Grammar<true> grammar(builder);
  if (const auto error = run(grammar, rest.substr(0, scanner_.size()))) {
    if (builder.full()) {
      return too_large("the request has more than 96 header fields");
    }
    return bad_request(explain(error));
  }
  builder.finish(lead + scanner_.size(), grammar.version, grammar.keep_alive());
  TDN_TRY_VOID(builder.finish_request(head_, grammar.method, grammar.target));
  if (head_.bytes() <= kKnownHeadLimit) {
    known_.assign(bytes.substr(0, head_.bytes()));
  }
  return true;
}

Result<bool> ResponseParser::parse(std::string_view bytes) {
  while (true) {
    const std::string_view rest = bytes.substr(skipped_);
    if (!scanner_.scan(rest)) {
      if (scanner_.fault() != HeadScanner::Fault::kNone) {
        return bad_response(explain(scanner_.fault()));
      }
      return false;
    }
    const std::size_t end = skipped_ + scanner_.size();
    if (end > kHeadLimit) {
      return bad_response(explain(HeadScanner::Fault::kTooLarge));
    }
    HeadBuilder builder(head_, bytes.data());
    Grammar<false> grammar(builder);
    if (const auto error = run(grammar, rest.substr(0, scanner_.size()))) {
      return bad_response(builder.full() ? "more than 96 header fields" : explain(error));
    }
    builder.finish(end, grammar.version, grammar.keep_alive());
    builder.finish_response(head_, grammar.status_code, to_head_);
    if (grammar.status_code == 101) {
      return bad_response("it switches protocols unasked");
    }
    if (grammar.status_code / 100 != 1) {
      return true;
    }
    skipped_ = end;
    scanner_ = {};
  }
}

Result<bool> ResponseParser::parse(std::string_view bytes, KnownResponse& known) {
  if (!known.bytes_.empty() && known.to_head_ == to_head_ && bytes.starts_with(known.bytes_)) {
    head_ = known.head_;
    head_.rebase(bytes.data());
    return true;
  }
  TDN_TRY(const bool whole, parse(bytes));
  if (whole && head_.bytes() <= kKnownHeadLimit) {
    known.bytes_.assign(bytes.substr(0, head_.bytes()));
    known.head_ = head_;
    known.to_head_ = to_head_;
  }
  return whole;
}

}  // namespace tdn::codec
