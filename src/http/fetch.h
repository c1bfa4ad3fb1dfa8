// One request, one whole answer, no pool: for probes, command lines and tests, not for the data
// path.
//
//   FetchRequest request;
//   request.url = "http://127.0.0.1:8081/healthz";
//   TDN_CO_TRY(const Fetched answer, co_await fetch(network, std::move(request)));
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/network.h"

namespace tdn::http {

struct Url {
  std::string host;  // a name, an IPv4 address, or an IPv6 address without its brackets
  std::uint16_t port = 80;
  std::string target = "/";  // path and query
  // As the Host field has it: "[::1]:8080".
  [[nodiscard]] std::string authority() const;
};

// `http://host[:port][/path][?query]`. kInvalid, naming what is wrong, for anything else: other
// schemes, user names, fragments, blanks and controls.
[[nodiscard]] Result<Url> parse_url(std::string_view text);

struct FetchRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> fields;  // besides host and content-length
  std::string body;
  Duration timeout = std::chrono::seconds(5);    // for everything, name look-up included
  std::size_t limit = std::size_t{1024} * 1024;  // of the answer's body, bytes
};

struct Fetched {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  // The first of that name.
  [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const;
};

// Any status is an answer. Errors: kInvalid (the URL), kUnavailable (not reached), kTimeout,
// kClosed (broken off), upstream_error (not HTTP, or a body beyond the limit), kCancelled.
[[nodiscard]] io::Task<Result<Fetched>> fetch(io::Network& network, FetchRequest request);

}  // namespace tdn::http
