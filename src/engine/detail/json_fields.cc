#include "engine/detail/json_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tdn::engine {

tl::unexpected<Refusal> refuse(std::string param, std::string message) {
  return tl::unexpected(
      Refusal{Error(Code::kInvalidRequest, std::move(message)), std::move(param)});
}

tl::unexpected<Refusal> wrong_type(std::string param, std::string_view what) {
  std::string message = fmt::format("{} must be {}", param, what);
  return refuse(std::move(param), std::move(message));
}

ApiResult<json::object> parse_object(std::string_view body) {
  json::error_code error;
  json::value value = json::parse({body.data(), body.size()}, error);
  if (error) {
    return refuse("", fmt::format("the body is not valid JSON: {}", error.message()));
  }
  if (!value.is_object()) {
    return refuse("", "the body must be a JSON object");
  }
  return std::move(value.get_object());
}

const json::value* Fields::find(std::string_view name) const {
  const json::value* value = object_.if_contains({name.data(), name.size()});
  return value == nullptr || value->is_null() ? nullptr : value;
}

void Fields::text(std::string_view name, std::string& out) {
  if (const json::value* value = find(name)) {
    if (value->is_string()) {
      out = std::string(value->get_string());
    } else {
      keep(name, "a string");
    }
  }
}

void Fields::flag(std::string_view name, bool& out) {
  if (const json::value* value = find(name)) {
    if (value->is_bool()) {
      out = value->get_bool();
    } else {
      keep(name, "true or false");
    }
  }
}

void Fields::number(std::string_view name, float& out, double least, double most) {
  if (const json::value* value = find(name)) {
    const double number = value->is_number() ? value->to_number<double>() : std::nan("");
    if (number >= least && number <= most) {
      out = static_cast<float>(number);
    } else {
      keep(name, fmt::format("a number from {} to {}", least, most));
    }
  }
}

void Fields::count(std::string_view name, std::optional<int>& out) {
  if (const json::value* value = find(name)) {
    const std::optional<std::int64_t> number = integer(*value);
    if (number && *number >= 1) {
      out = static_cast<int>(std::min<std::int64_t>(*number, std::numeric_limits<int>::max()));
    } else {
      keep(name, "an integer of at least 1");
    }
  }
}

void Fields::seed(std::string_view name, std::optional<std::uint64_t>& out) {
  if (const json::value* value = find(name)) {
    if (const std::optional<std::int64_t> number = integer(*value)) {
      out = static_cast<std::uint64_t>(*number);
    } else {
      keep(name, "an integer");
    }
  }
}

void Fields::keep(std::string_view name, std::string_view what) {
  keep_message(name, fmt::format("{} must be {}", name, what));
}

void Fields::keep_lacking(std::string_view name, std::string_view instead) {
  keep_message(name, fmt::format("{} is not supported by this engine; {}", name, instead));
}

void Fields::keep_message(std::string_view name, std::string message) {
  if (!refusal_) {
    refusal_ = Refusal{Error(Code::kInvalidRequest, std::move(message)), std::string(name)};
  }
}

std::optional<std::int64_t> Fields::integer(const json::value& value) {
  if (!value.is_number()) {
    return std::nullopt;
  }
  json::error_code error;
  const auto number = value.to_number<std::int64_t>(error);
  return error ? std::nullopt : std::optional(number);
}

}  // namespace tdn::engine
