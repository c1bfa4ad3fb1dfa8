#include "engine/timing.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "codec/yaml.h"

namespace tdn::engine {
namespace {

using codec::yaml::Node;

// Reads the fields of one mapping by name; the first error is kept, unknown names are one.
class Fields {
 public:
  Fields(const Node& node, std::string_view file, std::string path)
      : node_(node), file_(file), path_(std::move(path)), known_(node.entries.size(), false) {
    if (!node.is_mapping()) {
      refuse(node, "must be a mapping of fields to values");
    }
  }

  template <class T>
  void number(std::string_view name, T& out, T least, T most) {
    const Node* node = take(name);
    if (node == nullptr) {
      return;
    }
    T value{};
    const char* end = node->text.data() + node->text.size();
    const auto read = std::from_chars(node->text.data(), end, value);
    if (!node->is_scalar() || node->quoted || read.ec != std::errc() || read.ptr != end ||
        value < least || value > most) {
      refuse(*node, fmt::format("{}{} must be a number from {} to {}", path_, name, least, most));
      return;
    }
    out = value;
  }

  void flag(std::string_view name, bool& out) {
    const Node* node = take(name);
    if (node == nullptr) {
      return;
    }
    const bool known = node->text == "true" || node->text == "false";
    if (!node->is_scalar() || node->quoted || !known) {
      refuse(*node, fmt::format("{}{} must be true or false", path_, name));
      return;
    }
    out = node->text == "true";
  }

  void seconds(std::string_view name, double& out) { number(name, out, 0.0, 3600.0); }

  void text(std::string_view name, std::string& out) {
    const Node* node = take(name);
    if (node == nullptr) {
      return;
    }
    if (!node->is_scalar() || node->text.empty() || node->text.size() > 256) {
      refuse(*node, fmt::format("{}{} must be a name of 1 to 256 bytes", path_, name));
      return;
    }
    out = node->text;
  }

  [[nodiscard]] const Node* take(std::string_view name) {
    for (std::size_t i = 0; i < node_.entries.size(); ++i) {
      if (node_.entries[i].key == name) {
        known_[i] = true;
        return &node_.entries[i].value;
      }
    }
    return nullptr;
  }

  void refuse(const Node& node, std::string_view what) {
    if (error_.empty()) {
      error_ = fmt::format("{}:{}:{}: {}", file_, node.line, node.column, what);
    }
  }

  [[nodiscard]] Result<void> done() {
    for (std::size_t i = 0; i < node_.entries.size() && error_.empty(); ++i) {
      const codec::yaml::Entry& entry = node_.entries[i];
      if (!known_[i]) {
        error_ = fmt::format("{}:{}:{}: unknown field {}{}; the fields are in docs/guide/engine.md",
                             file_, entry.line, entry.column, path_, entry.key);
      }
    }
    if (!error_.empty()) {
      return fail(Code::kInvalid, error_);
    }
    return {};
  }

 private:
  const Node& node_;
  std::string_view file_;
  std::string path_;
  std::vector<bool> known_;
  std::string error_;
};

Result<void> read_prefill(const Node& node, std::string_view file, Timing& timing) {
  Fields fields(node, file, "prefill.");
  fields.seconds("base", timing.prefill_base_seconds);
  fields.seconds("perToken", timing.prefill_token_seconds);
  fields.seconds("perTokenContext", timing.prefill_token_context_seconds);
  return fields.done();
}

Result<void> read_decode(const Node& node, std::string_view file, Timing& timing) {
  Fields fields(node, file, "decode.");
  fields.seconds("base", timing.decode_base_seconds);
  fields.seconds("perSequence", timing.decode_sequence_seconds);
  fields.seconds("perKvToken", timing.decode_kv_token_seconds);
  return fields.done();
}

Result<void> read_kv(const Node& node, std::string_view file, Timing& timing) {
  Fields fields(node, file, "kv.");
  fields.number("tokens", timing.kv_capacity, 16, 1 << 30);
  fields.number("blockTokens", timing.block_tokens, 1, 4096);
  fields.flag("prefixCache", timing.prefix_cache);
  return fields.done();
}

// The defaults of an accelerator; what the file says besides comes after.
void read_profile(Fields& fields, Timing& timing) {
  const Node* node = fields.take("profile");
  if (node == nullptr) {
    return;
  }
  timing.profile = find_profile(node->text);
  if (!node->is_scalar() || timing.profile == nullptr) {
    std::string names;
    for (const Profile& profile : profiles()) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", profile.name);
    }
    fields.refuse(*node, "profile must be one of " + names);
    return;
  }
  timing.model = timing.profile->name;
  timing.context_length = std::min(32768, timing.profile->kv_tokens);
  timing.slots = 256;
  timing.batch_tokens = 2048;
  timing.kv_capacity = timing.profile->kv_tokens;
}

Result<void> check(const Timing& timing, std::string_view file) {
  if (timing.batch_tokens < timing.slots) {
    return fail(Code::kInvalid,
                fmt::format("{}: batchTokens ({}) must be at least slots ({}), for every sequence "
                            "takes one token of a step",
                            file, timing.batch_tokens, timing.slots));
  }
  if (std::int64_t{timing.slots} * timing.blocks_for(timing.context_length) > 1 << 26) {
    return fail(Code::kInvalid,
                fmt::format("{}: {} slots of {} tokens are more blocks of {} tokens "
                            "than this engine keeps books of; lower one of them",
                            file, timing.slots, timing.context_length, timing.block_tokens));
  }
  if (timing.kv_blocks() < timing.blocks_for(timing.context_length)) {
    return fail(Code::kInvalid,
                fmt::format("{}: kv.tokens ({}) must hold at least one contextLength ({}), or a "
                            "request could never end",
                            file, timing.kv_capacity, timing.context_length));
  }
  return {};
}

}  // namespace

Result<Timing> parse_timing(std::string_view yaml, std::string_view file) {
  TDN_TRY(const std::vector<Node> documents, codec::yaml::parse(yaml, file));
  Timing timing;
  if (documents.empty()) {
    return timing;
  }
  if (documents.size() > 1) {
    return fail(Code::kInvalid,
                fmt::format("{}:{}: one document describes an engine; this is a second", file,
                            documents[1].line));
  }
  Fields fields(documents[0], file, "");
  read_profile(fields, timing);
  fields.text("model", timing.model);
  fields.number("contextLength", timing.context_length, 16, 16 << 20);
  fields.number("slots", timing.slots, 1, 4096);
  fields.number("queue", timing.queue, 0, 1 << 20);
  fields.number("batchTokens", timing.batch_tokens, 1, 1 << 20);
  fields.number("seed", timing.seed, std::uint64_t{0}, ~std::uint64_t{0});
  fields.number("meanOutput", timing.mean_output, 0U, 1U << 30U);
  fields.number("dimensions", timing.dimensions, 1, 4096);
  const Node* kv = fields.take("kv");
  const Node* prefill = fields.take("prefill");
  const Node* decode = fields.take("decode");
  for (const Node* costs : {prefill, decode}) {
    if (costs != nullptr && timing.profile != nullptr) {
      fields.refuse(*costs, "a profile has these costs already; give the one or the other");
    }
  }
  TDN_TRY_VOID(fields.done());
  if (kv != nullptr) {
    TDN_TRY_VOID(read_kv(*kv, file, timing));
  }
  if (prefill != nullptr) {
    TDN_TRY_VOID(read_prefill(*prefill, file, timing));
  }
  if (decode != nullptr) {
    TDN_TRY_VOID(read_decode(*decode, file, timing));
  }
  TDN_TRY_VOID(check(timing, file));
  return timing;
}

Duration step_time(const Timing& timing, const Batch& batch) {
  if (timing.profile != nullptr) {
    return step_time(*timing.profile, batch);
  }
  double seconds = 0;
  int index = 0;
  for (const Entry& entry : batch.entries) {
    const bool decode = index++ < batch.decodes;
    seconds += decode ? timing.decode_sequence_seconds : timing.prefill_token_seconds;
    seconds += entry.position *
               (decode ? timing.decode_kv_token_seconds : timing.prefill_token_context_seconds);
  }
  seconds += static_cast<double>(batch.starts.size()) * timing.prefill_base_seconds;
  seconds += batch.decodes > 0 ? timing.decode_base_seconds : 0;
  if (!batch.embed.empty()) {
    const auto length = static_cast<double>(batch.embed.size());
    seconds += timing.prefill_base_seconds + length * timing.prefill_token_seconds +
               length * (length - 1) / 2 * timing.prefill_token_context_seconds;
  }
  return Duration(std::llround(seconds * 1e9));
}

}  // namespace tdn::engine
