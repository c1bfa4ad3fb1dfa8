#include "engine/llama_model.h"

namespace tdn::engine {
namespace {

tl::unexpected<Error> absent() {
  return fail(Code::kMissing,
              "this program was built without libllama and can run simulated engines only; run "
              "scripts/fetch-engine and build again, or use --simulated");
}

}  // namespace

Result<LlamaEngine> load_llama(const LlamaOptions&) { return absent(); }

Result<void> quantize_llama(const std::string&, const std::string&, const std::string&) {
  return absent();
}

}  // namespace tdn::engine
