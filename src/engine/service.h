// The engine's HTTP side: OpenAI's chat/completions, completions, embeddings and models, and of our
// own /tokenize, /health and /metrics. What each takes and answers: docs/guide/engine.md.
//
// It serves before the model is loaded: then /health says so with 503, and what needs the model is
// refused as overloaded. Belongs to its loop's thread.
#pragma once

#include <deque>

#include "base/random.h"
#include "engine/api_request.h"
#include "engine/core.h"
#include "engine/generation.h"
#include "http/server.h"

namespace tdn::engine {

class Service final : public http::Handler {
 public:
  // Both borrowed.
  Service(const Clock& clock, Random& random) : clock_(clock), random_(random) {}

  // The model is loaded: `core`, borrowed, takes requests from now on.
  void set_core(Core& core);

  [[nodiscard]] io::Task<> handle(http::ServerConnection& connection) override;
  [[nodiscard]] io::Task<> refuse(http::ServerConnection& connection, Error error) override;

 private:
  using Connection = http::ServerConnection;
  // A generation request as far as it is the same for both endpoints.
  struct Request {
    AnswerKind kind = AnswerKind::kChat;
    GenerationSettings settings;
    std::vector<std::vector<Token>> prompts;
  };
  class ClientWatch;
  class StreamState;

  io::Task<> get(Connection& connection, std::string path);
  io::Task<> post(Connection& connection, std::string path);
  io::Task<> tokenize(Connection& connection, std::string_view body);
  io::Task<> embed(Connection& connection, std::string_view body);
  io::Task<> generate(Connection& connection, Request request);
  io::Task<> answer_whole(Connection& connection, const Request& request,
                          std::deque<Generation>& generations, io::Event& changed);
  io::Task<> answer_stream(Connection& connection, const Request& request,
                           std::deque<Generation>& generations, io::Event& changed);
  io::Task<> interrupt(Connection& connection);

  [[nodiscard]] ApiResult<Request> read_chat(std::string_view body) const;
  [[nodiscard]] ApiResult<Request> read_completion(std::string_view body) const;
  [[nodiscard]] ApiResult<void> check_model(std::string_view asked) const;
  [[nodiscard]] ApiResult<std::vector<Token>> tokens_of(const Prompt& prompt, bool parse_special,
                                                        int most, std::string param) const;
  [[nodiscard]] static bool join_partition(const codec::RequestHead& head, Request& request);
  [[nodiscard]] Job job_for(const Request& request, std::size_t index) const;
  [[nodiscard]] AnswerWriter writer_for(const Request& request);

  const Clock& clock_;
  Random& random_;
  Core* core_ = nullptr;
  std::int64_t created_seconds_ = 0;  // of the model, for /v1/models
};

inline constexpr codec::Field kSimulatedField{"tdn-simulated", "true"};
// A whole JSON answer, and an error as one. `simulated`: made by a simulated model, labelled so.
[[nodiscard]] io::Task<> send_json(http::ServerConnection& connection, std::string body,
                                   bool simulated = false);
[[nodiscard]] io::Task<> send_error(http::ServerConnection& connection, Refusal refusal);

}  // namespace tdn::engine
