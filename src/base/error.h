// What went wrong, as a value: every fallible function returns `Result<T>` (base/result.h), and an
// `Error` carries the four facts its receiver decides by: which kind (Code), whose fault (Origin),
// whether another try can help (Retry), and a sentence for a person that names the thing and the
// remedy. Codes that a client may see form one table: HTTP status, `type` in both dialects, retry
// advice. Nothing else in the program maps codes to statuses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace tdn {

enum class Code : std::uint8_t {
  // Seen by clients of the gateway, in the order of the design's table.
  kInvalidRequest,
  kContextLengthExceeded,
  kContentBlocked,
  kInvalidApiKey,
  kPolicyDenied,
  kModelNotAllowed,
  kModelNotFound,
  kNotFound,
  kMethodNotAllowed,
  kRequestTimeout,
  kIdempotencyConflict,
  kRequestTooLarge,
  kWrongSite,
  kRateLimitExceeded,
  kInsufficientQuota,
  kHeadersTooLarge,
  kInternalError,
  kUpstreamError,
  kOverloaded,
  kQuotaUnavailable,
  kZoneUnavailable,
  kStorageUnavailable,
  kUpstreamTimeout,
  kStreamInterrupted,
  // Seen by callers of control's API, besides those above.
  kInvalidManifest,
  kInvalidToken,
  kConflict,
  kInUse,
  // Never leave the process as such.
  kCancelled,    // the request that waited was cancelled: client gone, drain, shutdown
  kTimeout,      // a deadline passed while waiting
  kClosed,       // the peer closed the stream
  kUnavailable,  // refused, unreachable, no descriptor: the outside said no
  kNoSpace,      // the disk is full
  kCorrupt,      // stored or received bytes do not add up
  kMissing,      // no such file or object
  kInvalid,      // input of ours or an operator's is wrong: manifest, flag, file
};
inline constexpr int kCodes = static_cast<int>(Code::kInvalid) + 1;

enum class Origin : std::uint8_t { kClient, kUpstream, kEdge, kControl };

enum class Retry : std::uint8_t {
  kNo,          // the same request will fail again
  kOtherRoute,  // another endpoint may do
  kSameRoute,   // even the same endpoint may do (a pooled connection turned out dead)
};

// One row of the table in error.cc.
struct CodeInfo {
  Code code;
  int status;                  // HTTP; 0 = never an HTTP answer
  std::string_view name;       // the `code` of the envelope and the metric label
  std::string_view openai;     // `type` in OpenAI's envelope
  std::string_view anthropic;  // `type` in Anthropic's envelope
  Origin origin;               // whose fault unless the place that made the error says otherwise
  Retry retry;
  bool retry_after;   // the answer carries Retry-After
  bool should_retry;  // false: the answer carries `x-should-retry: false`
};

[[nodiscard]] const CodeInfo& info(Code code);

// One pointer, so that what succeeds pays next to nothing for what might have failed. What was
// moved from may only be destroyed or assigned to.
class [[nodiscard]] Error {
 public:
  // `detail` is for a person: what was wrong and what to do; never a key, a prompt or a stack.
  [[gnu::cold]] Error(Code code, std::string detail);
  [[gnu::cold]] Error(Code code, const char* detail);
  [[gnu::cold]] Error(Code code, Origin origin, Retry retry, std::string detail);
  [[gnu::cold]] Error(const Error& other);
  Error(Error&& other) noexcept : facts_(std::exchange(other.facts_, nullptr)) {}
  Error& operator=(const Error& other) { return *this = Error(other); }
  Error& operator=(Error&& other) noexcept {
    std::swap(facts_, other.facts_);
    return *this;
  }
  [[gnu::cold]] ~Error();

  [[nodiscard]] Code code() const { return facts_->code; }
  [[nodiscard]] Origin origin() const { return facts_->origin; }
  [[nodiscard]] Retry retry() const { return facts_->retry; }
  [[nodiscard]] const std::string& detail() const { return facts_->detail; }

  // A field's name may be what a client made of it: no more of it is kept.
  static constexpr std::size_t kMostParam = 64;
  // The field of a request that is at fault, for `param` of OpenAI's envelope; empty if none is.
  [[nodiscard]] std::string_view param() const { return facts_->param; }
  // The same error, about that field.
  [[nodiscard]] Error about(std::string_view param) && {
    facts_->param = param.substr(0, kMostParam);
    return std::move(*this);
  }

  // The same error seen from further out: "while reading manifest a.yaml: …".
  [[nodiscard]] Error with(std::string_view context) const;

 private:
  struct Facts {
    Code code;
    Origin origin;
    Retry retry;
    std::string param;
    std::string detail;
  };
  Facts* facts_;  // owned
};

// "no_space: …", for logs and command lines.
[[nodiscard]] std::string to_string(const Error& error);

}  // namespace tdn
