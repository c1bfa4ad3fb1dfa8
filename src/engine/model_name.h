// What a model is called in the API when nobody says: its file's name without the parts that tell
// how it is stored. The name inside the file is no help: makers leave training jargon there.
#pragma once

#include <string>
#include <string_view>

namespace tdn::engine {

// "models/SmolLM2-135M-Instruct.Q8_0.gguf" → "SmolLM2-135M-Instruct".
[[nodiscard]] std::string model_name_of(std::string_view path);

}  // namespace tdn::engine
