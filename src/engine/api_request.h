// The requests of the OpenAI dialect as this engine takes them. What it lacks and what would change
// the answer (tools, response formats, log probabilities, several choices, …) is refused by name;
// fields that it does not know are ignored, as OpenAI's own endpoint ignores them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "engine/model.h"

namespace tdn::engine {

// An error of the API: with the field that it is about, if any, as the envelope's `param`.
struct Refusal {
  Error error;
  std::string param = {};
};
template <class T>
using ApiResult = tl::expected<T, Refusal>;

// A text, or tokens that the client made itself.
using Prompt = std::variant<std::string, std::vector<Token>>;

// What chat and text completions have in common.
struct GenerationSettings {
  std::string model;
  std::optional<int> max_tokens;
  Sampling sampling;
  std::vector<std::string> stops;
  bool stream = false;
  bool include_usage = false;     // a chunk with the usage at the end of the stream
  bool continuous_usage = false;  // the usage so far in every chunk
  // Prompts share memory within a partition only: `cache_salt` (vLLM's name for it) and, before it,
  // what the header `tdn-cache-partition` says.
  std::string partition;
};

struct ChatRequest {
  GenerationSettings settings;
  Chat chat;
};

struct CompletionRequest {
  GenerationSettings settings;
  std::vector<Prompt> prompts;  // 1 to 64
};

struct EmbeddingRequest {
  std::string model;
  std::vector<Prompt> inputs;     // 1 to 2048
  std::optional<int> dimensions;  // asked for
  bool base64 = false;
};

struct TokenizeRequest {
  std::variant<std::string, Chat> text;
  Vocabulary::Options options{.add_special = false, .parse_special = true};
};

[[nodiscard]] ApiResult<ChatRequest> parse_chat_request(std::string_view body);
[[nodiscard]] ApiResult<CompletionRequest> parse_completion_request(std::string_view body);
[[nodiscard]] ApiResult<EmbeddingRequest> parse_embedding_request(std::string_view body);
// {"content": text} or {"messages": […]}.
[[nodiscard]] ApiResult<TokenizeRequest> parse_tokenize_request(std::string_view body);

}  // namespace tdn::engine
