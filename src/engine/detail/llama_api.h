// libllama's C functions as pointers in one struct, found at run time with dlopen: the program
// starts, and everything else of it works, on a machine without the library. The headers that give
// the types must be of the library's own version (scripts/fetch-engine fetches both).
#pragma once

#include <llama.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace tdn::engine {

// What this module calls, no more: a missing one fails at start, with its name.
#define TDN_LLAMA_FUNCTIONS(X)           \
  X(ggml_backend_load_all_from_path)     \
  X(llama_backend_init)                  \
  X(llama_batch_free)                    \
  X(llama_batch_init)                    \
  X(llama_chat_apply_template)           \
  X(llama_context_default_params)        \
  X(llama_decode)                        \
  X(llama_free)                          \
  X(llama_get_embeddings_seq)            \
  X(llama_get_memory)                    \
  X(llama_init_from_model)               \
  X(llama_log_set)                       \
  X(llama_max_parallel_sequences)        \
  X(llama_memory_clear)                  \
  X(llama_memory_seq_cp)                 \
  X(llama_memory_seq_rm)                 \
  X(llama_model_chat_template)           \
  X(llama_model_default_params)          \
  X(llama_model_free)                    \
  X(llama_model_get_vocab)               \
  X(llama_model_has_decoder)             \
  X(llama_model_has_encoder)             \
  X(llama_model_is_diffusion)            \
  X(llama_model_is_hybrid)               \
  X(llama_model_is_recurrent)            \
  X(llama_model_load_from_file)          \
  X(llama_model_n_ctx_train)             \
  X(llama_model_n_embd)                  \
  X(llama_model_n_params)                \
  X(llama_model_quantize)                \
  X(llama_model_quantize_default_params) \
  X(llama_model_size)                    \
  X(llama_n_ctx_seq)                     \
  X(llama_sampler_chain_add)             \
  X(llama_sampler_chain_default_params)  \
  X(llama_sampler_chain_init)            \
  X(llama_sampler_free)                  \
  X(llama_sampler_init_dist)             \
  X(llama_sampler_init_greedy)           \
  X(llama_sampler_init_penalties)        \
  X(llama_sampler_init_temp)             \
  X(llama_sampler_init_top_p)            \
  X(llama_sampler_sample)                \
  X(llama_token_to_piece)                \
  X(llama_tokenize)                      \
  X(llama_vocab_bos)                     \
  X(llama_vocab_get_add_bos)             \
  X(llama_vocab_get_attr)                \
  X(llama_vocab_get_text)                \
  X(llama_vocab_is_eog)                  \
  X(llama_vocab_n_tokens)

struct LlamaApi {
#define TDN_LLAMA_POINTER(name) decltype(&::name) name = nullptr;  // NOLINT: a declaration
  TDN_LLAMA_FUNCTIONS(TDN_LLAMA_POINTER)
#undef TDN_LLAMA_POINTER

  // Loads the library and its processor backends from `folder`, once per process; stays loaded.
  [[nodiscard]] static Result<const LlamaApi*> open(const std::string& folder);

  // The first error that the library logged on this thread since this was last called, for
  // messages: the first names the cause.
  [[nodiscard]] static std::string take_error();
};

}  // namespace tdn::engine
