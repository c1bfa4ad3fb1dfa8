// `tdn key new`: makes an API key. The secret is shown this once; what goes into the manifests is
// its id and hash.
#pragma once

#include <string>

#include "base/random.h"
#include "base/result.h"

namespace tdn::cli {

struct KeyNewOptions {
  std::string name;  // tenant/project/key: prints a whole Key manifest; may be empty
  bool json = false;
};

// What to print. Text: the key alone on the first line, so that `head -1` takes it, then the line
// for the manifest's `secrets`, or the manifest. JSON: {"key","id","sha256"} and "name" if given.
// Code::kInvalid if the name is none.
[[nodiscard]] Result<std::string> key_new(const KeyNewOptions& options, Random& random);

}  // namespace tdn::cli
