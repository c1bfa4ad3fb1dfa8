#include "cli/key.h"

#include <fmt/format.h>

#include <algorithm>

#include "codec/hex.h"
#include "domain/api_key.h"
#include "domain/fields.h"

namespace tdn::cli {

Result<std::string> key_new(const KeyNewOptions& options, Random& random) {
  if (!options.name.empty() && (domain::check_format(domain::Format::kName, options.name) ||
                                std::count(options.name.begin(), options.name.end(), '/') != 2)) {
    return fail(Code::kInvalid,
                fmt::format("`{}` is no name of a key; write tenant/project/key in lower-case "
                            "letters, digits and dashes",
                            options.name.substr(0, 200)));
  }
  const domain::NewApiKey key = domain::make_api_key(random);
  const std::string id = key.id.to_string();
  const std::string sha256 = codec::to_hex(key.sha256);
  if (options.json) {
    const std::string name =
        options.name.empty() ? "" : fmt::format(",\"name\":\"{}\"", options.name);
    return fmt::format("{{\"key\":\"{}\",\"id\":\"{}\",\"sha256\":\"{}\"{}}}\n", key.text, id,
                       sha256, name);
  }
  const std::string secret = fmt::format("{{id: {}, sha256: {}}}", id, sha256);
  if (options.name.empty()) {
    return fmt::format("{}\n{}\n", key.text, secret);
  }
  return fmt::format(
      "{}\napiVersion: tdn/v1\nkind: Key\nmetadata: {{name: {}}}\nspec:\n  secrets: [{}]\n",
      key.text, options.name, secret);
}

}  // namespace tdn::cli
