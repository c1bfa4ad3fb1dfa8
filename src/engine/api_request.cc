#include "engine/api_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engine/detail/json_fields.h"

namespace tdn::engine {
namespace {

constexpr std::size_t kMostPrompts = 64;
constexpr std::size_t kMostInputs = 2048;
constexpr std::size_t kMostStops = 4;
constexpr std::size_t kMostStopBytes = 1024;
constexpr std::size_t kMostSaltBytes = 256;

bool is_false(const json::value& value) { return value.is_bool() && !value.get_bool(); }
bool is_empty(const json::value& value) {
  return (value.is_array() && value.get_array().empty()) ||
         (value.is_object() && value.get_object().empty()) ||
         (value.is_string() && value.get_string().empty());
}
bool is_none(const json::value& value) { return value.is_string() && value.get_string() == "none"; }
bool is_text_format(const json::value& value) {
  const json::value* type = value.is_object() ? value.get_object().if_contains("type") : nullptr;
  return type != nullptr && type->is_string() && type->get_string() == "text";
}
bool is_text_modality(const json::value& value) {
  const json::array* list = value.if_array();
  return list != nullptr && list->size() == 1 && list->front().is_string() &&
         list->front().get_string() == "text";
}

void refuse_what_is_lacking(Fields& fields) {
  const auto nothing = [](const json::value&) { return false; };
  const auto one = [](const json::value& value) { return Fields::integer(value) == 1; };
  const auto zero = [](const json::value& value) { return Fields::integer(value) == 0; };
  fields.lacks("tools", is_empty, "leave it out");
  fields.lacks("tool_choice", is_none, "leave it out, or say none");
  fields.lacks("functions", is_empty, "leave it out");
  fields.lacks("function_call", is_none, "leave it out, or say none");
  fields.lacks("response_format", is_text_format, "leave it out, or say {\"type\": \"text\"}");
  fields.lacks("logprobs", is_false, "leave it out");
  fields.lacks("top_logprobs", zero, "leave it out");
  fields.lacks("logit_bias", is_empty, "leave it out");
  fields.lacks("n", one, "ask once per choice");
  fields.lacks("best_of", one, "leave it out");
  fields.lacks("echo", is_false, "leave it out");
  fields.lacks("suffix", is_empty, "leave it out");
  fields.lacks("modalities", is_text_modality, "leave it out, or say [\"text\"]");
  fields.lacks("audio", nothing, "leave it out");
  fields.lacks("prediction", nothing, "leave it out");
  fields.lacks("web_search_options", nothing, "leave it out");
}

void read_stops(Fields& fields, std::vector<std::string>& stops) {
  const json::value* value = fields.find("stop");
  if (value == nullptr) {
    return;
  }
  constexpr std::string_view kWhat = "a string or an array of 1 to 4 strings of 1 to 1024 bytes";
  const auto take = [&](const json::value& stop) {
    const json::string* text = stop.if_string();
    if (text == nullptr || text->empty() || text->size() > kMostStopBytes) {
      fields.keep("stop", kWhat);
    } else {
      stops.emplace_back(*text);
    }
  };
  const json::array* list = value->if_array();
  if (list == nullptr) {
    take(*value);
  } else if (list->size() > kMostStops) {
    fields.keep("stop", kWhat);
  } else {
    for (const json::value& stop : *list) {
      take(stop);
    }
  }
}

void read_stream(Fields& fields, GenerationSettings& settings) {
  fields.flag("stream", settings.stream);
  const json::value* options = fields.find("stream_options");
  if (options == nullptr) {
    return;
  }
  if (!options->is_object()) {
    fields.keep("stream_options", "an object");
    return;
  }
  Fields inner(options->get_object());
  inner.flag("include_usage", settings.include_usage);
  inner.flag("continuous_usage_stats", settings.continuous_usage);
  if (inner.refusal() != nullptr) {
    fields.keep("stream_options", "an object whose members are true or false");
  }
}

void read_settings(Fields& fields, GenerationSettings& settings) {
  fields.text("model", settings.model);
  if (settings.model.empty()) {
    fields.keep("model", "the name of a model");
  }
  refuse_what_is_lacking(fields);
  std::optional<int> max_completion_tokens;
  fields.count("max_tokens", settings.max_tokens);
  fields.count("max_completion_tokens", max_completion_tokens);
  if (max_completion_tokens) {
    settings.max_tokens =
        std::min(*max_completion_tokens, settings.max_tokens.value_or(*max_completion_tokens));
  }
  fields.number("temperature", settings.sampling.temperature, 0, 2);
  fields.number("top_p", settings.sampling.top_p, 0, 1);
  fields.number("frequency_penalty", settings.sampling.frequency_penalty, -2, 2);
  fields.number("presence_penalty", settings.sampling.presence_penalty, -2, 2);
  fields.seed("seed", settings.sampling.seed);
  fields.text("cache_salt", settings.partition);
  if (settings.partition.size() > kMostSaltBytes) {
    fields.keep("cache_salt", "a string of at most 256 bytes");
  }
  read_stops(fields, settings.stops);
  read_stream(fields, settings);
}

// A string, or an array of parts of which each must be a text.
ApiResult<std::string> read_content(const json::object& message, const std::string& path) {
  const json::value* content = message.if_contains("content");
  constexpr std::string_view kWhat = "a string or an array of text parts";
  if (content != nullptr && content->is_string()) {
    return std::string(content->get_string());
  }
  if (content == nullptr || !content->is_array()) {
    return wrong_type(path + ".content", kWhat);
  }
  std::string whole;
  std::size_t index = 0;
  for (const json::value& part : content->get_array()) {
    const std::string part_path = fmt::format("{}.content[{}]", path, index++);
    const json::object* object = part.if_object();
    const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
    if (type == nullptr || !type->is_string()) {
      return wrong_type(part_path, "an object with a type");
    }
    if (type->get_string() != "text") {
      return refuse(part_path, fmt::format("{}: parts of type {} are not supported by this engine; "
                                           "send text parts",
                                           part_path, std::string(type->get_string())));
    }
    const json::value* text = object->if_contains("text");
    if (text == nullptr || !text->is_string()) {
      return wrong_type(part_path + ".text", "a string");
    }
    whole += text->get_string();
  }
  return whole;
}

ApiResult<Message> read_message(const json::value& value, const std::string& path) {
  const json::object* object = value.if_object();
  if (object == nullptr) {
    return wrong_type(path, "an object with role and content");
  }
  const json::value* role = object->if_contains("role");
  if (role == nullptr || !role->is_string()) {
    return wrong_type(path + ".role", "one of system, user, assistant");
  }
  Message message;
  if (role->get_string() == "system") {
    message.role = Role::kSystem;
  } else if (role->get_string() == "user") {
    message.role = Role::kUser;
  } else if (role->get_string() == "assistant") {
    message.role = Role::kAssistant;
  } else {
    return refuse(path + ".role",
                  fmt::format("{}.role {} is not supported by this engine; use system, user or "
                              "assistant",
                              path, std::string(role->get_string())));
  }
  for (const char* name : {"tool_calls", "function_call"}) {
    const json::value* calls = object->if_contains(name);
    if (calls != nullptr && !calls->is_null() && !is_empty(*calls)) {
      return refuse(path + "." + name,
                    fmt::format("{}.{} is not supported by this engine; leave it out", path, name));
    }
  }
  ApiResult<std::string> content = read_content(*object, path);
  if (!content) {
    return tl::unexpected(std::move(content).error());
  }
  message.content = *std::move(content);
  return message;
}

ApiResult<Chat> read_chat(Fields& fields) {
  const json::value* messages = fields.find("messages");
  const json::array* list = messages == nullptr ? nullptr : messages->if_array();
  if (list == nullptr || list->empty()) {
    return wrong_type("messages", "an array of at least one message");
  }
  Chat chat;
  for (const json::value& value : *list) {
    ApiResult<Message> message =
        read_message(value, fmt::format("messages[{}]", chat.messages.size()));
    if (!message) {
      return tl::unexpected(std::move(message).error());
    }
    chat.messages.push_back(*std::move(message));
  }
  bool open_turn = true;
  fields.flag("continue_final_message", chat.continue_last);
  fields.flag("add_generation_prompt", open_turn);
  if (chat.continue_last && (chat.messages.back().role != Role::kAssistant ||
                             (fields.find("add_generation_prompt") != nullptr && open_turn))) {
    return refuse("continue_final_message",
                  "continue_final_message needs an assistant's message at the end and "
                  "add_generation_prompt false");
  }
  if (!chat.continue_last && !open_turn) {
    return refuse("add_generation_prompt",
                  "add_generation_prompt false is for continue_final_message only");
  }
  return chat;
}

std::optional<std::vector<Token>> read_tokens(const json::array& list) {
  std::vector<Token> tokens;
  tokens.reserve(list.size());
  for (const json::value& value : list) {
    const std::optional<std::int64_t> number = Fields::integer(value);
    if (!number || *number < 0 || *number > std::numeric_limits<Token>::max()) {
      return std::nullopt;
    }
    tokens.push_back(static_cast<Token>(*number));
  }
  return tokens;
}

// A string, an array of strings, an array of tokens, or an array of arrays of tokens.
ApiResult<std::vector<Prompt>> read_prompts(Fields& fields, const std::string& name,
                                            std::size_t most) {
  const std::string what = fmt::format(
      "a string, an array of tokens, or an array of 1 to {} of these, none empty", most);
  const json::value* value = fields.find(name);
  std::vector<Prompt> prompts;
  const auto take = [&](const json::value& item) {
    if (const json::string* text = item.if_string(); text != nullptr && !text->empty()) {
      prompts.emplace_back(std::string(*text));
      return true;
    }
    const json::array* list = item.if_array();
    if (list == nullptr || list->empty()) {
      return false;
    }
    std::optional<std::vector<Token>> tokens = read_tokens(*list);
    if (!tokens) {
      return false;
    }
    prompts.emplace_back(*std::move(tokens));
    return true;
  };
  if (value != nullptr && take(*value)) {
    return prompts;
  }
  const json::array* list = value == nullptr ? nullptr : value->if_array();
  if (list == nullptr || list->empty() || list->size() > most) {
    return wrong_type(name, what);
  }
  for (const json::value& item : *list) {
    if (!take(item)) {
      return wrong_type(name, what);
    }
  }
  return prompts;
}

// Reads the body's object with `read`, which gives an ApiResult; the first error wins.
template <class Request, class Read>
ApiResult<Request> parse_with(std::string_view body, const Read& read) {
  const ApiResult<json::object> object = parse_object(body);
  if (!object) {
    return tl::unexpected(object.error());
  }
  Fields fields(*object);
  ApiResult<Request> request = read(fields);
  if (const Refusal* refusal = fields.refusal()) {
    return tl::unexpected(*refusal);
  }
  return request;
}

}  // namespace

ApiResult<ChatRequest> parse_chat_request(std::string_view body) {
  return parse_with<ChatRequest>(body, [](Fields& fields) -> ApiResult<ChatRequest> {
    ChatRequest request;
    read_settings(fields, request.settings);
    ApiResult<Chat> chat = read_chat(fields);
    if (!chat) {
      return tl::unexpected(std::move(chat).error());
    }
    request.chat = *std::move(chat);
    return request;
  });
}

ApiResult<CompletionRequest> parse_completion_request(std::string_view body) {
  return parse_with<CompletionRequest>(body, [](Fields& fields) -> ApiResult<CompletionRequest> {
    CompletionRequest request;
    read_settings(fields, request.settings);
    ApiResult<std::vector<Prompt>> prompts = read_prompts(fields, "prompt", kMostPrompts);
    if (!prompts) {
      return tl::unexpected(std::move(prompts).error());
    }
    request.prompts = *std::move(prompts);
    return request;
  });
}

ApiResult<EmbeddingRequest> parse_embedding_request(std::string_view body) {
  return parse_with<EmbeddingRequest>(body, [](Fields& fields) -> ApiResult<EmbeddingRequest> {
    EmbeddingRequest request;
    fields.text("model", request.model);
    if (request.model.empty()) {
      fields.keep("model", "the name of a model");
    }
    fields.count("dimensions", request.dimensions);
    std::string format = "float";
    fields.text("encoding_format", format);
    request.base64 = format == "base64";
    if (format != "float" && format != "base64") {
      fields.keep("encoding_format", "float or base64");
    }
    ApiResult<std::vector<Prompt>> inputs = read_prompts(fields, "input", kMostInputs);
    if (!inputs) {
      return tl::unexpected(std::move(inputs).error());
    }
    request.inputs = *std::move(inputs);
    return request;
  });
}

ApiResult<TokenizeRequest> parse_tokenize_request(std::string_view body) {
  return parse_with<TokenizeRequest>(body, [](Fields& fields) -> ApiResult<TokenizeRequest> {
    TokenizeRequest request;
    fields.flag("add_special", request.options.add_special);
    fields.flag("parse_special", request.options.parse_special);
    if (fields.find("messages") != nullptr) {
      ApiResult<Chat> chat = read_chat(fields);
      if (!chat) {
        return tl::unexpected(std::move(chat).error());
      }
      request.text = *std::move(chat);
      return request;
    }
    std::string content;
    fields.text("content", content);
    if (fields.find("content") == nullptr) {
      return wrong_type("content", "a string, unless there are messages");
    }
    request.text = std::move(content);
    return request;
  });
}

}  // namespace tdn::engine
