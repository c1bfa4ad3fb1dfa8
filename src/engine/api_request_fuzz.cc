// Any body gives a request or a refusal that can be said, never a crash.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "engine/api_reply.h"
#include "engine/api_request.h"

namespace {

template <class Request>
void check(const tdn::engine::ApiResult<Request>& request) {
  if (!request) {
    TDN_ASSERT(!request.error().error.detail().empty());
    TDN_ASSERT(tdn::engine::error_body(request.error()).ends_with("}}"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto chat = tdn::engine::parse_chat_request(body);
  if (chat) {
    TDN_ASSERT(!chat->chat.messages.empty() && chat->settings.stops.size() <= 4 &&
               chat->settings.partition.size() <= 256);
  }
  check(chat);
  const auto completion = tdn::engine::parse_completion_request(body);
  if (completion) {
    TDN_ASSERT(!completion->prompts.empty() && completion->settings.max_tokens.value_or(1) >= 1);
  }
  check(completion);
  check(tdn::engine::parse_embedding_request(body));
  check(tdn::engine::parse_tokenize_request(body));
  return 0;
}
