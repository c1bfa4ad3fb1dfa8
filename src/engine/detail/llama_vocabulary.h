// Text to tokens with libllama's own tokenizer.
#pragma once

#include <llama.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/chat_frame.h"
#include "engine/detail/llama_api.h"
#include "engine/model.h"

namespace tdn::engine {

class LlamaVocabulary final : public Vocabulary {
 public:
  // Refuses a model whose chat template libllama does not know. Model and library are borrowed.
  [[nodiscard]] static Result<std::unique_ptr<LlamaVocabulary>> create(const LlamaApi& api,
                                                                       const llama_model* model);

  [[nodiscard]] Result<std::vector<Token>> tokenize(std::string_view text, Options options,
                                                    std::size_t most) const override;
  [[nodiscard]] Result<std::vector<Token>> chat_prompt(const Chat& chat,
                                                       std::size_t most) const override;
  [[nodiscard]] std::string piece(Token token) const override;
  [[nodiscard]] bool ends_generation(Token token) const override;
  [[nodiscard]] Token size() const override { return size_; }

 private:
  class PromptWriter;
  LlamaVocabulary(const LlamaApi& api, const llama_vocab* vocabulary);

  [[nodiscard]] Result<void> append(std::string_view text, Options options,
                                    std::vector<Token>& tokens) const;
  [[nodiscard]] Result<void> check_length(std::size_t bytes, std::size_t most) const;
  [[nodiscard]] bool is_control(Token token) const;

  const LlamaApi& api_;
  const llama_vocab* vocabulary_;
  Token size_;
  std::size_t longest_piece_bytes_ = 1;
  std::unique_ptr<ChatTemplate> template_;
  std::unique_ptr<ChatFrame> frame_;
};

}  // namespace tdn::engine
