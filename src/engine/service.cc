#include "engine/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/log.h"
#include "engine/metrics.h"

namespace tdn::engine {
namespace {

constexpr std::string_view kModels = "/v1/models";
constexpr std::array<std::string_view, 3> kGets = {kModels, "/health", "/metrics"};
constexpr std::array<std::string_view, 4> kPosts = {"/v1/chat/completions", "/v1/completions",
                                                    "/v1/embeddings", "/tokenize"};

template <std::size_t kCount>
bool is_among(const std::array<std::string_view, kCount>& paths, std::string_view path) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}
bool is_get_path(std::string_view path) {
  return is_among(kGets, path) || path.starts_with("/v1/models/");
}

io::Task<> send_text(http::ServerConnection& connection, std::string text) {
  http::Answer answer;
  answer.content_type = "text/plain; version=0.0.4";
  answer.body = text;
  [[maybe_unused]] const Result<void> sent = co_await connection.respond(answer);
}

Refusal loading() {
  return {Error(Code::kOverloaded, "the model is being loaded; try again shortly")};
}

}  // namespace

io::Task<> send_json(http::ServerConnection& connection, std::string body, bool simulated) {
  http::Answer answer;
  if (simulated) {
    answer.fields = std::span(&kSimulatedField, 1);
  }
  answer.body = body;
  [[maybe_unused]] const Result<void> sent = co_await connection.respond(answer);
}

io::Task<> send_error(http::ServerConnection& connection, Refusal refusal) {
  const CodeInfo& row = info(refusal.error.code());
  if (row.status == 0 || row.status == 500) {
    log_error("engine", "a request failed", {{"error", to_string(refusal.error)}});
  }
  std::array<codec::Field, 2> fields;
  std::size_t count = 0;
  if (row.retry_after) {
    fields[count++] = {"retry-after", "1"};
  }
  if (!row.should_retry) {
    fields[count++] = {"x-should-retry", "false"};
  }
  const std::string body = error_body(refusal);
  http::Answer answer;
  answer.status = row.status == 0 ? 500 : row.status;
  answer.fields = std::span(fields).first(count);
  answer.body = body;
  [[maybe_unused]] const Result<void> sent = co_await connection.respond(answer);
}

void Service::set_core(Core& core) {
  core_ = &core;
  created_seconds_ = clock_.wall().us / 1'000'000;
}

io::Task<> Service::handle(http::ServerConnection& connection) {
  std::string path(connection.head().path());
  const std::string_view method = connection.head().method();
  const bool is_get = method == "GET" || method == "HEAD";
  if (is_get && is_get_path(path)) {
    co_await get(connection, std::move(path));
    co_return;
  }
  if (method == "POST" && is_among(kPosts, path)) {
    co_await post(connection, std::move(path));
    co_return;
  }
  if (is_get_path(path) || is_among(kPosts, path)) {
    std::string message = fmt::format("{} does not take {}", path, method);
    Error error(Code::kMethodNotAllowed, std::move(message));
    co_await refuse(connection, std::move(error));
    co_return;
  }
  Error error(Code::kNotFound, fmt::format("there is no {} here", path));
  co_await refuse(connection, std::move(error));
}

io::Task<> Service::refuse(http::ServerConnection& connection, Error error) {
  Refusal refusal{std::move(error)};
  co_await send_error(connection, std::move(refusal));
}

io::Task<> Service::get(Connection& connection, std::string path) {
  if (core_ == nullptr) {
    co_await send_error(connection, loading());
    co_return;
  }
  if (path == "/health") {
    co_await send_json(connection, R"({"status":"ok"})");
  } else if (path == "/metrics") {
    std::vector<Sample> samples;
    sample(core_->scheduler(), samples);
    co_await send_text(connection, render(samples));
  } else if (path == kModels) {
    co_await send_json(connection, models_body(core_->facts(), created_seconds_));
  } else {
    const ApiResult<void> known = check_model(std::string_view(path).substr(kModels.size() + 1));
    if (!known) {
      co_await send_error(connection, known.error());
      co_return;
    }
    co_await send_json(connection, model_body(core_->facts(), created_seconds_));
  }
}

io::Task<> Service::post(Connection& connection, std::string path) {
  if (core_ == nullptr) {
    co_await send_error(connection, loading());
    co_return;
  }
  const Result<std::string_view> body = co_await connection.read_body();
  if (!body) {
    if (info(body.error().code()).status != 0) {
      connection.close_after_answer();
      co_await refuse(connection, body.error());
    }
    co_return;
  }
  if (path == "/tokenize") {
    co_await tokenize(connection, *body);
    co_return;
  }
  if (path == "/v1/embeddings") {
    co_await embed(connection, *body);
    co_return;
  }
  ApiResult<Request> request =
      path == "/v1/completions" ? read_completion(*body) : read_chat(*body);
  if (request && !join_partition(connection.head(), *request)) {
    request = tl::unexpected(Refusal{
        Error(Code::kInvalidRequest, "tdn-cache-partition must be at most 128 bytes; shorten it")});
  }
  if (!request) {
    co_await send_error(connection, std::move(request).error());
    co_return;
  }
  connection.release_request();
  co_await generate(connection, *std::move(request));
}

// What the gateway says stands before what the client says, so that no client reaches another's.
bool Service::join_partition(const codec::RequestHead& head, Request& request) {
  const std::string_view partition = head.find("tdn-cache-partition").value_or("");
  std::string& whole = request.settings.partition;
  whole = fmt::format("{}\n{}", partition, whole);
  return partition.size() <= 128;
}

io::Task<> Service::tokenize(Connection& connection, std::string_view body) {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  const ApiResult<TokenizeRequest> request = parse_tokenize_request(body);
  if (!request) {
    co_await send_error(connection, request.error());
    co_return;
  }
  const Vocabulary& vocabulary = core_->vocabulary();
  const Chat* chat = std::get_if<Chat>(&request->text);
  const Result<std::vector<Token>> tokens =
      chat != nullptr
          ? vocabulary.chat_prompt(*chat, kMost)
          : vocabulary.tokenize(std::get<std::string>(request->text), request->options, kMost);
  if (!tokens) {
    co_await refuse(connection, tokens.error());
    co_return;
  }
  co_await send_json(connection, tokens_body(*tokens, core_->facts().context));
}

ApiResult<void> Service::check_model(std::string_view asked) const {
  if (asked == core_->facts().name) {
    return {};
  }
  return tl::unexpected(Refusal{
      Error(Code::kModelNotFound, fmt::format("there is no model {} here; this engine serves {}",
                                              asked, core_->facts().name)),
      "model"});
}

ApiResult<std::vector<Token>> Service::tokens_of(const Prompt& prompt, bool parse_special, int most,
                                                 std::string param) const {
  const auto limit = static_cast<std::size_t>(most);
  if (const auto* text = std::get_if<std::string>(&prompt)) {
    Result<std::vector<Token>> tokens = core_->vocabulary().tokenize(
        *text, {.add_special = true, .parse_special = parse_special}, limit);
    if (!tokens) {
      return tl::unexpected(Refusal{std::move(tokens).error(), std::move(param)});
    }
    return *std::move(tokens);
  }
  const auto& tokens = std::get<std::vector<Token>>(prompt);
  if (tokens.size() > limit) {
    return tl::unexpected(
        Refusal{Error(Code::kContextLengthExceeded,
                      fmt::format("the prompt is {} tokens long, and at most {} are possible; "
                                  "shorten it",
                                  tokens.size(), limit)),
                std::move(param)});
  }
  for (const Token token : tokens) {
    if (token >= core_->vocabulary().size()) {
      return tl::unexpected(
          Refusal{Error(Code::kInvalidRequest,
                        fmt::format("{} holds token {}, and this model's tokens end at {}", param,
                                    token, core_->vocabulary().size() - 1)),
                  param});
    }
  }
  return tokens;
}

}  // namespace tdn::engine
