#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "codec/openai.h"

namespace tdn::codec {
namespace {

enum class Member : std::uint8_t {
  kModel,
  kStream,
  kStreamOptions,
  kN,
  kPrompts,
  kMaxTokens,
  kMaxCompletionTokens,
  kUser,
  kMessages,
  kProvider,
  kSafetyIdentifier,
  kOther,
};

// What completions and embeddings take several of; chat has one prompt.
std::string_view prompts_name(Operation operation) {
  switch (operation) {
    case Operation::kCompletions:
      return "prompt";
    case Operation::kEmbeddings:
      return "input";
    case Operation::kChatCompletions:
      break;
  }
  return {};
}

tl::unexpected<Error> wrong(std::string_view param, std::string_view what) {
  std::string detail = "`";
  detail.append(param).append("` ").append(what);
  return fail(Error(Code::kInvalidRequest, std::move(detail)).about(param));
}

class Scanner {
 public:
  // `scan` must be as new.
  Scanner(std::string_view body, Operation operation, RequestScan& scan)
      : json_(body), prompts_name_(prompts_name(operation)), scan_(scan) {}

  Result<void> run() {
    if (!json_.enter_object()) {
      return broken();
    }
    scan_.members_at = static_cast<std::uint32_t>(json_.offset());
    while (const auto key = json_.next_key()) {
      const Member which = member_of(*key);
      if (which == Member::kOther) {
        json_.skip();
        continue;
      }
      if (seen(which)) {
        return wrong(name(which), "is given twice");
      }
      TDN_TRY_VOID(member(which));
    }
    if (!json_.finish()) {
      return broken();
    }
    if (scan_.model.empty()) {
      return wrong("model", "is missing: name the model that shall answer");
    }
    if (std::uint64_t{scan_.n} * scan_.prompts > kAnswersLimit) {
      return wrong("n", "asks for more than 1024 answers in one request");
    }
    return {};
  }

 private:
  [[nodiscard]] Member member_of(std::string_view key) const {
    const auto is = [&](std::string_view plain) { return json_.named(key, plain); };
    if (is("model")) {
      return Member::kModel;
    }
    if (is("stream")) {
      return Member::kStream;
    }
    if (is("max_tokens")) {
      return Member::kMaxTokens;
    }
    if (is("user")) {
      return Member::kUser;
    }
    if (is("n")) {
      return Member::kN;
    }
    if (is("stream_options")) {
      return Member::kStreamOptions;
    }
    if (is("max_completion_tokens")) {
      return Member::kMaxCompletionTokens;
    }
    if (is("safety_identifier")) {
      return Member::kSafetyIdentifier;
    }
    if (prompts_name_.empty() ? is("messages") : is(prompts_name_)) {
      return prompts_name_.empty() ? Member::kMessages : Member::kPrompts;
    }
    return is("provider") ? Member::kProvider : Member::kOther;
  }

  [[nodiscard]] std::string_view name(Member member) const {
    switch (member) {
      case Member::kModel:
        return "model";
      case Member::kStream:
        return "stream";
      case Member::kStreamOptions:
        return "stream_options";
      case Member::kN:
        return "n";
      case Member::kPrompts:
        return prompts_name_;
      case Member::kMaxTokens:
        return "max_tokens";
      case Member::kMaxCompletionTokens:
        return "max_completion_tokens";
      case Member::kUser:
        return "user";
      case Member::kMessages:
        return "messages";
      case Member::kProvider:
        return "provider";
      case Member::kSafetyIdentifier:
        return "safety_identifier";
      case Member::kOther:
        break;
    }
    return {};
  }

  bool seen(Member member) {
    const auto bit = static_cast<std::uint16_t>(1U << static_cast<unsigned>(member));
    const bool before = (seen_ & bit) != 0;
    seen_ |= bit;
    return before;
  }

  Result<void> member(Member which) {
    switch (which) {
      case Member::kModel:
        return model();
      case Member::kStream:
        return flag("stream", scan_.stream);
      case Member::kStreamOptions:
        return stream_options();
      case Member::kN: {
        std::optional<std::uint64_t> n;
        TDN_TRY_VOID(count("n", n));
        if (n && (*n == 0 || *n > kAnswersLimit)) {
          return wrong("n", "must be between 1 and 1024");
        }
        scan_.n = static_cast<std::uint32_t>(n.value_or(1));
        return {};
      }
      case Member::kPrompts:
        return prompts();
      case Member::kMessages:
        scan_.text_at = span(json_.skip());
        return {};
      case Member::kProvider:
        scan_.provider_at = span(json_.skip());
        return {};
      case Member::kMaxTokens: {
        std::optional<std::uint64_t> cap;
        TDN_TRY_VOID(count("max_tokens", cap, &scan_.max_tokens_at));
        scan_.max_tokens = scan_.max_tokens ? scan_.max_tokens : cap;
        return {};
      }
      case Member::kMaxCompletionTokens: {
        std::optional<std::uint64_t> cap;
        TDN_TRY_VOID(count("max_completion_tokens", cap, &scan_.max_completion_tokens_at));
        scan_.max_tokens = cap ? cap : scan_.max_tokens;
        return {};
      }
      case Member::kUser:
        scan_.has_user = json_.peek() != JsonReader::Type::kNull;
        scan_.user_at = span(json_.skip());
        return {};
      case Member::kSafetyIdentifier:
        scan_.safety_identifier_at = span(json_.skip());
        return {};
      case Member::kOther:
        break;
    }
    TDN_ASSERT(false);
  }

  Result<void> model() {
    if (json_.peek() != JsonReader::Type::kString) {
      return wrong("model", "must be a string");
    }
    const std::string_view raw = json_.string();
    if (raw.empty() && !json_.failed()) {
      return wrong("model", "is empty: name the model that shall answer");
    }
    if (raw.size() > kModelNameLimit) {
      return wrong("model", "is longer than 256 bytes");
    }
    if (raw.find('\\') == std::string_view::npos) {
      scan_.model.assign(raw);
    } else {
      scan_.model = json_unescape(raw);
    }
    scan_.model_at = span(raw);
    return {};
  }

  // true, false or null, which is false.
  Result<void> flag(std::string_view name, bool& value, Span* at = nullptr) {
    const bool null = json_.peek() == JsonReader::Type::kNull;
    const std::string_view raw = json_.skip();
    if (!null && raw != "true" && raw != "false" && !json_.failed()) {
      return wrong(name, "must be true or false");
    }
    value = raw == "true";
    if (at != nullptr) {
      *at = span(raw);
    }
    return {};
  }

  Result<void> count(std::string_view name, std::optional<std::uint64_t>& value,
                     Span* at = nullptr) {
    constexpr std::uint64_t kLimit = std::uint64_t{1} << 53U;
    const bool null = json_.peek() == JsonReader::Type::kNull;
    const std::size_t start = json_.offset();
    value = json_.count();
    if (!null && (!value || *value >= kLimit) && !json_.failed()) {
      return wrong(name, "must be a whole number, not negative");
    }
    if (at != nullptr) {
      *at = span_from(start);
    }
    return {};
  }

  Result<void> stream_options() {
    const JsonReader::Type type = json_.peek();
    const std::size_t start = json_.offset();
    if (type == JsonReader::Type::kNull) {
      scan_.stream_options_at = span(json_.skip());
      scan_.stream_options_is_null = true;
      return {};
    }
    if (type != JsonReader::Type::kObject) {
      return wrong("stream_options", "must be an object");
    }
    scan_.stream_options_is_empty = true;
    json_.enter_object();
    while (const auto key = json_.next_key()) {
      scan_.stream_options_is_empty = false;
      if (json_.named(*key, "include_usage")) {
        if (scan_.include_usage_at.present()) {
          return wrong("stream_options.include_usage", "is given twice");
        }
        TDN_TRY_VOID(
            flag("stream_options.include_usage", scan_.include_usage, &scan_.include_usage_at));
      } else if (json_.named(*key, "continuous_usage_stats")) {
        if (scan_.continuous_usage_at.present()) {
          return wrong("stream_options.continuous_usage_stats", "is given twice");
        }
        TDN_TRY_VOID(flag("stream_options.continuous_usage_stats", scan_.continuous_usage,
                          &scan_.continuous_usage_at));
      } else {
        json_.skip();
      }
    }
    scan_.stream_options_at = span_from(start);
    return {};
  }

  // A string or a list of token ids is one prompt; a list of strings or of lists is as many.
  Result<void> prompts() {
    if (json_.peek() != JsonReader::Type::kArray) {
      scan_.text_at = span(json_.skip());
      return {};
    }
    const std::size_t start = json_.offset();
    std::uint64_t elements = 0;
    bool tokens = false;
    json_.enter_array();
    while (json_.next_element()) {
      tokens |= json_.peek() == JsonReader::Type::kNumber;
      json_.skip();
      ++elements;
    }
    if (!tokens && elements > kAnswersLimit * 2) {
      return wrong(prompts_name_, "holds more than 2048 prompts");
    }
    scan_.text_at = span_from(start);
    scan_.prompts = tokens || elements == 0 ? 1 : static_cast<std::uint32_t>(elements);
    return {};
  }

  [[nodiscard]] Span span(std::string_view view) const {
    return {static_cast<std::uint32_t>(json_.offset(view)),
            static_cast<std::uint32_t>(view.size())};
  }

  [[nodiscard]] Span span_from(std::size_t start) const {
    return {static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(json_.offset() - start)};
  }

  tl::unexpected<Error> broken() {
    return fail(Code::kInvalidRequest,
                "the body is not valid JSON: " + json_.finish().error().detail());
  }

  JsonReader json_;
  std::string_view prompts_name_;
  RequestScan& scan_;
  std::uint16_t seen_ = 0;
};

}  // namespace

Result<RequestScan> scan_request(std::string_view body, Operation operation) {
  if (body.size() > UINT32_MAX) {
    return fail(Code::kRequestTooLarge, "the body is larger than 4 GiB");
  }
  Result<RequestScan> scan;
  if (auto read = Scanner(body, operation, *scan).run(); !read) {
    scan = tl::unexpected(std::move(read).error());
  }
  return scan;
}

std::string user_of(std::string_view body, const RequestScan& scan) {
  for (const Span& at : {scan.safety_identifier_at, scan.user_at}) {
    const std::string_view value = at.of(body);
    if (value.size() > 2 && value.front() == '"') {
      return json_unescape(value.substr(1, value.size() - 2));
    }
  }
  return {};
}

// Collects replacements in any order and cuts the body at them.
class Splicer {
 public:
  Splicer(std::string_view body, std::size_t inserted_limit, SplicedBody& result)
      : body_(body), room_(inserted_limit), result_(result) {}

  // Begins a replacement of these bytes by what put() is given then. Those of one place stay in the
  // order of the calls.
  Splicer& replace(std::uint32_t offset, std::uint32_t length) {
    TDN_ASSERT(count_ < edits_.size());
    current_ = &edits_[count_++];
    for (; current_ != edits_.data() && current_[-1].offset > offset; --current_) {
      *current_ = current_[-1];
    }
    *current_ = {.offset = offset, .length = length, .text = {}};
    return *this;
  }
  Splicer& replace(Span at) { return replace(at.offset, at.length); }

  Splicer& put(std::string_view text) {
    if (result_.inserted_ == nullptr) {
      result_.inserted_ = std::make_unique_for_overwrite<char[]>(room_);
    }
    TDN_ASSERT(room_ - used_ >= text.size());
    char* const place = result_.inserted_.get() + used_;
    std::memcpy(place, text.data(), text.size());
    used_ += text.size();
    std::string_view& whole = current_->text;
    whole = {whole.empty() ? place : whole.data(), whole.size() + text.size()};
    return *this;
  }

  void run() {
    std::size_t from = 0;
    for (const Edit& edit : std::span(edits_).first(count_)) {
      TDN_ASSERT(edit.offset >= from);
      add(body_.substr(from, edit.offset - from));
      add(edit.text);
      from = edit.offset + edit.length;
    }
    add(body_.substr(from));
  }

 private:
  struct Edit {
    std::size_t offset;
    std::size_t length;
    std::string_view text;
  };

  void add(std::string_view piece) {
    if (!piece.empty()) {
      result_.pieces_[result_.count_++] = piece;
      result_.size_ += piece.size();
    }
  }

  std::string_view body_;
  std::size_t room_;
  std::size_t used_ = 0;
  std::array<Edit, 7> edits_;  // by place; 7 edits make at most 15 pieces
  Edit* current_ = nullptr;
  std::size_t count_ = 0;
  SplicedBody& result_;
};

namespace {

void splice_stream_options(Splicer& splicer, const RequestScan& scan, bool continuous_too) {
  const bool usage = !scan.include_usage_at.present();
  const bool continuous = continuous_too && !scan.continuous_usage_at.present();
  const auto put_missing = [&] {
    splicer.put(usage ? R"("include_usage":true)" : "");
    splicer.put(usage && continuous ? "," : "");
    splicer.put(continuous ? R"("continuous_usage_stats":true)" : "");
  };
  if (!scan.stream_options_at.present()) {
    splicer.replace(scan.members_at, 0).put(R"("stream_options":{)");
    put_missing();
    splicer.put("},");
  } else if (scan.stream_options_is_null) {
    splicer.replace(scan.stream_options_at).put("{");
    put_missing();
    splicer.put("}");
  } else if (usage || continuous) {
    splicer.replace(scan.stream_options_at.offset + 1, 0);
    put_missing();
    splicer.put(scan.stream_options_is_empty ? "" : ",");
  }
  if (!usage && !scan.include_usage) {
    splicer.replace(scan.include_usage_at).put("true");
  }
  if (continuous_too && !continuous && !scan.continuous_usage) {
    splicer.replace(scan.continuous_usage_at).put("true");
  }
}

void splice_max_tokens(Splicer& splicer, const RequestScan& scan, std::uint64_t cap) {
  const std::string value = std::to_string(cap);
  for (const Span at : {scan.max_tokens_at, scan.max_completion_tokens_at}) {
    if (at.present()) {
      splicer.replace(at).put(value);
    }
  }
  if (!scan.max_tokens_at.present() && !scan.max_completion_tokens_at.present()) {
    splicer.replace(scan.members_at, 0).put(R"("max_tokens":)").put(value).put(",");
  }
}

}  // namespace

SplicedBody splice_request(std::string_view body, const RequestScan& scan,
                           const RequestEdits& edits) {
  constexpr std::size_t kFixedTexts = 256;  // all names and numbers above
  SplicedBody result;
  Splicer splicer(body, kFixedTexts + 6 * edits.model.size(), result);
  if (!edits.model.empty() && edits.model != scan.model) {
    std::string quoted;
    append_json_string(quoted, edits.model);
    splicer.replace(scan.model_at).put(std::string_view(quoted).substr(1, quoted.size() - 2));
  }
  if (edits.include_usage) {
    splice_stream_options(splicer, scan, edits.continuous_usage);
  }
  if (edits.max_tokens) {
    splice_max_tokens(splicer, scan, *edits.max_tokens);
  }
  splicer.run();
  return result;
}

std::string SplicedBody::joined() const {
  std::string text;
  text.reserve(size_);
  for (const std::string_view piece : pieces()) {
    text.append(piece);
  }
  return text;
}

}  // namespace tdn::codec
