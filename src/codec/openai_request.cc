#include <algorithm>
#include <charconv>
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
  kOther,
};

struct Name {
  std::string_view text;
  Member member;
};
constexpr std::array<Name, 7> kNames{{{"model", Member::kModel},
                                      {"stream", Member::kStream},
                                      {"stream_options", Member::kStreamOptions},
                                      {"n", Member::kN},
                                      {"max_tokens", Member::kMaxTokens},
                                      {"max_completion_tokens", Member::kMaxCompletionTokens},
                                      {"user", Member::kUser}}};

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
  Scanner(std::string_view body, Operation operation)
      : json_(body), prompts_name_(prompts_name(operation)) {}

  Result<RequestScan> run() {
    if (!json_.enter_object()) {
      return broken();
    }
    scan_.members_at = static_cast<std::uint32_t>(json_.offset());
    while (const auto key = json_.next_key()) {
      const Name name = which(*key);
      if (name.member == Member::kOther) {
        json_.skip();
        continue;
      }
      if (seen(name.member)) {
        return wrong(name.text, "is given twice");
      }
      TDN_TRY_VOID(member(name));
    }
    if (const auto end = json_.finish(); !end) {
      return broken();
    }
    if (scan_.model.empty()) {
      return wrong("model", "is missing: name the model that shall answer");
    }
    if (std::uint64_t{scan_.n} * scan_.prompts > kAnswersLimit) {
      return wrong("n", "asks for more than 1024 answers in one request");
    }
    return std::move(scan_);
  }

 private:
  [[nodiscard]] Name which(std::string_view key) const {
    for (const Name& name : kNames) {
      if (JsonReader::matches(key, name.text)) {
        return name;
      }
    }
    if (!prompts_name_.empty() && JsonReader::matches(key, prompts_name_)) {
      return {prompts_name_, Member::kPrompts};
    }
    return {{}, Member::kOther};
  }

  bool seen(Member member) {
    const auto bit = static_cast<std::uint16_t>(1U << static_cast<unsigned>(member));
    const bool before = (seen_ & bit) != 0;
    seen_ |= bit;
    return before;
  }

  Result<void> member(const Name& name) {
    switch (name.member) {
      case Member::kModel:
        return model();
      case Member::kStream:
        return flag(name.text, scan_.stream);
      case Member::kStreamOptions:
        return stream_options();
      case Member::kN: {
        std::optional<std::uint64_t> n;
        TDN_TRY_VOID(count(name.text, n, nullptr));
        if (n && (*n == 0 || *n > kAnswersLimit)) {
          return wrong(name.text, "must be between 1 and 1024");
        }
        scan_.n = static_cast<std::uint32_t>(n.value_or(1));
        return {};
      }
      case Member::kPrompts:
        return prompts();
      case Member::kMaxTokens: {
        std::optional<std::uint64_t> cap;
        TDN_TRY_VOID(count(name.text, cap, &scan_.max_tokens_at));
        scan_.max_tokens = scan_.max_tokens ? scan_.max_tokens : cap;
        return {};
      }
      case Member::kMaxCompletionTokens: {
        std::optional<std::uint64_t> cap;
        TDN_TRY_VOID(count(name.text, cap, &scan_.max_completion_tokens_at));
        scan_.max_tokens = cap ? cap : scan_.max_tokens;
        return {};
      }
      case Member::kUser:
        scan_.has_user = json_.peek() != JsonReader::Type::kNull;
        scan_.user_at = span(json_.skip());
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
    scan_.model = json_unescape(raw);
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

  Result<void> count(std::string_view name, std::optional<std::uint64_t>& value, Span* at) {
    constexpr std::uint64_t kLimit = std::uint64_t{1} << 53U;
    const bool null = json_.peek() == JsonReader::Type::kNull;
    const std::string_view raw = json_.skip();
    std::uint64_t number = 0;
    const char* last = raw.data() + raw.size();
    const auto [end, fault] = std::from_chars(raw.data(), last, number);
    const bool whole = !raw.empty() && fault == std::errc{} && end == last && number < kLimit;
    if (!null && !whole && !json_.failed()) {
      return wrong(name, "must be a whole number, not negative");
    }
    if (whole) {
      value = number;
    }
    if (at != nullptr) {
      *at = span(raw);
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
      if (JsonReader::matches(*key, "include_usage")) {
        if (scan_.include_usage_at.present()) {
          return wrong("stream_options.include_usage", "is given twice");
        }
        TDN_TRY_VOID(
            flag("stream_options.include_usage", scan_.include_usage, &scan_.include_usage_at));
      } else if (JsonReader::matches(*key, "continuous_usage_stats")) {
        if (scan_.continuous_usage_at.present()) {
          return wrong("stream_options.continuous_usage_stats", "is given twice");
        }
        TDN_TRY_VOID(flag("stream_options.continuous_usage_stats", scan_.continuous_usage,
                          &scan_.continuous_usage_at));
      } else {
        json_.skip();
      }
    }
    scan_.stream_options_at = {static_cast<std::uint32_t>(start),
                               static_cast<std::uint32_t>(json_.offset() - start)};
    return {};
  }

  // A string or a list of token ids is one prompt; a list of strings or of lists is as many.
  Result<void> prompts() {
    if (json_.peek() != JsonReader::Type::kArray) {
      json_.skip();
      return {};
    }
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
    scan_.prompts = tokens || elements == 0 ? 1 : static_cast<std::uint32_t>(elements);
    return {};
  }

  [[nodiscard]] Span span(std::string_view view) const {
    return {static_cast<std::uint32_t>(json_.offset(view)),
            static_cast<std::uint32_t>(view.size())};
  }

  tl::unexpected<Error> broken() {
    return fail(Code::kInvalidRequest,
                "the body is not valid JSON: " + json_.finish().error().detail());
  }

  JsonReader json_;
  std::string_view prompts_name_;
  RequestScan scan_;
  std::uint16_t seen_ = 0;
};

}  // namespace

Result<RequestScan> scan_request(std::string_view body, Operation operation) {
  if (body.size() > UINT32_MAX) {
    return fail(Code::kRequestTooLarge, "the body is larger than 4 GiB");
  }
  return Scanner(body, operation).run();
}

// Collects replacements in any order and cuts the body at them.
class Splicer {
 public:
  Splicer(std::string_view body, std::size_t inserted_limit) : body_(body) {
    result_.inserted_.reserve(inserted_limit);
  }

  void replace(std::uint32_t offset, std::uint32_t length, std::string_view text) {
    TDN_ASSERT(count_ < edits_.size());
    std::vector<char>& bytes = result_.inserted_;
    TDN_ASSERT(bytes.capacity() - bytes.size() >= text.size());  // the views must stay
    const char* const start = bytes.data() + bytes.size();
    bytes.insert(bytes.end(), text.begin(), text.end());
    edits_[count_++] = {offset, length, {start, text.size()}};
  }
  void replace(Span at, std::string_view text) { replace(at.offset, at.length, text); }

  SplicedBody run() {
    std::ranges::sort(std::span(edits_).first(count_), {}, &Edit::offset);
    std::size_t from = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      TDN_ASSERT(edits_[i].offset >= from);
      add(body_.substr(from, edits_[i].offset - from));
      add(edits_[i].text);
      from = edits_[i].offset + edits_[i].length;
    }
    add(body_.substr(from));
    return std::move(result_);
  }

 private:
  struct Edit {
    std::size_t offset = 0;
    std::size_t length = 0;
    std::string_view text;
  };

  void add(std::string_view piece) {
    if (!piece.empty()) {
      result_.pieces_[result_.count_++] = piece;
      result_.size_ += piece.size();
    }
  }

  std::string_view body_;
  std::array<Edit, 7> edits_;  // 7 edits make at most 15 pieces
  std::size_t count_ = 0;
  SplicedBody result_;
};

namespace {

// What must be added to stream_options, without braces: `"include_usage":true`.
std::string missing_flags(const RequestScan& scan, const RequestEdits& edits) {
  std::string text;
  if (!scan.include_usage_at.present()) {
    text = R"("include_usage":true)";
  }
  if (edits.continuous_usage && !scan.continuous_usage_at.present()) {
    text.append(text.empty() ? "" : ",").append(R"("continuous_usage_stats":true)");
  }
  return text;
}

}  // namespace

SplicedBody splice_request(std::string_view body, const RequestScan& scan,
                           const RequestEdits& edits) {
  constexpr std::size_t kFixedTexts = 256;  // all names and numbers below
  Splicer splicer(body, kFixedTexts + 6 * edits.model.size());
  std::string front;  // members to be added behind the opening brace
  if (!edits.model.empty() && edits.model != scan.model) {
    std::string quoted;
    append_json_string(quoted, edits.model);
    splicer.replace(scan.model_at, std::string_view(quoted).substr(1, quoted.size() - 2));
  }
  if (edits.include_usage) {
    const std::string flags = missing_flags(scan, edits);
    if (!scan.stream_options_at.present()) {
      front.append(R"("stream_options":{)").append(flags).append("},");
    } else if (scan.stream_options_is_null) {
      splicer.replace(scan.stream_options_at, "{" + flags + "}");
    } else if (!flags.empty()) {
      splicer.replace(scan.stream_options_at.offset + 1, 0,
                      flags + (scan.stream_options_is_empty ? "" : ","));
    }
    if (scan.include_usage_at.present() && !scan.include_usage) {
      splicer.replace(scan.include_usage_at, "true");
    }
    if (edits.continuous_usage && scan.continuous_usage_at.present() && !scan.continuous_usage) {
      splicer.replace(scan.continuous_usage_at, "true");
    }
  }
  if (edits.max_tokens) {
    const std::string value = std::to_string(*edits.max_tokens);
    for (const Span at : {scan.max_tokens_at, scan.max_completion_tokens_at}) {
      if (at.present()) {
        splicer.replace(at, value);
      }
    }
    if (!scan.max_tokens_at.present() && !scan.max_completion_tokens_at.present()) {
      front.append(R"("max_tokens":)").append(value).append(",");
    }
  }
  if (!front.empty()) {
    splicer.replace(scan.members_at, 0, front);
  }
  return splicer.run();
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
