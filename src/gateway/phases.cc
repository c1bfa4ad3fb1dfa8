#include "gateway/phases.h"

#include <fmt/format.h>

#include <array>

#include "domain/policy.h"
#include "gateway/attribution.h"
#include "gateway/known_key.h"

namespace tdn::gateway {
namespace {

constexpr std::size_t kReferenceLimit = 128;

struct Operation {
  std::string_view path;
  codec::Operation operation;
};
constexpr std::array<Operation, 3> kOperations{{
    {"/v1/chat/completions", codec::Operation::kChatCompletions},
    {"/v1/completions", codec::Operation::kCompletions},
    {"/v1/embeddings", codec::Operation::kEmbeddings},
}};
constexpr std::string_view kModels = "/v1/models";
constexpr std::string_view kExplain = "/tdn/v1/explain";

Result<void> require_method(const codec::RequestHead& head, bool get) {
  const std::string_view method = head.method();
  if (get ? method == "GET" || method == "HEAD" : method == "POST") {
    return {};
  }
  return fail(Code::kMethodNotAllowed,
              fmt::format("{} takes {}", head.path(), get ? "GET" : "POST"));
}

Result<void> find_target(Request& request, const codec::RequestHead& head) {
  const std::string_view path = head.path();
  for (const Operation& known : kOperations) {
    if (path == known.path) {
      request.operation = known.operation;
      request.path = known.path;
      return require_method(head, false);
    }
  }
  if (path == kExplain) {
    request.target = Target::kExplain;
    return require_method(head, false);
  }
  if (path == kModels) {
    request.target = Target::kListModels;
    return require_method(head, true);
  }
  if (path.starts_with(kModels) && path.size() > kModels.size() + 1 &&
      path[kModels.size()] == '/') {
    request.target = Target::kShowModel;
    request.model_in_path = path.substr(kModels.size() + 1);
    return require_method(head, true);
  }
  return fail(
      Code::kNotFound,
      "there is nothing at this path; this service has /v1/chat/completions, /v1/completions, "
      "/v1/embeddings, /v1/models and /tdn/v1/explain");
}

// A value that may be echoed and logged: printable ASCII, not long.
bool is_harmless(std::string_view value) {
  return value.size() <= kReferenceLimit &&
         std::all_of(value.begin(), value.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// The fields that `accept` looks at, found in one pass: the first of each name.
enum Known : std::size_t { kReference, kTraceParent, kIdempotencyKey, kLocation, kTags };
constexpr std::array<std::string_view, 5> kKnownNames{
    "x-client-request-id", "traceparent", "idempotency-key", "tdn-client-location", "tdn-tags"};
using KnownFields = std::array<std::optional<std::string_view>, kKnownNames.size()>;

KnownFields find_known(const codec::RequestHead& head) {
  KnownFields found;
  for (std::size_t i = 0; i < head.size(); ++i) {
    const codec::Field field = head[i];
    for (std::size_t known = 0; known < kKnownNames.size(); ++known) {
      if (codec::equals_ignoring_case(field.name, kKnownNames[known]) && !found[known]) {
        found[known] = field.value;
      }
    }
  }
  return found;
}

// A list may stand in several fields of its name.
Result<void> take_tags(Request& request, const codec::RequestHead& head) {
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (codec::equals_ignoring_case(head[i].name, kKnownNames[kTags])) {
      TDN_TRY_VOID(add_tags(head[i].value, request.tags));
    }
  }
  return {};
}

Result<void> take_fields(Request& request, const codec::RequestHead& head) {
  const KnownFields fields = find_known(head);
  if (const auto& reference = fields[kReference]; reference && is_harmless(*reference)) {
    request.client_reference = *reference;
  }
  if (const auto& parent = fields[kTraceParent]; parent && is_harmless(*parent)) {
    request.trace_parent = *parent;
  }
  if (fields[kIdempotencyKey]) {
    return fail(Error(Code::kInvalidRequest,
                      "Idempotency-Key is not supported yet; send the request without it")
                    .about("Idempotency-Key"));
  }
  if (fields[kTags]) {
    TDN_TRY_VOID(take_tags(request, head));
  }
  // Everybody who can connect is on this machine: the listener takes loopback only.
  if (const auto& location = fields[kLocation]) {
    TDN_TRY(request.location, parse_client_location(*location));
  }
  return {};
}

bool equals_bearer(std::string_view scheme) {
  return codec::equals_ignoring_case(scheme, "bearer");
}

std::optional<std::string_view> bearer_token(std::string_view authorization) {
  const std::size_t space = authorization.find(' ');
  if (space == std::string_view::npos || !equals_bearer(authorization.substr(0, space))) {
    return std::nullopt;
  }
  const std::size_t start = authorization.find_first_not_of(' ', space);
  return start == std::string_view::npos ? std::string_view() : authorization.substr(start);
}

// The one key that was given. Were there two, another parser before us could have picked the other.
Result<std::string_view> presented_key(const codec::RequestHead& head) {
  std::array<std::optional<std::string_view>, 2> found;
  for (std::size_t i = 0; i < head.size(); ++i) {
    const codec::Field field = head[i];
    const bool authorization = codec::equals_ignoring_case(field.name, "authorization");
    if (!authorization && !codec::equals_ignoring_case(field.name, "x-api-key")) {
      continue;
    }
    std::optional<std::string_view>& given = found[authorization ? 0 : 1];
    if (given) {
      return fail(Code::kInvalidApiKey, "more than one API key was given; send exactly one");
    }
    given = field.value;
  }
  std::optional<std::string_view> key = found[0] ? bearer_token(*found[0]) : found[1];
  if (!key || key->empty()) {
    return fail(Code::kInvalidApiKey,
                "no API key was given; send it as `Authorization: Bearer sk-tdn-…`");
  }
  if (found[1] && *found[1] != *key) {
    return fail(Code::kInvalidApiKey,
                "`Authorization` and `x-api-key` hold different keys; send exactly one");
  }
  return *key;
}

std::string model_json(const domain::Model& model) {
  // UUIDv7 begins with the milliseconds of its making.
  std::uint64_t ms = 0;
  for (int i = 0; i < 6; ++i) {
    ms = ms << 8 | model.uid.bytes[static_cast<std::size_t>(i)];
  }
  return fmt::format(R"({{"id":"{}","object":"model","created":{},"owned_by":"tdn"}})", model.name,
                     ms / 1000);
}

bool may_use(const Request& request, domain::ModelIndex model) {
  const domain::Snapshot& snapshot = request.snapshot();
  return request.key->lists(model) &&
         !snapshot.outcome(*request.key, model, request.location.country).sites.empty();
}

}  // namespace

Result<void> accept(Request& request) {
  const codec::RequestHead& head = request.client.head();
  TDN_TRY_VOID(find_target(request, head));
  return take_fields(request, head);
}

Result<void> authenticate(Request& request) {
  TDN_TRY(const std::string_view presented, presented_key(request.client.head()));
  const std::uint64_t catalogue = request.catalogue->number();
  std::unique_ptr<http::Attachment>& attachment = request.client.attachment();
  // Only this file attaches something.
  const auto* known = static_cast<const KnownKey*>(attachment.get());
  if (known != nullptr && known->is(presented, catalogue)) {
    request.key = &request.snapshot()[known->key()];
    if (!request.key->expires || request.arrived_wall < *request.key->expires) {
      return {};
    }
  }
  TDN_TRY(const domain::KeyIndex key,
          request.snapshot().authenticate(presented, request.arrived_wall));
  request.key = &request.snapshot()[key];
  attachment = std::make_unique<KnownKey>(presented, key, catalogue);
  return {};
}

Result<void> may_open_body(const Request& request) {
  const domain::Snapshot& snapshot = request.snapshot();
  const domain::SiteIndex here = request.catalogue->here();
  const domain::Country client = request.location.country;
  const domain::Opening opening = domain::may_open(snapshot, *request.key, client, here);
  if (opening.verdict == domain::Opening::Verdict::kOpen) {
    return {};
  }
  return fail(domain::refusal(snapshot, *request.key, client, here, opening));
}

Result<void> parse(Request& request) {
  TDN_TRY(request.scan, codec::scan_request(request.body, request.operation));
  return {};
}

Result<void> narrow(Request& request) {
  const domain::Snapshot& snapshot = request.snapshot();
  const std::optional<domain::ModelIndex> model = snapshot.find_model(request.scan.model);
  if (!model) {
    return fail(
        Error(Code::kModelNotFound,
              fmt::format("the model '{}' does not exist; GET /v1/models lists those there are",
                          request.scan.model))
            .about("model"));
  }
  request.model = *model;
  request.by_alias = snapshot[*model].name != request.scan.model;
  if (!request.key->lists(*model)) {
    return fail(
        Error(Code::kModelNotAllowed,
              fmt::format("this key may not use the model '{}'; GET /v1/models lists those it "
                          "may use",
                          request.scan.model))
            .about("model"));
  }
  request.outcome = &snapshot.outcome(*request.key, *model, request.location.country);
  if (!request.outcome->denied.empty()) {
    return fail(Code::kPolicyDenied,
                fmt::format("policy denies this request: {}", request.outcome->denied));
  }
  if (request.outcome->sites.empty()) {
    return fail(Code::kPolicyDenied, "policy leaves no site where this request may be processed");
  }
  return {};
}

Result<std::string> list_models(const Request& request) {
  std::string body = R"({"object":"list","data":[)";
  bool first = true;
  const std::vector<domain::Model>& models = request.snapshot().models();
  for (std::uint32_t i = 0; i < models.size(); ++i) {
    if (may_use(request, {i})) {
      body.append(first ? "" : ",").append(model_json(models[i]));
      first = false;
    }
  }
  return body.append("]}");
}

Result<std::string> show_model(const Request& request) {
  const std::optional<domain::ModelIndex> model =
      request.snapshot().find_model(request.model_in_path);
  if (!model || !may_use(request, *model)) {
    return fail(
        Error(Code::kModelNotFound,
              "this model does not exist or is not for this key; GET /v1/models lists those it "
              "may use")
            .about("model"));
  }
  return model_json(request.snapshot()[*model]);
}

}  // namespace tdn::gateway
