#include "engine/simulated.h"

#include <fmt/format.h>

#include <cmath>

#include "engine/block_memory.h"

namespace tdn::engine {
namespace {

constexpr std::string_view kConsonants = "bdfghjklmnprstvz";
constexpr std::string_view kVowels = "aeiou";
constexpr std::size_t kBytesPerToken = 4;

// Ids: the words, then the control tokens, then a bucket for any other four bytes.
constexpr Token kWords = static_cast<Token>(16 * 5 * 16);
constexpr Token kEnd = kWords;
constexpr Token kTurn = kWords + 1;  // + role
constexpr Token kOther = kWords + 8;
constexpr Token kSize = 32768;

// The finaliser of MurmurHash3: every bit of the input moves every bit of the output.
constexpr std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 33U)) * 0xff51afd7ed558ccd;
  x = (x ^ (x >> 33U)) * 0xc4ceb9fe1a85ec53;
  return x ^ (x >> 33U);
}

constexpr std::uint64_t next_state(std::uint64_t state, Token token) {
  return mix(state * 31 + static_cast<std::uint64_t>(token) + 1);
}

std::string word(Token token) {
  const auto index = static_cast<std::size_t>(token);
  return {' ', kConsonants[index / 80], kVowels[index / 16 % 5], kConsonants[index % 16]};
}

Token token_of(std::string_view group) {
  if (group.size() == kBytesPerToken && group[0] == ' ') {
    const std::size_t first = kConsonants.find(group[1]);
    const std::size_t vowel = kVowels.find(group[2]);
    const std::size_t last = kConsonants.find(group[3]);
    if (first != std::string_view::npos && vowel != std::string_view::npos &&
        last != std::string_view::npos) {
      return static_cast<Token>(first * 80 + vowel * 16 + last);
    }
  }
  std::uint64_t hash = group.size();
  for (const char byte : group) {
    hash = mix(hash * 257 + static_cast<unsigned char>(byte));
  }
  return kOther + static_cast<Token>(hash % (kSize - kOther));
}

void append_tokens(std::string_view text, std::vector<Token>& tokens) {
  for (std::size_t at = 0; at < text.size(); at += kBytesPerToken) {
    tokens.push_back(token_of(text.substr(at, kBytesPerToken)));
  }
}

Result<void> check_length(std::size_t tokens, std::size_t most) {
  if (tokens > most) {
    return fail(Code::kContextLengthExceeded,
                fmt::format("the prompt is {} tokens long, and at most {} are possible; shorten it",
                            tokens, most));
  }
  return {};
}

}  // namespace

Result<std::vector<Token>> SimulatedVocabulary::tokenize(std::string_view text, Options,
                                                         std::size_t most) const {
  TDN_TRY_VOID(check_length((text.size() + kBytesPerToken - 1) / kBytesPerToken, most));
  std::vector<Token> tokens;
  append_tokens(text, tokens);
  return tokens;
}

Result<std::vector<Token>> SimulatedVocabulary::chat_prompt(const Chat& chat,
                                                            std::size_t most) const {
  std::size_t count = 0;
  for (const Message& message : chat.messages) {
    count += 4 + (message.content.size() + kBytesPerToken - 1) / kBytesPerToken;
  }
  TDN_TRY_VOID(check_length(count + 3, most));

  std::vector<Token> tokens;
  const auto open_turn = [&](Role role) {
    tokens.insert(tokens.end(), 3, kTurn + static_cast<Token>(role));
  };
  for (const Message& message : chat.messages) {
    open_turn(message.role);
    append_tokens(message.content, tokens);
    if (!chat.continue_last || &message != &chat.messages.back()) {
      tokens.push_back(kEnd);
    }
  }
  if (!chat.continue_last) {
    open_turn(Role::kAssistant);
  }
  return tokens;
}

std::string SimulatedVocabulary::piece(Token token) const {
  return token < kWords ? word(token) : std::string();
}

bool SimulatedVocabulary::ends_generation(Token token) const { return token == kEnd; }

Token SimulatedVocabulary::size() const { return kSize; }

std::unique_ptr<KvMemory> make_block_memory(const Timing& timing) {
  return std::make_unique<BlockMemory>(
      BlockMemory::Size{
          .slots = timing.slots, .blocks = timing.kv_blocks(), .block_tokens = timing.block_tokens},
      timing.prefix_cache);
}

SimulatedModel::SimulatedModel(const Timing& timing)
    : timing_(timing), sequences_(static_cast<std::size_t>(timing.slots)) {}

Result<StepResult> SimulatedModel::step(const Batch& batch) {
  for (const Batch::Start& start : batch.starts) {
    Sequence& sequence = sequences_[static_cast<std::size_t>(start.slot)];
    sequence = {start.sampling.seed.value_or(timing_.seed), 0};
    for (const Token token : start.reused) {
      sequence.state = next_state(sequence.state, token);
    }
  }
  StepResult result;
  if (!batch.embed.empty()) {
    result.embedding = embed(batch.embed);
  }
  for (const Entry& entry : batch.entries) {
    Sequence& sequence = sequences_[static_cast<std::size_t>(entry.slot)];
    sequence.state = next_state(sequence.state, entry.token);
    if (entry.sample) {
      result.sampled.push_back(draw(sequence));
    }
  }
  return result;
}

Token SimulatedModel::draw(const Sequence& sequence) const {
  const std::uint64_t drawn = mix(sequence.state ^ mix(sequence.seed));
  if (timing_.mean_output > 0 && (drawn >> 32U) % timing_.mean_output == 0) {
    return kEnd;
  }
  return static_cast<Token>((drawn & 0xffffffffU) % kWords);
}

std::vector<float> SimulatedModel::embed(std::span<const Token> tokens) const {
  std::uint64_t state = 0;
  for (const Token token : tokens) {
    state = next_state(state, token);
  }
  std::vector<float> vector(static_cast<std::size_t>(timing_.dimensions));
  double squares = 0;
  for (float& value : vector) {
    state = mix(state + 1);
    value = static_cast<float>(static_cast<double>(state >> 11U) * 0x1p-52 - 1);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const double length = squares > 0 ? std::sqrt(squares) : 1;
  for (float& value : vector) {
    value = static_cast<float>(static_cast<double>(value) / length);
  }
  return vector;
}

}  // namespace tdn::engine
