// The table of `tdn usage`, of an edge's own journal or of what control says: both have one form in
// JSON (meter/usage_report.h).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/tree.h"

namespace tdn::cli {

// `by` is what was asked for: "tenant,model". Ends with how complete it is. kUpstreamError if
// `usage` is not of that form.
[[nodiscard]] Result<std::string> usage_table(const codec::yaml::Node& usage, std::string_view by,
                                              bool colours);

}  // namespace tdn::cli
