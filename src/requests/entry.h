// What the request log holds: one entry per routing decision and one per request that ended, joined
// by the request's id. Content-free: no prompt, no key, no text of an answer; of a prompt only its
// size and keyed hashes of its beginnings (route/prefix.h), whose secret is never written.
//
// A decision holds what it was decided by, so it can be run again. Deterministic CBOR; the layout
// is in docs/reference/formats/request-log.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_buffer.h"
#include "base/result.h"
#include "base/time.h"
#include "base/uid.h"
#include "route/decide.h"
#include "route/explain.h"
#include "route/prefix.h"

namespace tdn::requests {

// Names of what the following entries know by numbers.
struct Names {
  struct Endpoint {
    std::string name;
    std::uint32_t site = 0;
    bool operator==(const Endpoint&) const = default;
  };
  std::uint64_t number = 0;  // of the catalogue, within the file
  std::uint32_t here = 0;    // the site that writes
  std::vector<std::string> sites;
  std::vector<Endpoint> endpoints;
  std::vector<std::string> models;

  bool operator==(const Names&) const = default;
};

inline constexpr std::uint32_t kNobody = UINT32_MAX;

// In tenths of a degree: enough to tell a city.
struct RoughPlace {
  std::int16_t latitude = 0;
  std::int16_t longitude = 0;
  bool operator==(const RoughPlace&) const = default;
};

struct Decided {
  // More endpoints than this are recorded by those that made the difference (notable()).
  static constexpr std::size_t kMostFacts = 24;
  static constexpr std::size_t kMostBeginnings = 8;  // the longest

  RequestId request;
  std::uint32_t attempt = 0;
  std::uint64_t at_us = 0;  // wall
  std::uint64_t names = 0;
  std::uint32_t model = 0;
  Uid tenant;
  Uid key;
  std::string client_country;  // empty: not known
  std::optional<RoughPlace> client_at;
  std::uint64_t body_bytes = 0;
  std::uint64_t output_cap = 0;  // 0: none
  bool streamed = false;
  route::Work work;
  route::Reason reason = route::Reason::kNone;
  std::string refusal;             // code of the error; empty: somebody was chosen
  std::uint32_t chosen = kNobody;  // endpoint
  std::uint32_t left_out = 0;      // endpoints that are not in `facts`
  std::vector<route::Beginning> beginnings;
  std::vector<route::Facts> facts;

  bool operator==(const Decided&) const = default;
};

struct Ended {
  RequestId request;
  std::uint64_t at_us = 0;
  std::uint64_t names = 0;
  std::uint32_t model = kNobody;     // kNobody: refused before it was known
  std::uint32_t endpoint = kNobody;  // that answered, or was tried last
  std::uint32_t status = 0;          // HTTP; 0: the client got none
  std::string code;                  // of our error; empty: none
  std::uint32_t attempts = 0;
  bool streamed = false;
  route::Reason reason = route::Reason::kNone;
  std::uint64_t input = 0;
  std::uint64_t cached = 0;
  std::uint64_t output = 0;
  std::uint64_t first_us = 0;  // to the first byte; 0: none
  std::uint64_t total_us = 0;

  bool operator==(const Ended&) const = default;
};

void encode(const Names& names, ByteBuffer& out);
void encode(const Decided& decided, ByteBuffer& out);
void encode(const Ended& ended, ByteBuffer& out);
// kCorrupt for what they never write.
[[nodiscard]] Result<Names> decode_names(ByteView bytes);
[[nodiscard]] Result<Decided> decode_decided(ByteView bytes);
[[nodiscard]] Result<Ended> decode_ended(ByteView bytes);

// Places of the facts that must be kept for the decision to come out the same: the best, the
// nearest that policy permits, one of each exclusion; all if there are few. Ascending.
using Notable = FixedVector<std::uint32_t, Decided::kMostFacts>;
[[nodiscard]] Notable notable(const route::Decision& decision);

}  // namespace tdn::requests
