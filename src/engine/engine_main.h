// `tdn engine`: one process that serves one model, real or simulated, on a loopback address.
#pragma once

#include <string>

namespace tdn::engine {

struct EngineOptions {
  std::string model;   // path of a GGUF file; empty: simulated
  std::string timing;  // of the simulated engine: a YAML file (engine/timing.h); empty: defaults
  std::string listen = "127.0.0.1:8082";  // loopback only; port 0 takes a free one
  std::string alias;                      // the model's name in the API; empty: the model's own
  std::string library_folder;             // libllama's; empty: where it was at build time
  std::string ready_file;                 // written once requests are taken; empty: none
  int threads = 1;
  int parallel = 8;  // sequences generated together
  int context = 0;   // tokens per sequence; 0: the model's own, at most 2048
  int queue = 64;    // requests that wait
};

// Serves until SIGTERM or SIGINT; open answers then get 4 s. Returns the exit status: 0, or 1 after
// a line on standard error that says what failed and what to do. Call it before other threads
// exist.
[[nodiscard]] int run_engine(const EngineOptions& options);

// `tdn engine quantize FROM TO`: re-writes a GGUF file in 8-bit blocks.
[[nodiscard]] int run_quantize(const std::string& from, const std::string& to);

}  // namespace tdn::engine
