// The simulated engine: text of pseudo-words at the cost of a hash, with the exact token counts,
// determinism and shape of a real one. How long its steps take is engine/timing.h's business.
//
// Tokens: every 4 bytes of a text are one token, a shorter rest is one more. A generated token is a
// space and a word of three letters (" bak"), so generated text of n tokens is again n tokens when
// it comes back as a prompt. A chat costs 4 tokens per message and 3 for the assistant's turn on
// top.
//
// The next token is a function of the seed and of all tokens before it. The same request gives the
// same text, whatever runs beside; and an answer that was cut and is continued as the assistant's
// open message goes on as if it had never been cut.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/kv_memory.h"
#include "engine/model.h"
#include "engine/timing.h"

namespace tdn::engine {

class SimulatedVocabulary final : public Vocabulary {
 public:
  [[nodiscard]] Result<std::vector<Token>> tokenize(std::string_view text, Options options,
                                                    std::size_t most) const override;
  [[nodiscard]] Result<std::vector<Token>> chat_prompt(const Chat& chat,
                                                       std::size_t most) const override;
  [[nodiscard]] std::string piece(Token token) const override;
  [[nodiscard]] bool ends_generation(Token token) const override;
  [[nodiscard]] Token size() const override;
};

// Its key-value memory, of the size that `timing` says.
[[nodiscard]] std::unique_ptr<KvMemory> make_block_memory(const Timing& timing);

class SimulatedModel final : public Model {
 public:
  // As many slots as `timing` says.
  explicit SimulatedModel(const Timing& timing);
  [[nodiscard]] Result<StepResult> step(const Batch& batch) override;

 private:
  struct Sequence {
    std::uint64_t seed = 0;
    std::uint64_t state = 0;  // hash of all tokens so far
  };
  [[nodiscard]] Token draw(const Sequence& sequence) const;
  [[nodiscard]] std::vector<float> embed(std::span<const Token> tokens) const;

  Timing timing_;
  std::vector<Sequence> sequences_;
};

}  // namespace tdn::engine
