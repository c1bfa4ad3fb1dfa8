// One client of `tdn demo`: sends a prompt to the gateway that it is steered to, reads the streamed
// answer, and keeps what it saw. A gateway that is not there, or breaks off before anything came,
// is left for the next one, as an application behind DNS does, and is not asked again for ten
// seconds, as if DNS had been told.
//
// Belongs to its loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "cli/demo_city.h"
#include "codec/openai.h"
#include "http/upstream.h"

namespace tdn::cli {

enum class Ending : std::uint8_t {
  kComplete,  // a finish reason and usage came
  kCut,       // the answer had begun and did not come to its end
  kFailed,    // nothing of an answer came, from any entry
};

struct Sight {
  Ending ending = Ending::kFailed;
  std::string request;  // its x-request-id, once a head came
  std::string site;     // that served, and why, of tdn-route
  std::string reason;
  std::optional<Duration> first_token;  // from the first byte sent, wherever, to the first content
  codec::ReportedUsage usage;           // the last that came
  std::string error;                    // code or text, if it did not end well
  int moved = 0;                        // entries that were left
  bool simulated = false;               // a simulated engine said it
};

struct DemoPrompt {
  std::string_view model;
  std::string_view text;
  std::uint64_t max_tokens = 0;
};

class DemoClient {
 public:
  // All borrowed.
  DemoClient(io::Loop& loop, io::Network& network, const DemoCity& city, const Secret& key);

  // One request. Ends early, with what it has, when the context is cancelled.
  [[nodiscard]] io::Task<Sight> ask(DemoPrompt prompt);

 private:
  [[nodiscard]] io::Task<Result<void>> try_entry(std::size_t entry, const std::string& body,
                                                 Instant begin, Sight& sight);
  [[nodiscard]] io::Task<Result<void>> read_stream(http::Exchange& exchange, Instant begin,
                                                   Sight& sight);
  [[nodiscard]] io::Task<Result<http::Upstream*>> upstream(std::size_t entry);

  io::Loop& loop_;
  io::Network& network_;
  const DemoCity& city_;
  const Secret& key_;
  const http::ClientLimits limits_;
  std::vector<std::unique_ptr<http::Upstream>> upstreams_;  // by entry, made at first use
  std::vector<Instant> left_until_;                         // by entry
};

}  // namespace tdn::cli
