// Every endpoint of control, declared once with the shapes of its request and answer by example.
// The page docs/reference/control-api.md is made of this, and tests hold the service to it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "control/api_request.h"

namespace tdn::control {

struct DescribedEndpoint {
  Endpoint endpoint;
  std::string_view method;
  std::string_view path;  // with {names} for what varies
  std::string_view prose;
  std::string_view request;  // JSON, or empty for no body
  std::string_view answer;   // JSON, or what else it is in words
};

[[nodiscard]] std::span<const DescribedEndpoint> described_endpoints();

// The page.
[[nodiscard]] std::string control_api_reference();

}  // namespace tdn::control
