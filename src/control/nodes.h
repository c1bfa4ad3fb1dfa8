// Who may speak to control. Tokens are looked for among hashes, in a time that does not tell where
// they differ.
//
//   nodes.json   {"nodes":[{"site":"frankfurt","sha256":"<64 hex digits>"}]}: each edge's node
//   secret
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "codec/sha256.h"

namespace tdn::control {

class Nodes {
 public:
  static constexpr std::size_t kMost = 10'000;

  // kInvalid names the file and what is wrong.
  [[nodiscard]] static Result<Nodes> parse(std::string_view json, std::string_view file);
  void add(std::string site, std::string_view secret);

  // The site whose secret this is.
  [[nodiscard]] std::optional<std::string> authenticate(std::string_view secret) const;
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

 private:
  struct Node {
    std::string site;
    codec::Digest sha256{};
  };
  std::vector<Node> nodes_;
};

// The one token of operators.
class OperatorToken {
 public:
  explicit OperatorToken(const Secret& token);
  [[nodiscard]] bool matches(std::string_view token) const;

 private:
  codec::Digest sha256_;
};

// What follows "Bearer " in an Authorization field; nothing if it is another scheme.
[[nodiscard]] std::optional<std::string_view> bearer_of(std::string_view authorization);

}  // namespace tdn::control
