// The `provider` object of a request, as OpenRouter defines it: what the client wants of who serves
// it. Names are not resolved here.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/result.h"

namespace tdn::codec {

struct ProviderWishes {
  static constexpr std::size_t kMostNames = 64;  // in each list

  enum class Sort : unsigned char { kNone, kPrice, kThroughput, kLatency };

  std::vector<std::string> order;   // to be tried in this order
  std::vector<std::string> only;    // nobody else
  std::vector<std::string> ignore;  // not these
  Sort sort = Sort::kNone;
  std::optional<Price> most_input;  // per token, in the currency of the model's price
  std::optional<Price> most_output;
  bool allow_fallbacks = true;
  bool deny_data_collection = false;
};

// `object` is the member's value, JSON that was checked (`RequestScan::provider_at`). Null is no
// wish. Fails with `invalid_request` naming the member: of a wrong type, given twice, or one that
// is not built, because a wish that is silently ignored is worse than none.
[[nodiscard]] Result<ProviderWishes> parse_provider(std::string_view object);

}  // namespace tdn::codec
