// The answers of the OpenAI dialect, as JSON text and as server-sent events.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/api_request.h"
#include "engine/scheduler.h"

namespace tdn::engine {

struct Usage {
  std::uint64_t prompt_tokens = 0;
  std::uint64_t cached_tokens = 0;  // of the prompt: not evaluated for this request
  std::uint64_t completion_tokens = 0;
};

// What describes the engine to its clients.
struct EngineFacts {
  std::string name;         // the model's, in requests and answers
  std::string fingerprint;  // `system_fingerprint`; "simulated" says it all
  bool simulated = false;
  bool prefix_cache = true;
  int context = 0;
  int trained_context = 0;
  int slots = 0;
  int embedding_tokens = 0;
  int dimensions = 0;
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
};

enum class AnswerKind : std::uint8_t { kChat, kCompletion };

// One choice of an answer that is not streamed.
struct Choice {
  std::string text;
  Finish finish = Finish::kStop;
};

// Writes the objects of one answer to chat/completions or completions, which share a head.
class AnswerWriter {
 public:
  AnswerWriter(AnswerKind kind, const EngineFacts& facts, const std::string& id,
               std::int64_t created_seconds, const GenerationSettings& settings);

  [[nodiscard]] std::string whole(const std::vector<Choice>& choices, Usage usage) const;

  // Events of a stream. `usage` is what is known at that moment, shown if the client asked for
  // continuous usage.
  [[nodiscard]] std::string role_event(std::size_t index, Usage usage) const;  // chats only
  [[nodiscard]] std::string text_event(std::size_t index, std::string_view text, Usage usage) const;
  [[nodiscard]] std::string finish_event(std::size_t index, Finish finish, Usage usage) const;
  [[nodiscard]] std::string usage_event(Usage usage) const;

 private:
  [[nodiscard]] std::string event(std::string_view choices, Usage usage) const;
  [[nodiscard]] std::string usage_member(Usage usage) const;

  AnswerKind kind_;
  std::string head_;        // of the whole answer's object
  std::string chunk_head_;  // of a chunk's
  bool include_usage_;
  bool continuous_usage_;
};

inline constexpr std::string_view kDoneEvent = "data: [DONE]\n\n";

// {"error":{…}}; a Refusal without a param says null.
[[nodiscard]] std::string error_body(const Refusal& refusal);
// The same as an event: the stream ends here, without [DONE].
[[nodiscard]] std::string error_event(const Error& error);

[[nodiscard]] std::string embeddings_body(const std::vector<std::vector<float>>& embeddings,
                                          bool base64, std::string_view model,
                                          std::uint64_t prompt_tokens);
[[nodiscard]] std::string tokens_body(std::span<const Token> tokens, int context);
// The member of the list of models, and the list of this one model.
[[nodiscard]] std::string model_body(const EngineFacts& facts, std::int64_t created_seconds);
[[nodiscard]] std::string models_body(const EngineFacts& facts, std::int64_t created_seconds);

}  // namespace tdn::engine
