// What callers send to control's API: targets, queries, bodies, nodes.json, network-secret. Nothing
// crashes, and what is taken is within its bounds.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/bytes.h"
#include "control/api_request.h"
#include "control/network_secrets.h"
#include "control/nodes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tdn;
  const std::string_view text = text_of({data, size});
  for (const char* method : {"GET", "POST", "DELETE"}) {
    if (const auto target = control::parse_target(method, text)) {
      TDN_ASSERT(text.starts_with('/') && target->name.size() < text.size());
    }
  }
  if (const auto apply = control::parse_apply(text)) {
    TDN_ASSERT(!apply->sources.empty() &&
               apply->sources.size() <= control::ApplyRequest::kMostSources);
  }
  if (const auto objects = control::parse_delete(text)) {
    TDN_ASSERT(!objects->empty() && objects->size() <= control::kMostDeleted);
  }
  if (const auto query = control::parse_usage_query(text)) {
    TDN_ASSERT(!query->by.empty() &&
               (!query->wait || *query->wait <= control::UsageQuery::kMostWait));
  }
  [[maybe_unused]] const auto revoke = control::parse_revoke(text);
  if (const auto nodes = control::Nodes::parse(text, "nodes.json")) {
    TDN_ASSERT(nodes->size() <= control::Nodes::kMost);
  }
  if (const auto secrets = control::parse_network_secrets(text, "network-secret")) {
    TDN_ASSERT(control::parse_network_secrets(control::to_text(*secrets), "again").has_value());
  }
  [[maybe_unused]] const auto bearer = control::bearer_of(text);
  return 0;
}
