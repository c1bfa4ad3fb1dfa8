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
  // `found` must be as new.
  Inspector(std::string_view text, Inspection& found) : json_(text), found_(found) {}

  void run() {
    if (json_.peek() != Type::kObject) {
      return;
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
      if (json_.named(*key, "choices")) {
        choices();
      } else if (json_.named(*key, "usage")) {
        usage();
        usage_is_first_ = first;
        set_usage_member(first ? name : former_end, json_.offset());
      } else if (json_.named(*key, "error")) {
        error();
      } else {
        json_.skip();
      }
      former_end = json_.offset();
      first = false;
    }
    found_.is_json = json_.finish().has_value();
    if (!found_.is_json) {
      found_ = {};
    }
  }

  // A string that was generated, as it stands between its quotes; empty if there was none.
  [[nodiscard]] Span text() const {
    return text_.empty() ? Span{}
                         : Span{static_cast<std::uint32_t>(json_.offset(text_)),
                                static_cast<std::uint32_t>(text_.size())};
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

  // Enters an object; any other value is passed over.
  bool object() {
    if (json_.peek() == Type::kObject) {
      return json_.enter_object();
    }
    json_.skip();
    return false;
  }

  void choices() {
    if (json_.peek() != Type::kArray) {
      json_.skip();
      return;
    }
    json_.enter_array();
    while (json_.next_element()) {
      const bool first = !std::exchange(found_.has_choices, true);
      const std::optional<std::uint32_t> index = choice();
      found_.choice = first ? index : std::nullopt;
    }
  }

  // Returns its index; the first one's need not be written.
  std::optional<std::uint32_t> choice() {
    if (!object()) {
      return std::nullopt;
    }
    std::uint32_t index = 0;
    while (const auto key = json_.next_key()) {
      if (json_.named(*key, "delta") || json_.named(*key, "message")) {
        message();
      } else if (json_.named(*key, "finish_reason") && json_.peek() == Type::kString) {
        found_.finish = finish_of(json_.string());
        ++found_.finished;
      } else if (json_.named(*key, "text") && json_.peek() == Type::kString) {
        found_.has_content |= !json_.string().empty();
      } else if (json_.named(*key, "index") && json_.peek() == Type::kNumber) {
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
    if (!object()) {
      return;
    }
    while (const auto key = json_.next_key()) {
      const std::string_view value = json_.skip();
      const bool filled =
          value.size() > 2 && (value[0] == '"' || value[0] == '[' || value[0] == '{');
      if (filled && !json_.named(*key, "role")) {
        found_.has_content = true;
        text_ = value[0] == '"' ? value.substr(1, value.size() - 2) : text_;
      }
    }
  }

  void error() {
    if (json_.peek() == Type::kNull) {
      json_.skip();
      return;
    }
    found_.has_error = true;
    if (!object()) {
      return;
    }
    while (const auto key = json_.next_key()) {
      if (json_.named(*key, "code")) {
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
      if (json_.named(*key, "prompt_tokens")) {
        count(usage.prompt);
        counted = true;
      } else if (json_.named(*key, "completion_tokens")) {
        count(usage.completion);
        counted = true;
      } else if (json_.named(*key, "prompt_tokens_details")) {
        detail("cached_tokens", usage.cached);
      } else if (json_.named(*key, "completion_tokens_details")) {
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
      if (json_.named(*key, name)) {
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
  Inspection& found_;
  std::string_view text_;
  bool usage_is_first_ = false;
};

}  // namespace

Inspection inspect_event(std::string_view data) {
  if (data == "[DONE]") {
    Inspection end;
    end.done = true;
    return end;
  }
  return inspect_body(data);
}

// Whether the data is the known event with another text in it. Text before the quote and behind it
// was read then, so it means the same now; what is between must be one whole string, not empty.
bool EventInspector::repeats(std::string_view data) const {
  const std::string_view known = known_;
  const std::string_view before = known.substr(0, text_.offset);
  const std::string_view behind = known.substr(text_.offset + text_.length);
  if (data.size() <= before.size() + behind.size() || !data.starts_with(before) ||
      !data.ends_with(behind)) {
    return false;
  }
  data.remove_prefix(before.size() - 1);
  data.remove_suffix(behind.size() - 1);
  JsonReader json(data);
  return !json.string().empty() && json.finish().has_value();
}

Inspection EventInspector::inspect(std::string_view data) {
  if (!known_.empty() && repeats(data)) {
    Inspection found = found_;
    if (found.usage_member.offset > text_.offset) {
      found.usage_member.offset += static_cast<std::uint32_t>(data.size() - known_.size());
    }
    return found;
  }
  Inspection found;
  if (data == "[DONE]") {
    found.done = true;
    return found;
  }
  Inspector inspector(data, found);
  inspector.run();
  if (found.is_json && inspector.text().present() && data.size() <= kKnownEventLimit) {
    known_.assign(data);
    text_ = inspector.text();
    found_ = found;
  }
  return found;
}

Inspection inspect_body(std::string_view body) {
  Inspection found;
  Inspector(body, found).run();
  return found;
}

std::uint64_t generated_bytes(std::string_view body) {
  std::uint64_t bytes = 0;
  JsonReader json(body);
  const auto add_text = [&] {
    if (json.peek() == Type::kString) {
      bytes += json.string().size();
    } else {
      json.skip();
    }
  };
  const auto members = [&](const auto& member) {
    if (json.peek() != Type::kObject) {
      json.skip();
      return;
    }
    json.enter_object();
    while (const auto key = json.next_key()) {
      member(*key);
    }
  };
  const auto message = [&](std::string_view key) {
    const bool is_text = json.named(key, "content") || json.named(key, "reasoning_content");
    is_text ? add_text() : static_cast<void>(json.skip());
  };
  const auto choice = [&](std::string_view key) {
    if (json.named(key, "message")) {
      members(message);
    } else if (json.named(key, "text")) {
      add_text();
    } else {
      json.skip();
    }
  };
  members([&](std::string_view key) {
    if (!json.named(key, "choices") || json.peek() != Type::kArray) {
      json.skip();
      return;
    }
    json.enter_array();
    while (json.next_element()) {
      members(choice);
    }
  });
  return json.finish() ? bytes : 0;
}

}  // namespace tdn::codec
