#include "engine/api_reply.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <iterator>

#include "codec/base64.h"

namespace tdn::engine {
namespace {

static_assert(std::endian::native == std::endian::little, "base64 embeddings are little-endian");

// `text` is well-formed UTF-8.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
  return out;
}

std::string_view name_of(Finish finish) { return finish == Finish::kStop ? "stop" : "length"; }

std::string usage_object(Usage usage) {
  return fmt::format(R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},)"
                     R"("prompt_tokens_details":{{"cached_tokens":{}}}}})",
                     usage.prompt_tokens, usage.completion_tokens,
                     usage.prompt_tokens + usage.completion_tokens, usage.cached_tokens);
}

std::string head(std::string_view id, std::string_view object, std::int64_t created,
                 const EngineFacts& facts) {
  return fmt::format(R"({{"id":{},"object":"{}","created":{},"model":{},"system_fingerprint":{})",
                     quoted(id), object, created, quoted(facts.name), quoted(facts.fingerprint));
}

}  // namespace

AnswerWriter::AnswerWriter(AnswerKind kind, const EngineFacts& facts, const std::string& id,
                           std::int64_t created_seconds, const GenerationSettings& settings)
    : kind_(kind),
      include_usage_(settings.include_usage),
      continuous_usage_(settings.continuous_usage) {
  const bool chat = kind == AnswerKind::kChat;
  head_ = head(id, chat ? "chat.completion" : "text_completion", created_seconds, facts);
  chunk_head_ =
      head(id, chat ? "chat.completion.chunk" : "text_completion", created_seconds, facts);
}

std::string AnswerWriter::whole(const std::vector<Choice>& choices, Usage usage) const {
  std::string list;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const std::string text = quoted(choices[i].text);
    const std::string body =
        kind_ == AnswerKind::kChat
            ? fmt::format(R"("message":{{"role":"assistant","content":{},"refusal":null}})", text)
            : fmt::format(R"("text":{})", text);
    fmt::format_to(std::back_inserter(list),
                   R"({}{{"index":{},{},"logprobs":null,"finish_reason":"{}"}})", i == 0 ? "" : ",",
                   i, body, name_of(choices[i].finish));
  }
  return fmt::format(R"({},"choices":[{}],"usage":{}}})", head_, list, usage_object(usage));
}

std::string AnswerWriter::role_event(std::size_t index, Usage usage) const {
  return event(
      fmt::format(
          R"({{"index":{},"delta":{{"role":"assistant","content":""}},"logprobs":null,"finish_reason":null}})",
          index),
      usage);
}

std::string AnswerWriter::text_event(std::size_t index, std::string_view text, Usage usage) const {
  const std::string body = kind_ == AnswerKind::kChat
                               ? fmt::format(R"("delta":{{"content":{}}})", quoted(text))
                               : fmt::format(R"("text":{})", quoted(text));
  return event(
      fmt::format(R"({{"index":{},{},"logprobs":null,"finish_reason":null}})", index, body), usage);
}

std::string AnswerWriter::finish_event(std::size_t index, Finish finish, Usage usage) const {
  const std::string_view body = kind_ == AnswerKind::kChat ? R"("delta":{})" : R"("text":"")";
  return event(fmt::format(R"({{"index":{},{},"logprobs":null,"finish_reason":"{}"}})", index, body,
                           name_of(finish)),
               usage);
}

std::string AnswerWriter::usage_event(Usage usage) const {
  return fmt::format("data: {},\"choices\":[],\"usage\":{}}}\n\n", chunk_head_,
                     usage_object(usage));
}

std::string AnswerWriter::event(std::string_view choice, Usage usage) const {
  return fmt::format("data: {},\"choices\":[{}]{}}}\n\n", chunk_head_, choice, usage_member(usage));
}

std::string AnswerWriter::usage_member(Usage usage) const {
  if (continuous_usage_) {
    return fmt::format(R"(,"usage":{})", usage_object(usage));
  }
  return include_usage_ ? R"(,"usage":null)" : "";
}

std::string error_body(const Refusal& refusal) {
  const CodeInfo& row = info(refusal.error.code());
  const bool known = row.status != 0 || refusal.error.code() == Code::kStreamInterrupted;
  const CodeInfo& shown = known ? row : info(Code::kInternalError);
  return fmt::format(R"({{"error":{{"message":{},"type":"{}","param":{},"code":"{}"}}}})",
                     quoted(refusal.error.detail()), shown.openai,
                     refusal.param.empty() ? "null" : quoted(refusal.param), shown.name);
}

std::string error_event(const Error& error) {
  return fmt::format("data: {}\n\n", error_body({error}));
}

std::string embeddings_body(const std::vector<std::vector<float>>& embeddings, bool base64,
                            std::string_view model, std::uint64_t prompt_tokens) {
  std::string list;
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    const std::vector<float>& values = embeddings[i];
    std::string vector;
    if (base64) {
      std::vector<std::uint8_t> bytes(values.size() * sizeof(float));
      std::memcpy(bytes.data(), values.data(), bytes.size());
      vector = quoted(codec::to_base64(bytes));
    } else {
      vector = fmt::format("[{}]", fmt::join(values, ","));
    }
    fmt::format_to(std::back_inserter(list),
                   R"({}{{"object":"embedding","index":{},"embedding":{}}})", i == 0 ? "" : ",", i,
                   vector);
  }
  return fmt::format(
      R"({{"object":"list","data":[{}],"model":{},"usage":{{"prompt_tokens":{},"total_tokens":{}}}}})",
      list, quoted(model), prompt_tokens, prompt_tokens);
}

std::string tokens_body(std::span<const Token> tokens, int context) {
  return fmt::format(R"({{"tokens":[{}],"count":{},"max_model_len":{}}})", fmt::join(tokens, ","),
                     tokens.size(), context);
}

std::string model_body(const EngineFacts& facts, std::int64_t created_seconds) {
  return fmt::format(
      R"({{"id":{},"object":"model","created":{},"owned_by":"tdn","simulated":{},"max_model_len":{},)"
      R"("meta":{{"context_length":{},"trained_context_length":{},"parallel":{},"prefix_cache":{},)"
      R"("embedding_length":{},"dimensions":{},"parameters":{},"bytes":{}}}}})",
      quoted(facts.name), created_seconds, facts.simulated, facts.context, facts.context,
      facts.trained_context, facts.slots, facts.prefix_cache, facts.embedding_tokens,
      facts.dimensions, facts.parameters, facts.bytes);
}

std::string models_body(const EngineFacts& facts, std::int64_t created_seconds) {
  return fmt::format(R"({{"object":"list","data":[{}]}})", model_body(facts, created_seconds));
}

}  // namespace tdn::engine
