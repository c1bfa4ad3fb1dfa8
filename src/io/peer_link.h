// The one way to other processes of the network: a stream to the edge of a site, or to control. Who
// calls says whom it wants, never where that is, so that a site behind NAT may later be reached
// over a connection that it opened itself.
//
// Belongs to its network's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "io/network.h"

namespace tdn::io {

// Control's name among sites, which cannot begin so.
inline constexpr std::string_view kControlPeer = "@control";

class PeerLink {
 public:
  virtual ~PeerLink() = default;
  // Whether there is any way to it; says nothing of whether it is up.
  [[nodiscard]] virtual bool knows(std::string_view site) const = 0;
  // Under the context's deadline. Errors: kUnavailable (no way is known, refused, unreachable),
  // kTimeout, kCancelled.
  [[nodiscard]] virtual Task<Result<std::unique_ptr<Stream>>> open(std::string_view site) = 0;
};

// Addresses by site: what `--dial` says.
using DialMap = std::map<std::string, Address, std::less<>>;

// Connects to the site's address. Both are borrowed.
class DialLink final : public PeerLink {
 public:
  DialLink(Network& network, const DialMap& addresses) : network_(network), addresses_(addresses) {}
  [[nodiscard]] bool knows(std::string_view site) const override {
    return addresses_.contains(site);
  }
  [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> open(std::string_view site) override;

 private:
  Network& network_;
  const DialMap& addresses_;
};

}  // namespace tdn::io
