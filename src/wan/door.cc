#include "wan/door.h"

#include <fmt/format.h>

#include <utility>

#include "codec/error_body.h"
#include "codec/sha256.h"
#include "http/fetch.h"

namespace tdn::wan {
namespace {

constexpr std::string_view kScheme = "Bearer ";

http::ServerLimits door_limits() {
  http::ServerLimits limits;
  limits.body_bytes = std::size_t{256} * 1024;
  limits.connections = 64;
  limits.idle = std::chrono::seconds(10);
  return limits;
}

io::Task<> respond(http::ServerConnection& client, int status, std::string body) {
  http::Answer answer;
  answer.status = status;
  answer.body = body;
  const Result<void> sent = co_await client.respond(answer);
  if (!sent) {
    client.abort();
  }
}

io::Task<> respond_error(http::ServerConnection& client, const Error& error) {
  const int status = info(error.code()).status;
  // What is wrong with the words of the caller is known here as kInvalid.
  if (status == 0 && error.code() == Code::kInvalid) {
    const Error told(Code::kInvalidRequest, error.detail());
    co_await respond(client, 400, codec::openai_error_body(told));
    co_return;
  }
  co_await respond(client, status == 0 ? 500 : status, codec::openai_error_body(error));
}

}  // namespace

Door::Door(io::Loop& loop, std::unique_ptr<io::Listener> listener, Secret token, DoorHost& host)
    : token_(std::move(token)),
      host_(host),
      limits_(door_limits()),
      server_(loop, std::move(listener), *this, limits_, budget_) {}

Door::~Door() = default;

bool Door::authorised(const http::ServerConnection& client) const {
  const std::string_view given = client.head().find("authorization").value_or("");
  return given.starts_with(kScheme) &&
         codec::equal_in_constant_time(bytes_of(given.substr(kScheme.size())),
                                       bytes_of(token_.reveal()));
}

io::Task<> Door::handle(http::ServerConnection& client) {
  if (client.head().path() == "/healthz") {
    co_await respond(client, 200, R"({"status":"ok"})");
    co_return;
  }
  Result<std::string> body = co_await reply(client);
  if (!body) {
    co_await respond_error(client, body.error());
    co_return;
  }
  co_await respond(client, 200, *std::move(body));
}

io::Task<Result<std::string>> Door::reply(http::ServerConnection& client) {
  if (!authorised(client)) {
    co_return fail(Code::kInvalidToken,
                   "this needs the token of this door, `authorization: Bearer …`; it stands in the "
                   "state folder");
  }
  DoorRequest request{.method = std::string(client.head().method()),
                      .path = std::string(client.head().path()),
                      .body = {}};
  TDN_CO_TRY(const std::string_view body, co_await client.read_body());
  request.body = body;
  co_return co_await host_.answer(std::move(request));
}

io::Task<> Door::refuse(http::ServerConnection& client, Error error) {
  co_await respond_error(client, error);
}

io::Task<Result<codec::yaml::Node>> ask_door(io::Network& network, DoorKey key, DoorRequest request,
                                             Duration patience) {
  http::FetchRequest fetch;
  fetch.method = std::move(request.method);
  fetch.url = key.url + request.path;
  fetch.fields.emplace_back("authorization", std::string(kScheme) + key.token.reveal());
  if (!request.body.empty()) {
    fetch.fields.emplace_back("content-type", "application/json");
  }
  fetch.body = std::move(request.body);
  fetch.timeout = patience;
  TDN_CO_TRY(const http::Fetched answer, co_await http::fetch(network, std::move(fetch)));
  Result<codec::yaml::Node> tree = codec::yaml::from_json(answer.body);
  if (answer.status == 200 && tree) {
    co_return tree;
  }
  const std::string words(tree ? codec::yaml::text_at(*tree, "error.message") : "");
  if (answer.status == 401) {
    co_return fail(Code::kInvalidApiKey, words);
  }
  if (words.empty()) {
    co_return fail(Code::kUpstreamError,
                   fmt::format("{} answered with status {}", key.url, answer.status));
  }
  co_return fail(answer.status < 500 ? Code::kInvalid : Code::kUpstreamError, words);
}

}  // namespace tdn::wan
