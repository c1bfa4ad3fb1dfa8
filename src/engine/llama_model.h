// The real engine: a GGUF model run by libllama on the processor.
//
// The same request gives the same tokens, to the bit of the scores, whatever is batched beside it
// and however much of its prompt is reused from earlier requests. For that sequences have separate
// key-value memory and flash attention is off, which together cost 10–19 % of speed; each prompt's
// part of a step is evaluated by itself, in pieces of at least two tokens; and only read tokens are
// reused (slot_memory.h, docs/guide/engine.md). Between processor types, and between numbers of
// threads, texts may differ.
//
// In a build without libllama's headers these functions refuse and say how to get them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/model.h"

namespace tdn::engine {

struct LlamaOptions {
  std::string model_path = {};
  std::string library_folder = {};  // empty: where scripts/fetch-engine put it when this was built
  int threads =
      1;  // more only on cores with nothing else to do: they wait for each other by spinning
  int slots = 8;
  int context = 0;  // tokens per sequence; 0: what the model was trained for, at most 2048
  int batch_tokens = 64;
};

struct LlamaEngine {
  std::unique_ptr<Vocabulary> vocabulary;
  std::unique_ptr<Model> model;
  int context = 0;           // tokens per sequence
  int trained_context = 0;   // the model's own limit
  int embedding_tokens = 0;  // the longest text to embed
  int dimensions = 0;        // of an embedding
  // Whether a sequence can be shortened and go on; without that nothing can be reused.
  bool can_reuse = true;
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
  std::string name;  // from the file's
};

// Refused with the reason by name: no such file, not GGUF, an architecture or a chat template that
// this libllama does not know, no room for the context.
[[nodiscard]] Result<LlamaEngine> load_llama(const LlamaOptions& options);

// Writes the model in `from` to `to` in 8-bit blocks (Q8_0), whatever its type is now.
[[nodiscard]] Result<void> quantize_llama(const std::string& library_folder,
                                          const std::string& from, const std::string& to);

}  // namespace tdn::engine
