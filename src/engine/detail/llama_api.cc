#include "engine/detail/llama_api.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>

namespace tdn::engine {
namespace {

constexpr std::string_view kFile = "libllama.v0.5.0.so";

thread_local std::string first_error;

// Levels are compared with ==: CONT, which continues a line of any level, is above ERROR.
void keep_error(ggml_log_level level, const char* text, void*) {
  // What follows the first one tells only that each caller failed too.
  if (level == GGML_LOG_LEVEL_ERROR && first_error.empty()) {
    first_error = text;
    while (!first_error.empty() && first_error.back() == '\n') {
      first_error.pop_back();
    }
  }
}

Result<LlamaApi> load(const std::string& folder) {
  // Else ggml attaches gdb to the process when it fails. Nothing else runs yet.
  setenv("GGML_NO_BACKTRACE", "1", 1);  // NOLINT(concurrency-mt-unsafe)
  const std::string path = fmt::format("{}/{}", folder, kFile);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return fail(Code::kMissing,
                fmt::format("libllama could not be loaded ({}); run scripts/fetch-engine, or use "
                            "--simulated",
                            dlerror()));  // NOLINT(concurrency-mt-unsafe)
  }
  LlamaApi api;
  std::string missing;
#define TDN_LLAMA_FIND(name)                                              \
  api.name = reinterpret_cast<decltype(api.name)>(dlsym(library, #name)); \
  if (api.name == nullptr) {                                              \
    missing = #name;                                                      \
  }
  TDN_LLAMA_FUNCTIONS(TDN_LLAMA_FIND)
#undef TDN_LLAMA_FIND
  if (!missing.empty()) {
    return fail(Code::kInvalid,
                fmt::format("{} has no function {}: it is not the version that this "
                            "program was built for; run scripts/fetch-engine",
                            path, missing));
  }
  api.llama_log_set(keep_error, nullptr);
  api.ggml_backend_load_all_from_path(folder.c_str());  // before any model
  api.llama_backend_init();
  return api;
}

}  // namespace

Result<const LlamaApi*> LlamaApi::open(const std::string& folder) {
  static const Result<LlamaApi> api = load(folder);
  if (!api) {
    return tl::unexpected(api.error());
  }
  return &*api;
}

std::string LlamaApi::take_error() { return std::exchange(first_error, {}); }

}  // namespace tdn::engine
