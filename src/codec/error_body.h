// An error as its client reads it: OpenAI's envelope, and Anthropic's on /v1/messages. Status,
// `type` and `code` come from the one table in base/error.cc; codes that never leave the process
// are told as `internal_error`.
#pragma once

#include <string>

#include "base/error.h"

namespace tdn::codec {

// {"error":{"message":…,"type":…,"code":…,"param":…}}
[[nodiscard]] std::string openai_error_body(const Error& error);
// {"type":"error","error":{"type":…,"message":…},"request_id":…}; the last only if not empty.
[[nodiscard]] std::string anthropic_error_body(const Error& error, std::string_view request_id);

// The same as one event of a stream, ended by its empty line; no `[DONE]` may follow it.
[[nodiscard]] std::string openai_error_event(const Error& error);
[[nodiscard]] std::string anthropic_error_event(const Error& error, std::string_view request_id);

}  // namespace tdn::codec
