#include "base/error.h"

#include <array>
#include <cstddef>

namespace tdn {
namespace {

using enum Code;
using enum Origin;

constexpr std::string_view kBadRequest = "invalid_request_error";
constexpr std::string_view kServer = "server_error";
constexpr std::string_view kApi = "api_error";
constexpr std::string_view kOverload = "overloaded_error";
constexpr std::string_view kRate = "rate_limit_error";
constexpr std::string_view kPermission = "permission_error";

// clang-format off
constexpr std::array<CodeInfo, kCodes> kTable{{
    // code                status  name                      OpenAI type              Anthropic type           origin     retry              after  should
    {kInvalidRequest,        400, "invalid_request",         kBadRequest,             kBadRequest,             kClient,   Retry::kNo,         false, false},
    {kContextLengthExceeded, 400, "context_length_exceeded", kBadRequest,             kBadRequest,             kClient,   Retry::kNo,         false, false},
    {kContentBlocked,        400, "content_blocked",         kBadRequest,             kBadRequest,             kClient,   Retry::kNo,         false, false},
    {kInvalidApiKey,         401, "invalid_api_key",         "authentication_error",  "authentication_error",  kClient,   Retry::kNo,         false, false},
    {kPolicyDenied,          403, "policy_denied",           kPermission,             kPermission,             kClient,   Retry::kNo,         false, false},
    {kModelNotAllowed,       403, "model_not_allowed",       kPermission,             kPermission,             kClient,   Retry::kNo,         false, false},
    {kModelNotFound,         404, "model_not_found",         kBadRequest,             "not_found_error",       kClient,   Retry::kNo,         false, false},
    {kNotFound,              404, "not_found",               kBadRequest,             "not_found_error",       kClient,   Retry::kNo,         false, false},
    {kMethodNotAllowed,      405, "method_not_allowed",      kBadRequest,             kBadRequest,             kClient,   Retry::kNo,         false, false},
    {kRequestTimeout,        408, "request_timeout",         kBadRequest,             kBadRequest,             kClient,   Retry::kNo,         false, true},
    {kIdempotencyConflict,   409, "idempotency_conflict",    kBadRequest,             kBadRequest,             kClient,   Retry::kNo,         false, false},
    {kRequestTooLarge,       413, "request_too_large",       kBadRequest,             "request_too_large",     kClient,   Retry::kNo,         false, false},
    {kWrongSite,             421, "wrong_site",              kBadRequest,             kBadRequest,             kClient,   Retry::kNo,         false, false},
    {kRateLimitExceeded,     429, "rate_limit_exceeded",     kRate,                   kRate,                   kClient,   Retry::kNo,         true,  true},
    {kInsufficientQuota,     429, "insufficient_quota",      "insufficient_quota",    "billing_error",         kClient,   Retry::kNo,         false, false},
    {kHeadersTooLarge,       431, "headers_too_large",       kBadRequest,             kBadRequest,             kClient,   Retry::kNo,         false, false},
    {kInternalError,         500, "internal_error",          kServer,                 kApi,                    kEdge,     Retry::kNo,         false, true},
    {kUpstreamError,         502, "upstream_error",          kServer,                 kApi,                    kUpstream, Retry::kOtherRoute, false, true},
    {kOverloaded,            503, "overloaded",              kServer,                 kOverload,               kEdge,     Retry::kOtherRoute, true,  true},
    {kQuotaUnavailable,      503, "quota_unavailable",       kServer,                 kOverload,               kControl,  Retry::kNo,         true,  true},
    {kZoneUnavailable,       503, "zone_unavailable",        kServer,                 kOverload,               kEdge,     Retry::kNo,         true,  true},
    {kStorageUnavailable,    503, "storage_unavailable",     kServer,                 kOverload,               kEdge,     Retry::kNo,         true,  true},
    {kUpstreamTimeout,       504, "upstream_timeout",        kServer,                 "timeout_error",         kUpstream, Retry::kOtherRoute, false, true},
    {kStreamInterrupted,     0,   "stream_interrupted",      kServer,                 kApi,                    kUpstream, Retry::kNo,         false, true},
    {kInvalidManifest,       400, "invalid_manifest",        kBadRequest,             kBadRequest,             kClient,   Retry::kNo,         false, false},
    {kInvalidToken,          401, "invalid_token",           "authentication_error",  "authentication_error",  kClient,   Retry::kNo,         false, false},
    {kConflict,              409, "conflict",                kBadRequest,             kBadRequest,             kClient,   Retry::kNo,         false, false},
    {kInUse,                 409, "in_use",                  kBadRequest,             kBadRequest,             kClient,   Retry::kNo,         false, false},
    {kCancelled,             0,   "cancelled",               "",                      "",                      kEdge,     Retry::kNo,         false, true},
    {kTimeout,               0,   "timeout",                 "",                      "",                      kEdge,     Retry::kNo,         false, true},
    {kClosed,                0,   "closed",                  "",                      "",                      kUpstream, Retry::kOtherRoute, false, true},
    {kUnavailable,           0,   "unavailable",             "",                      "",                      kUpstream, Retry::kOtherRoute, false, true},
    {kNoSpace,               0,   "no_space",                "",                      "",                      kEdge,     Retry::kNo,         false, true},
    {kCorrupt,               0,   "corrupt",                 "",                      "",                      kEdge,     Retry::kNo,         false, true},
    {kMissing,               0,   "missing",                 "",                      "",                      kEdge,     Retry::kNo,         false, true},
    {kInvalid,               0,   "invalid",                 "",                      "",                      kEdge,     Retry::kNo,         false, true},
}};
// clang-format on

constexpr bool rows_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (kTable[i].code != static_cast<Code>(i) || kTable[i].name.empty()) {
      return false;
    }
  }
  return true;
}
static_assert(rows_in_order(), "every code has its row, in the order of the enum");

}  // namespace

const CodeInfo& info(Code code) { return kTable[static_cast<std::size_t>(code)]; }

Error::Error(Code code, std::string detail)
    : Error(code, info(code).origin, info(code).retry, std::move(detail)) {}
Error::Error(Code code, const char* detail) : Error(code, std::string(detail)) {}
Error::Error(Code code, Origin origin, Retry retry, std::string detail)
    : facts_(new Facts{code, origin, retry, {}, std::move(detail)}) {}
Error::Error(const Error& other) : facts_(new Facts(*other.facts_)) {}
Error::~Error() { delete facts_; }

Error Error::with(std::string_view context) const {
  std::string text;
  text.reserve(context.size() + 2 + detail().size());
  text.append(context).append(": ").append(detail());
  return Error(code(), origin(), retry(), std::move(text)).about(param());
}

std::string to_string(const Error& error) {
  return std::string(info(error.code()).name) + ": " + error.detail();
}

}  // namespace tdn
