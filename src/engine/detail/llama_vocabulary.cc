#include "engine/detail/llama_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

namespace tdn::engine {
namespace {

constexpr std::string_view kSpace = " \t\n\v\f\r";

tl::unexpected<Error> too_long(std::size_t tokens, std::size_t most, std::string_view about) {
  return fail(Code::kContextLengthExceeded,
              fmt::format("the prompt is {}{} tokens long, and at most {} are possible; shorten it",
                          about, tokens, most));
}

// libllama recognises a template's family by its text and writes the frame itself; it runs no
// Jinja.
class LlamaTemplate final : public ChatTemplate {
 public:
  LlamaTemplate(const LlamaApi& api, std::string text) : api_(api), text_(std::move(text)) {}

  Result<std::string> apply(const std::vector<Message>& messages, bool open_turn) const override {
    constexpr std::array<const char*, 3> kRoles = {"system", "user", "assistant"};
    std::vector<llama_chat_message> chat;
    chat.reserve(messages.size());
    for (const Message& message : messages) {
      chat.push_back({kRoles[static_cast<std::size_t>(message.role)], message.content.c_str()});
    }
    const auto apply_to = [&](char* out, std::size_t room) {
      return api_.llama_chat_apply_template(text_.c_str(), chat.data(), chat.size(), open_turn, out,
                                            static_cast<std::int32_t>(room));
    };
    const std::int32_t length = apply_to(nullptr, 0);
    if (length < 0) {
      return fail(Code::kInvalid, "its chat template is none that this libllama knows");
    }
    std::string out(static_cast<std::size_t>(length), '\0');
    apply_to(out.data(), out.size());
    return out;
  }

 private:
  const LlamaApi& api_;
  std::string text_;
};

}  // namespace

// Joins contents with the template's text around them and tokenizes what lies between two control
// tokens at once, as the model saw it in training: "user\n" and the content's first line belong to
// one stretch of text. Control tokens are taken from the template's text alone.
class LlamaVocabulary::PromptWriter {
 public:
  explicit PromptWriter(const LlamaVocabulary& owner) : owner_(owner) {}

  Result<void> content(std::string_view text) {
    text_ += text;
    return {};
  }

  Result<void> frame(std::string_view text) {
    std::vector<Token> tokens;
    TDN_TRY_VOID(owner_.append(text, {.parse_special = true}, tokens));
    for (const Token token : tokens) {
      if (!owner_.is_control(token)) {
        continue;
      }
      const std::string_view name = owner_.api_.llama_vocab_get_text(owner_.vocabulary_, token);
      const std::size_t at = text.find(name);
      if (at == std::string_view::npos) {
        return fail(Code::kInternalError,
                    fmt::format("control token {} is not in the chat template's text", token));
      }
      text_ += text.substr(0, at);
      TDN_TRY_VOID(control(token));
      text.remove_prefix(at + name.size());
    }
    text_ += text;
    return {};
  }

  Result<std::vector<Token>> finish() {
    TDN_TRY_VOID(flush());
    return std::move(tokens_);
  }

 private:
  // Some control tokens swallow the white space beside them.
  Result<void> control(Token token) {
    const auto attributes =
        static_cast<unsigned>(owner_.api_.llama_vocab_get_attr(owner_.vocabulary_, token));
    if ((attributes & LLAMA_TOKEN_ATTR_LSTRIP) != 0) {
      text_.erase(text_.find_last_not_of(kSpace) + 1);
    }
    TDN_TRY_VOID(flush());
    tokens_.push_back(token);
    strip_next_ = (attributes & LLAMA_TOKEN_ATTR_RSTRIP) != 0;
    return {};
  }

  Result<void> flush() {
    if (strip_next_) {
      text_.erase(0, std::min(text_.find_first_not_of(kSpace), text_.size()));
      strip_next_ = false;
    }
    TDN_TRY_VOID(owner_.append(text_, {}, tokens_));
    text_.clear();
    return {};
  }

  const LlamaVocabulary& owner_;
  std::string text_;
  std::vector<Token> tokens_;
  bool strip_next_ = false;
};

Result<std::unique_ptr<LlamaVocabulary>> LlamaVocabulary::create(const LlamaApi& api,
                                                                 const llama_model* model) {
  const char* text = api.llama_model_chat_template(model, nullptr);
  if (text == nullptr) {
    return fail(Code::kInvalid, "it has no chat template; give an instruction-tuned model");
  }
  std::unique_ptr<LlamaVocabulary> made(new LlamaVocabulary(api, api.llama_model_get_vocab(model)));
  made->template_ = std::make_unique<LlamaTemplate>(api, text);
  TDN_TRY(const ChatFrame frame, ChatFrame::create(*made->template_));
  made->frame_ = std::make_unique<ChatFrame>(frame);
  return made;
}

LlamaVocabulary::LlamaVocabulary(const LlamaApi& api, const llama_vocab* vocabulary)
    : api_(api), vocabulary_(vocabulary), size_(api.llama_vocab_n_tokens(vocabulary)) {
  for (Token token = 0; token < size_; ++token) {
    const std::string_view text = api.llama_vocab_get_text(vocabulary, token);
    longest_piece_bytes_ = std::max(longest_piece_bytes_, text.size());
  }
}

Result<std::vector<Token>> LlamaVocabulary::tokenize(std::string_view text, Options options,
                                                     std::size_t most) const {
  TDN_TRY_VOID(check_length(text.size(), most));
  std::vector<Token> tokens;
  TDN_TRY_VOID(append(text, options, tokens));
  if (tokens.size() > most) {
    return too_long(tokens.size(), most, "");
  }
  return tokens;
}

Result<std::vector<Token>> LlamaVocabulary::chat_prompt(const Chat& chat, std::size_t most) const {
  std::size_t bytes = 0;
  for (const Message& message : chat.messages) {
    bytes += message.content.size();
  }
  TDN_TRY_VOID(check_length(bytes, most));
  if (chat.messages.size() > most) {
    return too_long(chat.messages.size(), most, "at least ");
  }
  TDN_TRY(const std::vector<FramePart> parts, frame_->split(chat));
  PromptWriter writer(*this);
  for (const FramePart& part : parts) {
    TDN_TRY_VOID(part.is_content ? writer.content(part.text) : writer.frame(part.text));
  }
  TDN_TRY(std::vector<Token> tokens, writer.finish());
  const Token begin = api_.llama_vocab_bos(vocabulary_);
  if (api_.llama_vocab_get_add_bos(vocabulary_) && (tokens.empty() || tokens.front() != begin)) {
    tokens.insert(tokens.begin(), begin);
  }
  if (tokens.size() > most) {
    return too_long(tokens.size(), most, "");
  }
  return tokens;
}

Result<void> LlamaVocabulary::check_length(std::size_t bytes, std::size_t most) const {
  const std::size_t least = bytes / longest_piece_bytes_;
  if (least > most || bytes > std::numeric_limits<std::int32_t>::max()) {
    return too_long(least, most, "at least ");
  }
  return {};
}

Result<void> LlamaVocabulary::append(std::string_view text, Options options,
                                     std::vector<Token>& tokens) const {
  if (text.empty() && !options.add_special) {
    return {};
  }
  const std::size_t before = tokens.size();
  const auto length = static_cast<std::int32_t>(text.size());
  std::size_t room = text.size() / 2 + 8;
  while (true) {
    tokens.resize(before + room);
    const std::int32_t count = api_.llama_tokenize(
        vocabulary_, text.data(), length, tokens.data() + before, static_cast<std::int32_t>(room),
        options.add_special, options.parse_special);
    if (count >= 0) {
      tokens.resize(before + static_cast<std::size_t>(count));
      return {};
    }
    if (count == std::numeric_limits<std::int32_t>::min()) {
      return fail(Code::kInvalidRequest, "the text is too long to be tokenized; shorten it");
    }
    room = static_cast<std::size_t>(-count);
  }
}

std::string LlamaVocabulary::piece(Token token) const {
  std::string bytes(32, '\0');
  while (true) {
    const std::int32_t length = api_.llama_token_to_piece(
        vocabulary_, token, bytes.data(), static_cast<std::int32_t>(bytes.size()), 0, false);
    if (length >= 0) {
      bytes.resize(static_cast<std::size_t>(length));
      return bytes;
    }
    bytes.resize(static_cast<std::size_t>(-length));
  }
}

bool LlamaVocabulary::ends_generation(Token token) const {
  return api_.llama_vocab_is_eog(vocabulary_, token);
}

// What the tokenizer finds in a text only when asked to look for special tokens.
bool LlamaVocabulary::is_control(Token token) const {
  const auto attributes = static_cast<unsigned>(api_.llama_vocab_get_attr(vocabulary_, token));
  return (attributes & (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN)) != 0;
}

}  // namespace tdn::engine
