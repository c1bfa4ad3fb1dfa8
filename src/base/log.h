// Log lines for machines: one JSON object per line on standard error, with the keys `ts`, `level`,
// `mod`, `msg` first and the caller's fields after them.
//
//   log_warning("gateway", "endpoint is down", {{"endpoint", name}, {"failures", 3}});
//
// Never blocks: a line goes through a queue of 8,192 to one writing thread, and when the queue is
// full the oldest line is lost and counted (`log_lines_lost`). The caller still pays about half a
// microsecond, so the data path logs errors and rare events, not requests. Until `Logging` exists,
// and after it is gone, lines are dropped: tests and the simulator are silent and have no thread.
//
// Prompts and keys are never logged. A `Secret` given as a field shows as `***`.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "base/secret.h"
#include "base/time.h"

namespace tdn {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning", "error".
[[nodiscard]] std::optional<LogLevel> parse_log_level(std::string_view text);

// The value is borrowed for the call.
struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, bool>;

  LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
  LogField(std::string_view name, const char* text) : key(name), value(std::string_view(text)) {}
  LogField(std::string_view name, const std::string& text)
      : key(name), value(std::string_view(text)) {}
  LogField(std::string_view name, const Secret&) : key(name), value(Secret::kShown) {}
  LogField(std::string_view name, std::same_as<bool> auto yes) : key(name), value(yes) {}
  LogField(std::string_view name, std::signed_integral auto number)
      : key(name), value(static_cast<std::int64_t>(number)) {}
  template <std::unsigned_integral Number>
    requires(!std::same_as<Number, bool>)
  LogField(std::string_view name, Number number)
      : key(name), value(static_cast<std::uint64_t>(number)) {}

  std::string_view key;
  Value value;
};

using LogFields = std::initializer_list<LogField>;

// Thread-safe. `module` is a folder of src/.
void log_line(LogLevel level, std::string_view module, std::string_view message, LogFields fields);

inline void log_debug(std::string_view module, std::string_view message, LogFields fields = {}) {
  log_line(LogLevel::kDebug, module, message, fields);
}
inline void log_info(std::string_view module, std::string_view message, LogFields fields = {}) {
  log_line(LogLevel::kInfo, module, message, fields);
}
inline void log_warning(std::string_view module, std::string_view message, LogFields fields = {}) {
  log_line(LogLevel::kWarning, module, message, fields);
}
inline void log_error(std::string_view module, std::string_view message, LogFields fields = {}) {
  log_line(LogLevel::kError, module, message, fields);
}

// Lines that were lost because the queue was full, since start.
[[nodiscard]] std::uint64_t log_lines_lost();

// Owned by `main`, one at a time: starts the writing thread, and at its end writes what is queued.
// No other thread may log any more while it is destroyed.
class Logging {
 public:
  // Writes lines of `level` and above to `file`, borrowed.
  explicit Logging(LogLevel level, std::FILE* file = stderr);
  ~Logging();
  Logging(const Logging&) = delete;
  Logging& operator=(const Logging&) = delete;

 private:
  struct Writer;
  std::unique_ptr<Writer> writer_;
};

// One line without its end. Integers beyond 2⁵³ are written as decimal strings (FORMATS §1); bytes
// that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string render_log_line(WallTime time, LogLevel level, std::string_view module,
                                          std::string_view message, LogFields fields);

}  // namespace tdn
