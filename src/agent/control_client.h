// Control as one edge calls it: three requests over pooled connections, each with the node secret.
//
// Belongs to its loop's thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "http/upstream.h"
#include "io/peer_link.h"
#include "protocol/snapshot_manifest.h"

namespace tdn::agent {

class ControlClient {
 public:
  struct Reply {
    int status = 0;
    std::string body;
  };

  // The link is borrowed and knows io::kControlPeer. `authority` is for the Host field. `site` is
  // whose edge this is: control answers nothing if the secret is another's.
  ControlClient(io::Loop& loop, io::PeerLink& link, std::string authority, std::string site,
                const Secret& secret);

  // Any status is a reply. Errors: kUnavailable, kTimeout, kClosed, upstream_error (not HTTP, or a
  // body beyond the limit), kCancelled.
  [[nodiscard]] io::Task<Result<Reply>> sync(std::string body);
  // The section's bytes, not yet compared with its hash.
  [[nodiscard]] io::Task<Result<std::string>> section(const protocol::SectionRef& ref);
  // An open stream of events; its head was read and is 200.
  [[nodiscard]] io::Task<Result<http::Exchange>> watch();

  // What a refusal comes to, for people: "control answered 400 to a sync: …".
  [[nodiscard]] static Error refused(std::string_view what, const Reply& reply);

  void close_idle() { upstream_.close_idle(); }

 private:
  struct Opened {
    http::Exchange exchange;  // its head was read
    int status = 0;
  };
  [[nodiscard]] io::Task<Result<Opened>> send(std::string_view method, std::string target,
                                              std::string body);
  [[nodiscard]] static io::Task<Result<std::string>> read_all(http::Exchange& exchange,
                                                              std::size_t most);

  const http::ClientLimits limits_;
  const std::string authority_;
  const std::string site_;
  const Secret authorization_;
  http::Upstream upstream_;
};

}  // namespace tdn::agent
