// What the gateway must know of, and may change in, bodies of OpenAI's dialect: chat/completions,
// completions and embeddings. Nothing is parsed into objects and nothing is written anew: requests
// are scanned and spliced, answers inspected, all other bytes stay as they came (FORMATS §5).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tdn::codec {

// The numbers of FORMATS §3.
enum class Operation : std::uint8_t { kChatCompletions = 1, kCompletions = 2, kEmbeddings = 3 };
enum class Finish : std::uint8_t {
  kNone = 0,
  kStop = 1,
  kLength = 2,
  kTool = 3,
  kFilter = 4,
  kRefusal = 5,
};

inline constexpr std::size_t kModelNameLimit = 256;
// A request that asks for more answers than this is refused: each is a stream of its own to watch.
inline constexpr std::uint64_t kAnswersLimit = 1024;

// Bytes of a text, by position, so that the text may move.
struct Span {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  [[nodiscard]] bool present() const { return length > 0; }
  [[nodiscard]] std::string_view of(std::string_view text) const {
    return text.substr(offset, length);
  }
  bool operator==(const Span&) const = default;
};

// A request body, understood as far as the gateway needs. Positions refer to the scanned body.
struct RequestScan {
  std::string model;  // escapes resolved, never empty
  bool stream = false;
  bool include_usage = false;     // the client itself asked for usage at the end of its stream,
  bool continuous_usage = false;  // or with every event
  bool has_user = false;
  std::uint32_t n = 1;        // answers per prompt
  std::uint32_t prompts = 1;  // prompts of completions, inputs of embeddings
  // The cap on output: max_completion_tokens if given, else max_tokens.
  std::optional<std::uint64_t> max_tokens;

  // How many finish reasons the whole answer has.
  [[nodiscard]] std::uint32_t answers() const { return n * prompts; }

  // Where the values stand; not present if the member is missing.
  Span model_at;
  Span max_tokens_at;
  Span max_completion_tokens_at;
  Span stream_options_at;  // null counts as present
  Span include_usage_at;
  Span continuous_usage_at;
  Span user_at;                  // the value as it stands there, of whatever type, as the next
  Span safety_identifier_at;     // what OpenAI has in place of `user` now
  Span text_at;                  // messages, prompt or input: what the engine reads
  Span provider_at;              // the client's wishes of who serves it (openai_provider.h)
  std::uint32_t members_at = 0;  // behind the opening brace
  bool stream_options_is_null = false;
  bool stream_options_is_empty = false;  // `{}`
};

// Fails with `invalid_request`, param naming the member, if the body is not valid JSON in UTF-8 as
// a whole (nesting ≤ 128, nothing behind it), is no object, has one of the members above twice or
// of a wrong type. Everything else is the engine's to judge. Names written with escapes are
// recognised.
[[nodiscard]] Result<RequestScan> scan_request(std::string_view body, Operation operation);

// Who the application says it asks for: `safety_identifier`, else `user`, if it is a string;
// escapes resolved, so that one person is one text. Empty if neither says. `scan` is of this very
// body.
[[nodiscard]] std::string user_of(std::string_view body, const RequestScan& scan);

// The only changes that a request may undergo.
struct RequestEdits {
  std::string_view model = {};    // as the engine calls it; empty: leave
  bool include_usage = false;     // stream_options.include_usage := true
  bool continuous_usage = false;  // and stream_options.continuous_usage_stats
  // Set in max_tokens and max_completion_tokens where they stand, else added as max_tokens.
  std::optional<std::uint64_t> max_tokens = std::nullopt;
};

// A spliced body as pieces to be written one after the other: views of the original body, which
// must outlive it and stay in place, and of the few bytes put in between.
class SplicedBody {
 public:
  [[nodiscard]] std::span<const std::string_view> pieces() const {
    return {pieces_.data(), count_};
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  // In one string, for tests and slow paths.
  [[nodiscard]] std::string joined() const;

 private:
  friend class Splicer;
  static constexpr std::size_t kPiecesLimit = 16;
  std::array<std::string_view, kPiecesLimit> pieces_;
  std::size_t count_ = 0;
  std::size_t size_ = 0;
  std::unique_ptr<char[]> inserted_;  // stays in place when the body is moved
};

// `scan` is of this very body.
[[nodiscard]] SplicedBody splice_request(std::string_view body, const RequestScan& scan,
                                         const RequestEdits& edits);

// Token counts as engines report them; cached and reasoning are parts of the other two.
struct ReportedUsage {
  std::uint64_t prompt = 0;
  std::uint64_t cached = 0;
  std::uint64_t completion = 0;
  std::uint64_t reasoning = 0;
  bool operator==(const ReportedUsage&) const = default;
};

// An answer, or one event of a streamed answer.
struct Inspection {
  bool is_json = false;      // an object of valid JSON; otherwise nothing below is set but `done`
  bool done = false;         // `[DONE]`
  bool has_content = false;  // text, reasoning, tool calls or a refusal: something was generated
  bool has_choices = false;  // at least one
  std::optional<std::uint32_t> choice;  // the index of the only one; none if there are several
  bool has_error = false;               // an `error` member other than null: not an answer
  int error_status = 0;                 // its numeric `code`, 0 if it has none
  bool bad_usage = false;  // `usage` is there but does not add up: count as if it were missing
  Finish finish = Finish::kNone;  // the last one
  std::uint32_t finished = 0;     // choices with a finish reason
  std::optional<ReportedUsage> usage;
  // The `usage` member, null included, with the comma that goes with it: cutting these bytes leaves
  // valid JSON.
  Span usage_member;

  // The extra event at the end of a stream that exists for usage alone.
  [[nodiscard]] bool is_usage_only() const {
    return (usage || bad_usage) && !has_choices && !has_error;
  }
  bool operator==(const Inspection&) const = default;
};

// `data` of an event. One pass that reads the structure itself, so that text in the answer,
// whatever it holds, is never taken for structure.
[[nodiscard]] Inspection inspect_event(std::string_view data);
// The same for the events of one stream, which engines repeat byte for byte but for the text: of an
// event that differs from a former one in one string alone, only that string is read. What it finds
// is what inspect_event() would. Remembers one event, if it is no longer than kKnownEventLimit.
class EventInspector {
 public:
  static constexpr std::size_t kKnownEventLimit = 4096;

  [[nodiscard]] Inspection inspect(std::string_view data);

 private:
  [[nodiscard]] bool repeats(std::string_view data) const;

  std::string known_;  // an event with text in it; empty: none yet
  Span text_;          // that text, between its quotes
  Inspection found_;   // in it
};

// The body of an answer that is not streamed, or of an error.
[[nodiscard]] Inspection inspect_body(std::string_view body);
// How many bytes of text such a body holds, as they stand in it: `content` and `reasoning_content`
// of its messages, `text` of its completions. 0 of what is not JSON.
[[nodiscard]] std::uint64_t generated_bytes(std::string_view body);

}  // namespace tdn::codec
