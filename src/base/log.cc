#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <iterator>

#include "base/assert.h"

namespace tdn {
namespace {

constexpr std::size_t kQueueLines = 8192;
constexpr std::int64_t kExactInJson = std::int64_t{1} << 53;

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

// The length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t length = first < 0x80                     ? 1
                             : first >= 0xc2 && first <= 0xdf ? 2
                             : first >= 0xe0 && first <= 0xef ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  if (length == 0 || length > text.size()) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) {
      return 0;
    }
  }
  // Overlong forms, surrogates and what lies beyond U+10FFFF (RFC 3629 §4).
  const bool refused = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
                       (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f);
  return refused ? 0 : length;
}

void append_text(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char first = text.front();
    if (length == 0) {
      out += "\\ufffd";
    } else if (first == '"' || first == '\\') {
      out += '\\';
      out += first;
    } else if (static_cast<unsigned char>(first) < 0x20 || first == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(first));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

struct AppendValue {
  std::string& out;
  void operator()(std::string_view text) const { append_text(out, text); }
  void operator()(bool yes) const { out += yes ? "true" : "false"; }
  void operator()(std::int64_t number) const {
    const bool exact = number <= kExactInJson && number >= -kExactInJson;
    fmt::format_to(std::back_inserter(out), fmt::runtime(exact ? "{}" : "\"{}\""), number);
  }
  void operator()(std::uint64_t number) const {
    const bool exact = number <= static_cast<std::uint64_t>(kExactInJson);
    fmt::format_to(std::back_inserter(out), fmt::runtime(exact ? "{}" : "\"{}\""), number);
  }
};

void append_member(std::string& out, std::string_view key, const LogField::Value& value) {
  out += out.size() > 1 ? "," : "";
  append_text(out, key);
  out += ':';
  std::visit(AppendValue{out}, value);
}

// Whole lines to a file; the base class's null mutex, for only the writing thread comes here.
class FileSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit FileSink(std::FILE* file) : file_(file) {}

 protected:
  // Where even writing a log line fails there is nobody left to tell.
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string line(message.payload.data(), message.payload.size());
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), file_);
    std::fflush(file_);
  }
  void flush_() override { std::fflush(file_); }

 private:
  std::FILE* file_;
};

// Lines go here while a `Logging` lives.
std::atomic<spdlog::async_logger*> current_logger = nullptr;
std::atomic<spdlog::details::thread_pool*> current_pool = nullptr;
std::atomic<LogLevel> least_level = LogLevel::kError;
std::atomic<std::uint64_t> lost_by_former = 0;

}  // namespace

struct Logging::Writer {
  explicit Writer(std::FILE* file)
      : pool(std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1)),
        logger(
            std::make_shared<spdlog::async_logger>("tdn", std::make_shared<FileSink>(file), pool,
                                                   spdlog::async_overflow_policy::overrun_oldest)) {
    logger->set_level(spdlog::level::trace);  // the level is decided before a line is rendered
  }

  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

Logging::Logging(LogLevel level, std::FILE* file) : writer_(std::make_unique<Writer>(file)) {
  TDN_ASSERT(current_logger.load() == nullptr);
  least_level = level;
  current_pool = writer_->pool.get();
  current_logger = writer_->logger.get();
}

Logging::~Logging() {
  current_logger = nullptr;
  current_pool = nullptr;
  lost_by_former += writer_->pool->overrun_counter();
  // The pool's end writes what is queued and joins its thread.
}

std::uint64_t log_lines_lost() {
  spdlog::details::thread_pool* pool = current_pool.load();
  return lost_by_former + (pool == nullptr ? 0 : pool->overrun_counter());
}

std::optional<LogLevel> parse_log_level(std::string_view text) {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    if (text == name_of(level)) {
      return level;
    }
  }
  return std::nullopt;
}

void log_line(LogLevel level, std::string_view module, std::string_view message, LogFields fields) {
  spdlog::async_logger* logger = current_logger.load(std::memory_order_acquire);
  if (logger == nullptr || level < least_level.load(std::memory_order_relaxed)) {
    return;
  }
  logger->log(spdlog::level::info, spdlog::string_view_t(render_log_line(
                                       system_clock().wall(), level, module, message, fields)));
}

std::string render_log_line(WallTime time, LogLevel level, std::string_view module,
                            std::string_view message, LogFields fields) {
  std::string line = "{";
  append_member(line, "ts", std::string_view(to_rfc3339(time)));
  append_member(line, "level", name_of(level));
  append_member(line, "mod", module);
  append_member(line, "msg", message);
  for (const LogField& field : fields) {
    append_member(line, field.key, field.value);
  }
  line += '}';
  return line;
}

}  // namespace tdn
