// The JSON reader, the request scanner and splicer and the answer inspector under arbitrary bytes.
// simdjson's full parser is the oracle of validity: what it takes we take, what we take it takes,
// but for what the grammar allows and it does not (numbers beyond double, lone surrogates, our
// bound on nesting).
#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "codec/json_reader.h"
#include "codec/openai.h"

namespace tdn::codec {
namespace {

void compare_with_simdjson(std::string_view text) {
  JsonReader json(text);
  json.skip();
  const bool ours = json.finish().has_value();
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  const auto theirs = parser.parse(simdjson::padded_string(text.data(), text.size())).get(element);
  if (theirs == simdjson::SUCCESS && !ours) {
    TDN_ASSERT(json.finish().error().detail().starts_with("nested") || text.starts_with("\xEF"));
  }
  if (theirs != simdjson::SUCCESS && ours) {
    TDN_ASSERT(theirs == simdjson::NUMBER_ERROR || theirs == simdjson::STRING_ERROR);
    TDN_ASSERT(theirs != simdjson::STRING_ERROR || text.find("\\u") != std::string_view::npos);
  }
}

// A request that was taken can be spliced, and then says what was asked.
void splice(std::string_view body, Operation operation) {
  const auto scan = scan_request(body, operation);
  if (!scan) {
    return;
  }
  const RequestEdits edits{
      .model = "other", .include_usage = true, .continuous_usage = true, .max_tokens = 7};
  const std::string text = splice_request(body, *scan, edits).joined();
  const auto again = scan_request(text, operation);
  TDN_ASSERT(again.has_value());
  TDN_ASSERT(again->model == "other" && again->include_usage && again->continuous_usage);
  TDN_ASSERT(again->max_tokens == 7 && again->stream == scan->stream);
  TDN_ASSERT(again->answers() == scan->answers());
  TDN_ASSERT(splice_request(body, *scan, {}).joined() == body);
}

void cut_usage(std::string_view data) {
  const Inspection event = inspect_event(data);
  if (!event.is_json || !event.usage_member.present()) {
    return;
  }
  std::string cut(data);
  cut.erase(event.usage_member.offset, event.usage_member.length);
  const Inspection after = inspect_event(cut);
  TDN_ASSERT(after.is_json && after.finished == event.finished);
  TDN_ASSERT(after.has_content == event.has_content);
}

// The lines as events of one stream: what is remembered of one must not change what is found in
// the next.
void inspect_lines(std::string_view text) {
  EventInspector inspector;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    TDN_ASSERT(inspector.inspect(line) == inspect_event(line));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
}

}  // namespace
}  // namespace tdn::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tdn::codec::compare_with_simdjson(text);
  tdn::codec::splice(text, tdn::codec::Operation::kChatCompletions);
  tdn::codec::splice(text, tdn::codec::Operation::kCompletions);
  tdn::codec::cut_usage(text);
  tdn::codec::inspect_lines(text);
  TDN_ASSERT(tdn::codec::generated_bytes(text) <= text.size());
  return 0;
}
