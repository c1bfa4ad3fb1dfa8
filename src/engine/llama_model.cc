#include "engine/llama_model.h"

#include <fmt/format.h>
#include <llama.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <span>

#include "base/random.h"
#include "engine/detail/llama_api.h"
#include "engine/detail/llama_vocabulary.h"
#include "engine/model_name.h"

namespace tdn::engine {
namespace {

// An embedding is computed in one piece and holds up the steps of running streams meanwhile.
constexpr int kMostEmbeddingTokens = 512;
constexpr int kDefaultContext = 2048;
constexpr int kContextPadding = 256;  // libllama pads each sequence's memory to a multiple

template <auto kFunction>
struct Release {
  const LlamaApi* api = nullptr;
  template <class T>
  void operator()(T* pointer) const {
    (api->*kFunction)(pointer);
  }
};
using ModelPointer = std::unique_ptr<llama_model, Release<&LlamaApi::llama_model_free>>;
using ContextPointer = std::unique_ptr<llama_context, Release<&LlamaApi::llama_free>>;
using SamplerPointer = std::unique_ptr<llama_sampler, Release<&LlamaApi::llama_sampler_free>>;

std::string folder_or_default(const std::string& folder) {
  return folder.empty() ? TDN_LLAMA_LIBRARY_FOLDER : folder;
}

// libllama's batch, with room for as many tokens as a step may have.
class TokenBatch {
 public:
  TokenBatch(const LlamaApi& api, int tokens)
      : api_(api), batch_(api.llama_batch_init(tokens, 0, 1)) {}
  ~TokenBatch() { api_.llama_batch_free(batch_); }
  TokenBatch(const TokenBatch&) = delete;
  TokenBatch& operator=(const TokenBatch&) = delete;

  void clear() { batch_.n_tokens = 0; }
  void add(const Entry& entry) {
    const auto i = batch_.n_tokens++;
    batch_.token[i] = entry.token;
    batch_.pos[i] = entry.position;
    batch_.n_seq_id[i] = 1;
    batch_.seq_id[i][0] = entry.slot;
    batch_.logits[i] = entry.sample ? 1 : 0;
  }
  [[nodiscard]] const llama_batch& get() const { return batch_; }

 private:
  const LlamaApi& api_;
  llama_batch batch_;
};

class LlamaModel final : public Model {
 public:
  LlamaModel(const LlamaApi& api, ModelPointer model, ContextPointer context,
             const LlamaOptions& options, int context_tokens, int embedding_tokens)
      : api_(api),
        model_(std::move(model)),
        context_(std::move(context)),
        threads_(options.threads),
        context_tokens_(context_tokens),
        embedding_tokens_(embedding_tokens),
        samplers_(static_cast<std::size_t>(options.slots)),
        batch_(api, std::max(options.batch_tokens, embedding_tokens)) {}

  Result<StepResult> step(const Batch& batch) override {
    for (const Batch::Start& start : batch.starts) {
      TDN_TRY_VOID(begin(start));
    }
    if (!batch.embed.empty()) {
      return embed(batch.embed);
    }
    // Generating sequences together; of prompts each part by itself, because libllama would cut
    // tokens of neighbouring sequences into pieces that depend on the neighbours, and a piece of
    // one token is computed differently.
    StepResult result;
    std::span<const Entry> rest(batch.entries);
    std::size_t count = static_cast<std::size_t>(batch.decodes);
    while (!rest.empty()) {
      if (count > 0) {
        TDN_TRY_VOID(evaluate(rest.first(count), result));
        rest = rest.subspan(count);
      }
      const auto next = std::find_if(rest.begin(), rest.end(), [&](const Entry& entry) {
        return entry.slot != rest.front().slot;
      });
      count = static_cast<std::size_t>(next - rest.begin());
    }
    return result;
  }

 private:
  // A copy is made of whole sequences, which is what libllama can; then the copy is shortened.
  Result<void> begin(const Batch::Start& start) {
    llama_memory_t memory = api_.llama_get_memory(context_.get());
    if (start.source != start.slot) {
      api_.llama_memory_seq_rm(memory, start.slot, -1, -1);
      api_.llama_memory_seq_cp(memory, start.source, start.slot, -1, -1);
    }
    const auto keep = static_cast<llama_pos>(start.reused.size());
    if (!api_.llama_memory_seq_rm(memory, start.slot, keep > 0 ? keep : -1, -1)) {
      return fail(Code::kInternalError,
                  "the model cannot shorten a sequence; start the engine "
                  "with --no-prefix-cache");
    }
    samplers_[static_cast<std::size_t>(start.slot)] = make_sampler(start.sampling);
    return {};
  }

  Result<void> evaluate(std::span<const Entry> entries, StepResult& result) {
    batch_.clear();
    for (const Entry& entry : entries) {
      batch_.add(entry);
    }
    TDN_TRY_VOID(decode(*context_));
    std::int32_t index = 0;
    for (const Entry& entry : entries) {
      if (entry.sample) {
        llama_sampler* sampler = samplers_[static_cast<std::size_t>(entry.slot)].get();
        result.sampled.push_back(api_.llama_sampler_sample(sampler, context_.get(), index));
      }
      ++index;
    }
    return {};
  }

  Result<void> decode(llama_context& context) {
    const std::int32_t code = api_.llama_decode(&context, batch_.get());
    if (code != 0) {
      return fail(Code::kInternalError,
                  fmt::format("the model could not be evaluated (code {}): {}", code,
                              LlamaApi::take_error()));
    }
    return {};
  }

  // Penalties before temperature, temperature before the nucleus, as OpenAI's documentation has it.
  SamplerPointer make_sampler(const Sampling& sampling) const {
    SamplerPointer chain(api_.llama_sampler_chain_init(api_.llama_sampler_chain_default_params()),
                         Release<&LlamaApi::llama_sampler_free>{&api_});
    const auto add = [&](llama_sampler* sampler) {
      api_.llama_sampler_chain_add(chain.get(), sampler);
    };
    if (sampling.frequency_penalty != 0 || sampling.presence_penalty != 0) {
      const llama_vocab* vocabulary = api_.llama_model_get_vocab(model_.get());
      add(api_.llama_sampler_init_penalties(api_.llama_vocab_n_tokens(vocabulary), context_tokens_,
                                            1, sampling.frequency_penalty,
                                            sampling.presence_penalty));
    }
    if (sampling.temperature <= 0) {
      add(api_.llama_sampler_init_greedy());
      return chain;
    }
    add(api_.llama_sampler_init_temp(sampling.temperature));
    if (sampling.top_p < 1) {
      add(api_.llama_sampler_init_top_p(sampling.top_p, 1));
    }
    const std::uint64_t seed = sampling.seed ? *sampling.seed : system_random().next();
    add(api_.llama_sampler_init_dist(static_cast<std::uint32_t>(seed ^ (seed >> 32U))));
    return chain;
  }

  // The mean over the tokens of the last layer's output, scaled to unit length.
  Result<StepResult> embed(const std::vector<Token>& tokens) {
    TDN_TRY_VOID(open_embedding_context());
    batch_.clear();
    int position = 0;
    for (const Token token : tokens) {
      batch_.add({.slot = 0, .token = token, .position = position++, .sample = true});
    }
    api_.llama_memory_clear(api_.llama_get_memory(embedding_context_.get()), true);
    TDN_TRY_VOID(decode(*embedding_context_));
    const float* values = api_.llama_get_embeddings_seq(embedding_context_.get(), 0);
    if (values == nullptr) {
      return fail(Code::kInternalError, "the model gave no embedding");
    }
    StepResult result;
    result.embedding.assign(values, values + api_.llama_model_n_embd(model_.get()));
    double squares = 0;
    for (const float value : result.embedding) {
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    const auto length = static_cast<float>(squares > 0 ? std::sqrt(squares) : 1);
    for (float& value : result.embedding) {
      value /= length;
    }
    return result;
  }

  Result<void> open_embedding_context() {
    if (embedding_context_) {
      return {};
    }
    llama_context_params params = api_.llama_context_default_params();
    const auto tokens = static_cast<std::uint32_t>(embedding_tokens_);
    params.n_ctx = params.n_batch = params.n_ubatch = tokens;
    params.n_seq_max = 1;
    params.n_threads = params.n_threads_batch = threads_;
    params.embeddings = true;
    params.pooling_type = LLAMA_POOLING_TYPE_MEAN;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    embedding_context_ = ContextPointer(api_.llama_init_from_model(model_.get(), params),
                                        Release<&LlamaApi::llama_free>{&api_});
    if (!embedding_context_) {
      return fail(Code::kInternalError, "no room for embeddings: " + LlamaApi::take_error());
    }
    return {};
  }

  const LlamaApi& api_;
  ModelPointer model_;
  ContextPointer context_;
  ContextPointer embedding_context_;  // made when first asked for
  int threads_;
  int context_tokens_;
  int embedding_tokens_;
  std::vector<SamplerPointer> samplers_;
  TokenBatch batch_;
};

Result<ModelPointer> load_model(const LlamaApi& api, const std::string& path) {
  std::array<char, 4> magic{};
  std::ifstream file(path, std::ios::binary);
  if (!file.read(magic.data(), magic.size())) {
    return fail(Code::kMissing, "there is no such readable file; give the path of a GGUF file");
  }
  if (std::string_view(magic.data(), magic.size()) != "GGUF") {
    return fail(Code::kInvalid, "it is not a GGUF file; give the path of one");
  }
  llama_model_params params = api.llama_model_default_params();
  params.n_gpu_layers = 0;
  (void)LlamaApi::take_error();
  ModelPointer model(api.llama_model_load_from_file(path.c_str(), params),
                     Release<&LlamaApi::llama_model_free>{&api});
  if (!model) {
    return fail(
        Code::kInvalid,
        fmt::format("libllama cannot load it ({}); give another model, or a whole copy of this "
                    "one",
                    LlamaApi::take_error()));
  }
  if (!api.llama_model_has_decoder(model.get()) || api.llama_model_has_encoder(model.get()) ||
      api.llama_model_is_diffusion(model.get())) {
    return fail(Code::kInvalid, "it is no decoder-only text model, which is what this engine runs");
  }
  return model;
}

int padded(int context) {
  return (context + kContextPadding - 1) / kContextPadding * kContextPadding;
}

Result<ContextPointer> make_context(const LlamaApi& api, llama_model* model,
                                    const LlamaOptions& options, int context) {
  const int most = static_cast<int>(api.llama_max_parallel_sequences());
  if (options.slots < 1 || options.slots > most || options.batch_tokens < options.slots) {
    return fail(Code::kInvalid, fmt::format("{} parallel sequences are not possible: from 1 to {}",
                                            options.slots, std::min(most, options.batch_tokens)));
  }
  llama_context_params params = api.llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(padded(context) * options.slots);
  params.n_batch = static_cast<std::uint32_t>(options.batch_tokens);
  params.n_ubatch = params.n_batch;
  params.n_seq_max = static_cast<std::uint32_t>(options.slots);
  params.n_threads = params.n_threads_batch = options.threads;
  // These two make the tokens of a sequence independent of what runs beside it.
  params.kv_unified = false;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.no_perf = true;
  ContextPointer made(api.llama_init_from_model(model, params),
                      Release<&LlamaApi::llama_free>{&api});
  if (!made || static_cast<int>(api.llama_n_ctx_seq(made.get())) < context) {
    return fail(Code::kInvalid, fmt::format("no room for {} sequences of {} tokens ({}); ask for "
                                            "fewer or shorter ones",
                                            options.slots, context, LlamaApi::take_error()));
  }
  return made;
}

Result<int> choose_context(int asked, int trained) {
  if (asked > trained) {
    return fail(Code::kInvalid, fmt::format("it was trained for {} tokens of context, {} are asked",
                                            trained, asked));
  }
  return asked > 0 ? asked : std::min(trained, kDefaultContext);
}

Result<LlamaEngine> load(const LlamaApi& api, const LlamaOptions& options) {
  TDN_TRY(ModelPointer model, load_model(api, options.model_path));
  LlamaEngine engine;
  TDN_TRY(engine.vocabulary, LlamaVocabulary::create(api, model.get()));
  engine.trained_context = api.llama_model_n_ctx_train(model.get());
  TDN_TRY(engine.context, choose_context(options.context, engine.trained_context));
  TDN_TRY(ContextPointer context, make_context(api, model.get(), options, engine.context));
  engine.embedding_tokens = std::min(engine.context, kMostEmbeddingTokens);
  engine.dimensions = api.llama_model_n_embd(model.get());
  engine.can_reuse =
      !api.llama_model_is_recurrent(model.get()) && !api.llama_model_is_hybrid(model.get());
  engine.parameters = api.llama_model_n_params(model.get());
  engine.bytes = api.llama_model_size(model.get());
  engine.name = model_name_of(options.model_path);
  engine.model = std::make_unique<LlamaModel>(api, std::move(model), std::move(context), options,
                                              engine.context, engine.embedding_tokens);
  return engine;
}

}  // namespace

Result<LlamaEngine> load_llama(const LlamaOptions& options) {
  TDN_TRY(const LlamaApi* api, LlamaApi::open(folder_or_default(options.library_folder)));
  Result<LlamaEngine> engine = load(*api, options);
  if (!engine) {
    return fail(engine.error().with(fmt::format("model {}", options.model_path)));
  }
  return engine;
}

Result<void> quantize_llama(const std::string& library_folder, const std::string& from,
                            const std::string& to) {
  TDN_TRY(const LlamaApi* api, LlamaApi::open(folder_or_default(library_folder)));
  if (!std::ifstream(from, std::ios::binary)) {
    return fail(Code::kMissing, fmt::format("there is no readable file {}", from));
  }
  llama_model_quantize_params params = api->llama_model_quantize_default_params();
  params.ftype = LLAMA_FTYPE_MOSTLY_Q8_0;
  params.allow_requantize = true;
  (void)LlamaApi::take_error();
  if (api->llama_model_quantize(from.c_str(), to.c_str(), &params) != 0) {
    return fail(Code::kInvalid, fmt::format("libllama could not write {} from {}: {}", to, from,
                                            LlamaApi::take_error()));
  }
  return {};
}

}  // namespace tdn::engine
