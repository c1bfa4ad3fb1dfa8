#include <utility>

#include "codec/json_reader.h"
#include "codec/openai.h"

namespace tdn::codec {
namespace {

using Type = JsonReader::Type;

// Counts beyond it are no token counts, and are not exact in other readers' doubles.
constexpr std::uint64_t kCountLimit = std::uint64_t{1} << 53U;

Finish finish_of(std::string_view reason) {
  if (reason == "stop") {
    return Finish::kStop;
  }
  if (reason == "length") {
    return Finish::kLength;
  }
  if (reason == "tool_calls" || reason == "function_call") {
    return Finish::kTool;
  }
  if (reason == "content_filter") {
    return Finish::kFilter;
  }
  if (reason == "refusal") {
    return Finish::kRefusal;
  }
  return Finish::kStop;  // an engine's own word for an end
}

class Inspector {
 public:
  explicit Inspector(std::string_view text) : json_(text) {}

  Inspection run() {
    if (json_.peek() != Type::kObject) {
      return {};
    }
    json_.enter_object();
    std::size_t former_end = json_.offset();  // of the member before
    bool first = true;
    while (true) {
      const auto key = json_.next_key();
      if (usage_is_first_ && !first) {
        close_first_usage(key);
      }
      if (!key) {
        break;
      }
      const std::size_t name = json_.offset(*key) - 1;
      if (JsonReader::matches(*key, "choices")) {
        choices();
      } else if (JsonReader::matches(*key, "usage")) {
        usage();
        usage_is_first_ = first;
        set_usage_member(first ? name : former_end, json_.offset());
      } else if (JsonReader::matches(*key, "error")) {
        error();
      } else {
        json_.skip();
      }
      former_end = json_.offset();
      first = false;
    }
    if (!json_.finish()) {
      return {};
    }
    found_.is_json = true;
    return found_;
  }

 private:
  void set_usage_member(std::size_t from, std::size_t to) {
    found_.usage_member = {static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to - from)};
  }

  // As first member it takes the comma behind it along.
  void close_first_usage(const std::optional<std::string_view>& next) {
    usage_is_first_ = false;
    if (next) {
      set_usage_member(found_.usage_member.offset, json_.offset(*next) - 1);
    }
  }

  void choices() {
    if (json_.peek() != Type::kArray) {
      json_.skip();
      return;
    }
    json_.enter_array();
    while (json_.next_element()) {
      const bool first = !std::exchange(found_.has_choices, true);
      std::optional<std::uint32_t> index;
      if (json_.peek() == Type::kObject) {
        index = choice();
      } else {
        json_.skip();
      }
      found_.choice = first ? index : std::nullopt;
    }
  }

  // Returns its index; the first one's need not be written.
  std::uint32_t choice() {
    std::uint32_t index = 0;
    json_.enter_object();
    while (const auto key = json_.next_key()) {
      const bool is_string = json_.peek() == Type::kString;
      if (JsonReader::matches(*key, "delta") || JsonReader::matches(*key, "message")) {
        message();
      } else if (is_string && JsonReader::matches(*key, "finish_reason")) {
        found_.finish = finish_of(json_.string());
        ++found_.finished;
      } else if (is_string && JsonReader::matches(*key, "text")) {
        found_.has_content |= !json_.string().empty();
      } else if (JsonReader::matches(*key, "index") && json_.peek() == Type::kNumber) {
        index = static_cast<std::uint32_t>(json_.count().value_or(0));
      } else {
        json_.skip();
      }
    }
    return index;
  }

  // Whatever a message says besides its role was generated: content, reasoning under its several
  // names, a refusal, tool calls.
  void message() {
    if (json_.peek() != Type::kObject) {
      json_.skip();
      return;
    }
    json_.enter_object();
    while (const auto key = json_.next_key()) {
      const Type type = json_.peek();
      const std::string_view value = json_.skip();
      const bool filled =
          (type == Type::kString || type == Type::kArray || type == Type::kObject) &&
          value.size() > 2;
      found_.has_content |= filled && !JsonReader::matches(*key, "role");
    }
  }

  void error() {
    if (json_.peek() == Type::kNull) {
      json_.skip();
      return;
    }
    found_.has_error = true;
    if (json_.peek() != Type::kObject) {
      json_.skip();
      return;
    }
    json_.enter_object();
    while (const auto key = json_.next_key()) {
      if (JsonReader::matches(*key, "code")) {
        const auto code = json_.count();
        found_.error_status = code && *code >= 400 && *code < 600 ? static_cast<int>(*code) : 0;
      } else {
        json_.skip();
      }
    }
  }

  void usage() {
    found_.usage.reset();
    found_.bad_usage = false;
    if (json_.peek() == Type::kNull) {
      json_.skip();
      return;
    }
    if (json_.peek() != Type::kObject) {
      json_.skip();
      found_.bad_usage = true;
      return;
    }
    ReportedUsage usage;
    bool counted = false;
    json_.enter_object();
    while (const auto key = json_.next_key()) {
      if (JsonReader::matches(*key, "prompt_tokens")) {
        count(usage.prompt);
        counted = true;
      } else if (JsonReader::matches(*key, "completion_tokens")) {
        count(usage.completion);
        counted = true;
      } else if (JsonReader::matches(*key, "prompt_tokens_details")) {
        detail("cached_tokens", usage.cached);
      } else if (JsonReader::matches(*key, "completion_tokens_details")) {
        detail("reasoning_tokens", usage.reasoning);
      } else {
        json_.skip();
      }
    }
    if (!counted || usage.cached > usage.prompt || usage.reasoning > usage.completion) {
      found_.bad_usage = true;
    }
    if (!found_.bad_usage) {
      found_.usage = usage;
    }
  }

  void detail(std::string_view name, std::uint64_t& value) {
    if (json_.peek() != Type::kObject) {
      found_.bad_usage |= json_.peek() != Type::kNull;
      json_.skip();
      return;
    }
    json_.enter_object();
    while (const auto key = json_.next_key()) {
      if (JsonReader::matches(*key, name)) {
        count(value);
      } else {
        json_.skip();
      }
    }
  }

  // A count, or null for none.
  void count(std::uint64_t& value) {
    if (json_.peek() == Type::kNull) {
      json_.skip();
      value = 0;
      return;
    }
    const auto number = json_.count();
    value = number.value_or(0);
    found_.bad_usage |= !number || *number >= kCountLimit;
  }

  JsonReader json_;
  Inspection found_;
  bool usage_is_first_ = false;
};

}  // namespace

Inspection inspect_event(std::string_view data) {
  if (data == "[DONE]") {
    Inspection end;
    end.done = true;
    return end;
  }
  return Inspector(data).run();
}

Inspection inspect_body(std::string_view body) { return Inspector(body).run(); }

}  // namespace tdn::codec
