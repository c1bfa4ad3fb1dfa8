// Reading the members of a JSON request one by one, with the first error kept.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api_request.h"

namespace tdn::engine {

namespace json = boost::json;

[[nodiscard]] tl::unexpected<Refusal> refuse(std::string param, std::string message);
// "`param` must be `what`".
[[nodiscard]] tl::unexpected<Refusal> wrong_type(std::string param, std::string_view what);

[[nodiscard]] ApiResult<json::object> parse_object(std::string_view body);

// Reads the fields of one request. The first error is kept and reading goes on harmlessly, so that
// the callers read as a list of fields. A field that is null counts as absent, everywhere.
class Fields {
 public:
  explicit Fields(const json::object& object) : object_(object) {}

  [[nodiscard]] const json::value* find(std::string_view name) const;

  // Each leaves `out` alone where there is no such field.
  void text(std::string_view name, std::string& out);
  void flag(std::string_view name, bool& out);
  void number(std::string_view name, float& out, double least, double most);
  void count(std::string_view name, std::optional<int>& out);  // 1 and more
  void seed(std::string_view name, std::optional<std::uint64_t>& out);

  // Refuses a field that is set to anything but what leaves the answer as it is.
  template <class Harmless>
  void lacks(std::string_view name, const Harmless& harmless, std::string_view instead) {
    const json::value* value = find(name);
    if (value != nullptr && !harmless(*value)) {
      keep_lacking(name, instead);
    }
  }

  // "`name` must be `what`".
  void keep(std::string_view name, std::string_view what);
  [[nodiscard]] const Refusal* refusal() const { return refusal_ ? &*refusal_ : nullptr; }

  // 1, 1.0 and 1e0 are integers.
  [[nodiscard]] static std::optional<std::int64_t> integer(const json::value& value);

 private:
  void keep_lacking(std::string_view name, std::string_view instead);
  void keep_message(std::string_view name, std::string message);
  const json::object& object_;
  std::optional<Refusal> refusal_;
};

}  // namespace tdn::engine
