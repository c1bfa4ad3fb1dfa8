// Control as its operators' programs see it: requests under /api/v1 with the operator token,
// answers as trees. The shapes are fixed in docs/internals/network.md.
//
//   ControlClient control(network, {.url = "http://127.0.0.1:8090", .token = …});
//   TDN_CO_TRY(const codec::yaml::Node sites, co_await control.get("/api/v1/sites"));
//
// Belongs to its loop's thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "codec/tree.h"
#include "io/network.h"

namespace tdn::client {

// Where control is, and what proves that one may speak to it.
struct Control {
  std::string url;  // "http://127.0.0.1:8090"
  Secret token;
  std::string remedy;  // what starts it, for when it does not answer; may be empty
};

// "a b/c" as a part of a path: slashes stay.
[[nodiscard]] std::string escape_path(std::string_view text);
// The same as a value of a query: slashes do not stay.
[[nodiscard]] std::string escape_query(std::string_view text);

class ControlClient {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(10);
  static constexpr std::size_t kLargestAnswer = std::size_t{256} << 20;

  // `network` is borrowed.
  ControlClient(io::Network& network, Control control)
      : network_(network), control_(std::move(control)) {}

  // `path` begins with "/api/v1/". The answer of a status below 300. Errors: kUnavailable, naming
  // the remedy, if control is not reached or breaks off; kInvalidApiKey for a token that it
  // refuses; kMissing for 404; kInvalid, with control's own words (several lines for manifests),
  // for other refusals; kUpstreamError for its own failures and for what is no answer of control.
  [[nodiscard]] io::Task<Result<codec::yaml::Node>> get(std::string path,
                                                        Duration patience = kPatience);
  [[nodiscard]] io::Task<Result<codec::yaml::Node>> post(std::string path, std::string body,
                                                         Duration patience = kPatience);

  [[nodiscard]] const std::string& url() const { return control_.url; }

 private:
  [[nodiscard]] io::Task<Result<codec::yaml::Node>> ask(std::string method, std::string path,
                                                        std::string body, Duration patience);
  [[nodiscard]] Error not_reached(const Error& reason) const;

  io::Network& network_;
  Control control_;
};

}  // namespace tdn::client
