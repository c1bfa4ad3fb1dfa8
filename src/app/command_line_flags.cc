// What several commands' flags share.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "app/declared.h"

namespace tdn::app {

Result<io::Address> loopback_address(std::string_view flag, const std::string& text) {
  const Result<io::Address> address = io::Address::parse(text);
  if (!address) {
    return fail(
        Code::kInvalid,
        fmt::format("{} '{}': give a number and a port, such as 127.0.0.1:8080", flag, text));
  }
  if (!address->is_loopback()) {
    return fail(Code::kInvalid,
                fmt::format("{} {}: only loopback addresses (127.0.0.1, [::1]) are served, because "
                            "there is no encryption and no joining by certificate yet",
                            flag, text));
  }
  return *address;
}

void add_count(CLI::App& app, const std::string& flag, int& count, const std::string& what,
               int least, int most) {
  app.add_option(flag, count, what)
      ->check(CLI::Range(least, most).description(""))
      ->type_name("N")
      ->capture_default_str();
}

}  // namespace tdn::app
