// What runs under the engine, real or simulated, seen from the scheduler: a vocabulary that turns
// text into tokens and back, and a model that evaluates one batch at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tdn::engine {

using Token = std::int32_t;

enum class Role : std::uint8_t { kSystem, kUser, kAssistant };
[[nodiscard]] std::string_view to_string(Role role);

struct Message {
  Role role = Role::kUser;
  std::string content;
};

struct Chat {
  std::vector<Message> messages;
  // The last message, which must be the assistant's, is left open and continued instead of a new
  // turn being begun.
  bool continue_last = false;
};

// How the next token is drawn. Temperature 0 takes the likeliest token.
struct Sampling {
  float temperature = 1;
  float top_p = 1;
  float frequency_penalty = 0;
  float presence_penalty = 0;
  std::optional<std::uint64_t> seed;  // none: drawn anew for every request
};

// Thread-safe: called while a batch is being evaluated.
class Vocabulary {
 public:
  virtual ~Vocabulary() = default;

  struct Options {
    bool add_special = false;    // the tokens that the model wants before (and after) a text
    bool parse_special = false;  // "<|im_end|>" in the text becomes the control token
  };
  // Declines with kContextLengthExceeded, before doing the work, a text that cannot be fewer tokens
  // than `most`.
  [[nodiscard]] virtual Result<std::vector<Token>> tokenize(std::string_view text, Options options,
                                                            std::size_t most) const = 0;
  // The prompt for the assistant's next turn. No text in a message becomes a control token.
  [[nodiscard]] virtual Result<std::vector<Token>> chat_prompt(const Chat& chat,
                                                               std::size_t most) const = 0;
  // The bytes of a sampled token; may end inside a character.
  [[nodiscard]] virtual std::string piece(Token token) const = 0;
  [[nodiscard]] virtual bool ends_generation(Token token) const = 0;
  [[nodiscard]] virtual Token size() const = 0;  // valid tokens are [0, size)
};

// One token to evaluate in one slot's sequence.
struct Entry {
  int slot = 0;
  Token token = 0;
  int position = 0;
  bool sample = false;  // draw the token that follows this one
};

// One step of the model. Either an embedding, or entries: first one per sequence that is
// generating, then parts of prompts.
struct Batch {
  // This slot begins a new sequence, the former one is over. The first tokens of the new one may be
  // in memory already: then they are kept, or copied from another slot, and not evaluated again.
  // Starts are carried out in their order, before anything is evaluated.
  struct Start {
    int slot = 0;
    Sampling sampling;
    std::vector<Token> reused = {};
    int source = 0;  // where those are; the slot itself: nothing is copied
  };
  std::vector<Start> starts;
  std::vector<Entry> entries;
  int decodes = 0;           // the first so many entries continue a generation
  std::vector<Token> embed;  // not empty: an embedding of this text instead

  [[nodiscard]] bool empty() const { return entries.empty() && embed.empty(); }
  [[nodiscard]] int prefills() const { return static_cast<int>(entries.size()) - decodes; }
};

struct StepResult {
  std::vector<Token> sampled;    // one per entry with `sample`, in their order
  std::vector<float> embedding;  // of unit length
};

// Not thread-safe; may block for a second or so.
class Model {
 public:
  virtual ~Model() = default;
  [[nodiscard]] virtual Result<StepResult> step(const Batch& batch) = 0;
};

}  // namespace tdn::engine
