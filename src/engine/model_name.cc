#include "engine/model_name.h"

#include <algorithm>
#include <array>

namespace tdn::engine {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "Q4_K_M", "IQ2_XS", "F16", "BF16", "MXFP4"; either case.
bool is_number_type(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  constexpr std::array<std::string_view, 6> kPrefixes = {"MXFP", "IQ", "TQ", "BF", "Q", "F"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](std::string_view prefix) {
    return upper.starts_with(prefix) && upper.size() > prefix.size() &&
           is_digit(upper[prefix.size()]);
  });
}

}  // namespace

std::string model_name_of(std::string_view path) {
  std::string_view name = path.substr(path.find_last_of('/') + 1);
  if (name.ends_with(".gguf")) {
    name.remove_suffix(5);
  }
  const std::size_t last = name.find_last_of(".-");
  if (last != std::string_view::npos && last > 0 && is_number_type(name.substr(last + 1))) {
    name = name.substr(0, last);
  }
  return std::string(name);
}

}  // namespace tdn::engine
