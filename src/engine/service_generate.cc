// The requests that run on the model: chat and text completions, embeddings.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/log.h"
#include "engine/service.h"

namespace tdn::engine {
namespace {

using namespace std::chrono_literals;

constexpr int kDefaultCompletionTokens = 16;  // OpenAI's, for completions only

std::string hex_id(std::string_view prefix, Random& random) {
  return fmt::format("{}{:016x}{:08x}", prefix, random.next(), random.next() >> 32U);
}

}  // namespace

// Cancels the request's strand when the client is gone. A client that has only finished sending may
// still be there: an interim answer, which a closed one answers with a reset, tells.
class Service::ClientWatch final : public io::StreamWatcher {
 public:
  ClientWatch(Connection& connection, io::Context& context)
      : connection_(connection), context_(context) {
    connection_.stream().watch(this);
    if (connection_.stream().peer_gone()) {
      context_.cancel();
    } else if (connection_.stream().peer_finished()) {
      connection_.probe_client();
    }
  }
  ~ClientWatch() { connection_.stream().watch(nullptr); }
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;

  void on_event(io::Stream&, io::StreamEvent event) override {
    if (event == io::StreamEvent::kGone) {
      context_.cancel();
    } else if (event == io::StreamEvent::kFinished) {
      connection_.probe_client();
    }
  }

 private:
  Connection& connection_;
  io::Context& context_;
};

ApiResult<Service::Request> Service::read_chat(std::string_view body) const {
  ApiResult<ChatRequest> parsed = parse_chat_request(body);
  if (!parsed) {
    return tl::unexpected(std::move(parsed).error());
  }
  if (ApiResult<void> known = check_model(parsed->settings.model); !known) {
    return tl::unexpected(std::move(known).error());
  }
  const auto most = static_cast<std::size_t>(core_->facts().context - 1);
  Result<std::vector<Token>> prompt = core_->vocabulary().chat_prompt(parsed->chat, most);
  if (!prompt) {
    return tl::unexpected(Refusal{std::move(prompt).error(), "messages"});
  }
  Request request{
      .kind = AnswerKind::kChat, .settings = std::move(parsed->settings), .prompts = {}};
  request.prompts.push_back(*std::move(prompt));
  return request;
}

ApiResult<Service::Request> Service::read_completion(std::string_view body) const {
  ApiResult<CompletionRequest> parsed = parse_completion_request(body);
  if (!parsed) {
    return tl::unexpected(std::move(parsed).error());
  }
  if (ApiResult<void> known = check_model(parsed->settings.model); !known) {
    return tl::unexpected(std::move(known).error());
  }
  Request request{
      .kind = AnswerKind::kCompletion, .settings = std::move(parsed->settings), .prompts = {}};
  if (!request.settings.max_tokens) {
    request.settings.max_tokens = kDefaultCompletionTokens;
  }
  for (const Prompt& prompt : parsed->prompts) {
    ApiResult<std::vector<Token>> tokens =
        tokens_of(prompt, true, core_->facts().context - 1, "prompt");
    if (!tokens) {
      return tl::unexpected(std::move(tokens).error());
    }
    request.prompts.push_back(*std::move(tokens));
  }
  return request;
}

Job Service::job_for(const Request& request, std::size_t index) const {
  Job job;
  job.prompt = request.prompts[index];
  const int room = core_->facts().context - static_cast<int>(job.prompt.size());
  job.max_tokens = std::min(request.settings.max_tokens.value_or(room), room);
  job.sampling = request.settings.sampling;
  job.stops = request.settings.stops;
  job.partition = request.settings.partition;
  return job;
}

AnswerWriter Service::writer_for(const Request& request) {
  const bool chat = request.kind == AnswerKind::kChat;
  return {request.kind, core_->facts(), hex_id(chat ? "chatcmpl-" : "cmpl-", random_),
          clock_.wall().us / 1'000'000, request.settings};
}

// Prompts of one request run beside each other, or not at all if the queue has no room for them.
io::Task<> Service::generate(Connection& connection, Request request) {
  io::Context& context = co_await io::this_context();
  const ClientWatch watch(connection, context);
  io::Event changed;
  std::deque<Generation> generations;
  for (std::size_t i = 0; i < request.prompts.size(); ++i) {
    const Result<void> submitted =
        generations.emplace_back(*core_, changed).submit(job_for(request, i));
    if (!submitted) {
      generations.clear();
      co_await refuse(connection, submitted.error());
      co_return;
    }
  }
  if (request.settings.stream) {
    co_await answer_stream(connection, request, generations, changed);
  } else {
    co_await answer_whole(connection, request, generations, changed);
  }
}

io::Task<> Service::answer_whole(Connection& connection, const Request& request,
                                 std::deque<Generation>& generations, io::Event& changed) {
  Usage usage;
  std::vector<Choice> choices;
  for (std::size_t i = 0; i < generations.size(); ++i) {
    Generation& generation = generations[i];
    while (!generation.ended()) {
      if (co_await changed.wait() != io::Wake::kReady) {
        co_await interrupt(connection);
        co_return;
      }
    }
    if (const Error* error = generation.error()) {
      co_await refuse(connection, *error);
      co_return;
    }
    usage.prompt_tokens += request.prompts[i].size();
    usage.cached_tokens += static_cast<std::uint64_t>(generation.cached_tokens());
    usage.completion_tokens += static_cast<std::uint64_t>(generation.completion_tokens());
    choices.push_back({generation.take_text(), generation.finish()});
  }
  co_await send_json(connection, writer_for(request).whole(choices, usage),
                     core_->facts().simulated);
}

// What of each generation has been sent, and what is new.
class Service::StreamState {
 public:
  StreamState(const Request& request, AnswerWriter writer, std::deque<Generation>& generations)
      : request_(request),
        writer_(std::move(writer)),
        generations_(generations),
        sent_(generations.size()) {}

  // The events for everything that happened since the last call; with the end of the stream's last
  // events if all has ended well.
  [[nodiscard]] std::string take_events() {
    std::string events;
    for (std::size_t i = 0; i < sent_.size(); ++i) {
      append_events(i, events);
    }
    if (ended() && error() == nullptr) {
      events += request_.settings.include_usage ? writer_.usage_event(usage()) : "";
      events += kDoneEvent;
    }
    return events;
  }
  [[nodiscard]] bool ended() const {
    return error() != nullptr || std::all_of(generations_.begin(), generations_.end(),
                                             [](const Generation& g) { return g.ended(); });
  }
  [[nodiscard]] const Error* error() const {
    for (const Generation& generation : generations_) {
      if (const Error* error = generation.error()) {
        return error;
      }
    }
    return nullptr;
  }

 private:
  struct Sent {
    bool role = false;
    bool finish = false;
    int tokens = 0;
  };

  void append_events(std::size_t index, std::string& events) {
    Generation& generation = generations_[index];
    Sent& sent = sent_[index];
    if (!generation.started() || generation.error() != nullptr || sent.finish) {
      return;
    }
    if (!std::exchange(sent.role, true) && request_.kind == AnswerKind::kChat) {
      events += writer_.role_event(index, usage_of(index));
    }
    const std::string text = generation.take_text();
    const bool counted = std::exchange(sent.tokens, generation.completion_tokens()) !=
                         generation.completion_tokens();
    if (!text.empty() || (counted && request_.settings.continuous_usage)) {
      events += writer_.text_event(index, text, usage_of(index));
    }
    if (generation.ended()) {
      sent.finish = true;
      events += writer_.finish_event(index, generation.finish(), usage_of(index));
    }
  }

  // What an event of one choice tells, as other engines do: that choice alone.
  [[nodiscard]] Usage usage_of(std::size_t index) const {
    return {.prompt_tokens = request_.prompts[index].size(),
            .cached_tokens = static_cast<std::uint64_t>(generations_[index].cached_tokens()),
            .completion_tokens = static_cast<std::uint64_t>(sent_[index].tokens)};
  }
  [[nodiscard]] Usage usage() const {
    Usage sum;
    for (std::size_t i = 0; i < sent_.size(); ++i) {
      const Usage one = usage_of(i);
      sum.prompt_tokens += one.prompt_tokens;
      sum.cached_tokens += one.cached_tokens;
      sum.completion_tokens += one.completion_tokens;
    }
    return sum;
  }

  const Request& request_;
  AnswerWriter writer_;
  std::deque<Generation>& generations_;
  std::vector<Sent> sent_;
};

io::Task<> Service::answer_stream(Connection& connection, const Request& request,
                                  std::deque<Generation>& generations, io::Event& changed) {
  StreamState state(request, writer_for(request), generations);
  bool ended = false;
  while (!ended) {
    if (co_await changed.wait() != io::Wake::kReady) {
      co_await interrupt(connection);
      co_return;
    }
    ended = state.ended();
    std::string events = state.take_events();
    if (const Error* error = state.error()) {
      if (!connection.answer_begun()) {
        co_await refuse(connection, *error);
        co_return;
      }
      log_error("engine", "a stream failed", {{"error", to_string(*error)}});
      events += error_event(*error);
    }
    if (events.empty()) {
      continue;
    }
    if (!connection.answer_begun()) {
      codec::FieldLines fields;
      fields.add("content-type", "text/event-stream").add("cache-control", "no-cache");
      if (core_->facts().simulated) {
        fields.add(kSimulatedField);
      }
      if (!connection.begin(200, fields)) {
        co_return;
      }
    }
    const io::Slice slice(events);
    const Result<void> sent = ended ? co_await connection.end(std::span(&slice, 1))
                                    : co_await connection.write(std::span(&slice, 1));
    if (!sent) {
      co_return;  // the client is gone; leaving cancels its generations
    }
  }
}

// The strand was cancelled: the client left, and there is nobody to tell, or the engine stops, and
// the client learns that its answer is not whole.
io::Task<> Service::interrupt(Connection& connection) {
  if (connection.stream().peer_gone()) {
    co_return;
  }
  io::Context& context = co_await io::this_context();
  context.clear_cancel();
  context.set_deadline(context.loop().now() + 500ms);
  if (!connection.answer_begun()) {
    Error stopping(Code::kOverloaded, "the engine is stopping; ask another one");
    co_await refuse(connection, std::move(stopping));
    co_return;
  }
  const std::string event = error_event(
      Error(Code::kStreamInterrupted, "the engine stopped before the answer was whole"));
  const io::Slice slice(event);
  [[maybe_unused]] const Result<void> sent = co_await connection.end(std::span(&slice, 1));
}

// One after the other: a request never holds more than one place of the queue.
io::Task<> Service::embed(Connection& connection, std::string_view body) {
  const ApiResult<EmbeddingRequest> parsed = parse_embedding_request(body);
  const auto check = [&]() -> ApiResult<void> {
    if (!parsed) {
      return tl::unexpected(parsed.error());
    }
    const int dimensions = core_->facts().dimensions;
    if (parsed->dimensions.value_or(dimensions) != dimensions) {
      return tl::unexpected(Refusal{
          Error(Code::kInvalidRequest,
                fmt::format("dimensions other than this model's {} are not supported", dimensions)),
          "dimensions"});
    }
    return check_model(parsed->model);
  };
  if (const ApiResult<void> checked = check(); !checked) {
    co_await send_error(connection, checked.error());
    co_return;
  }
  connection.release_request();
  io::Context& context = co_await io::this_context();
  const ClientWatch watch(connection, context);
  std::vector<std::vector<float>> embeddings;
  std::uint64_t prompt_tokens = 0;
  for (const Prompt& input : parsed->inputs) {
    ApiResult<std::vector<Token>> tokens =
        tokens_of(input, false, core_->facts().embedding_tokens, "input");
    if (!tokens) {
      co_await send_error(connection, std::move(tokens).error());
      co_return;
    }
    prompt_tokens += tokens->size();
    io::Event changed;
    Generation generation(*core_, changed);
    Job job;
    job.embed = true;
    job.prompt = *std::move(tokens);
    if (const Result<void> submitted = generation.submit(std::move(job)); !submitted) {
      co_await refuse(connection, submitted.error());
      co_return;
    }
    while (!generation.ended()) {
      if (co_await changed.wait() != io::Wake::kReady) {
        co_await interrupt(connection);
        co_return;
      }
    }
    if (const Error* error = generation.error()) {
      co_await refuse(connection, *error);
      co_return;
    }
    embeddings.push_back(generation.embedding());
  }
  co_await send_json(
      connection, embeddings_body(embeddings, parsed->base64, core_->facts().name, prompt_tokens),
      core_->facts().simulated);
}

}  // namespace tdn::engine
