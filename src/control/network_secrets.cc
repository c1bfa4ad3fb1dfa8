#include "control/network_secrets.h"

#include <fmt/format.h>

#include <charconv>
#include <span>

#include "codec/hex.h"

namespace tdn::control {
namespace {

protocol::RouteKeyGrant grant(const NetworkSecret& secret, const Uid& from, const Uid& to) {
  std::vector<std::uint8_t> message(from.bytes.begin(), from.bytes.end());
  message.insert(message.end(), to.bytes.begin(), to.bytes.end());
  for (unsigned shift = 0; shift < 32; shift += 8) {
    message.push_back(static_cast<std::uint8_t>(secret.version >> shift));
  }
  return {.id = fmt::format("k{}", secret.version),
          .version = secret.version,
          .from = from,
          .to = to,
          .key = codec::hmac_sha256(secret.secret, message)};
}

}  // namespace

Result<std::vector<NetworkSecret>> parse_network_secrets(std::string_view text,
                                                         std::string_view file) {
  std::vector<NetworkSecret> secrets;
  for (int line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view content = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t blank = std::min(content.find(' '), content.size());
    NetworkSecret secret;
    const auto parsed = std::from_chars(content.data(), content.data() + blank, secret.version);
    const bool good = parsed.ec == std::errc() && parsed.ptr == content.data() + blank &&
                      blank < content.size() &&
                      codec::from_hex(content.substr(blank + 1), std::span(secret.secret)) &&
                      secret.version > (secrets.empty() ? 0 : secrets.back().version) &&
                      secrets.size() < kLiveNetworkSecrets;
    if (!good) {
      return fail(Code::kCorrupt,
                  fmt::format("{}:{}: is no line `version secret`, the newest last, two at most; "
                              "restore the file, or remove it to make a new secret",
                              file, line));
    }
    secrets.push_back(secret);
  }
  if (secrets.empty()) {
    return fail(Code::kCorrupt, fmt::format("{}: is empty; remove it to make a new secret", file));
  }
  return secrets;
}

std::string to_text(const std::vector<NetworkSecret>& secrets) {
  std::string text;
  for (const NetworkSecret& secret : secrets) {
    text += fmt::format("{} {}\n", secret.version, codec::to_hex(secret.secret));
  }
  return text;
}

std::vector<NetworkSecret> rotated(std::vector<NetworkSecret> secrets, Random& random) {
  NetworkSecret fresh{.version = secrets.empty() ? 1 : secrets.back().version + 1, .secret = {}};
  random.fill(std::as_writable_bytes(std::span(fresh.secret)));
  secrets.push_back(fresh);
  if (secrets.size() > kLiveNetworkSecrets) {
    secrets.erase(secrets.begin());
  }
  return secrets;
}

std::vector<protocol::RouteKeyGrant> grants_of(const std::vector<NetworkSecret>& secrets,
                                               const Uid& self,
                                               const std::vector<protocol::PeerEdge>& peers) {
  std::vector<protocol::RouteKeyGrant> grants;
  for (const protocol::PeerEdge& peer : peers) {
    for (const NetworkSecret& secret : secrets) {
      if (peer.edge != self) {
        grants.push_back(grant(secret, self, peer.edge));
        grants.push_back(grant(secret, peer.edge, self));
      }
    }
  }
  return grants;
}

}  // namespace tdn::control
