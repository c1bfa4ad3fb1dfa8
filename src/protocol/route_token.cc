#include "protocol/route_token.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "codec/base64.h"
#include "codec/cbor.h"

namespace tdn::protocol {
namespace {

using codec::CborCursor;
using codec::CborReader;

constexpr std::string_view kVersion = "v1.";
constexpr std::string_view kSignedDomain{"tdn-route-v1\0", 13};
constexpr std::size_t kFields = 13;

// The most that a token's CBOR takes: 13 keys, map and array heads, uids, numbers, owners, path.
constexpr std::size_t kNumber = codec::kCborHeadRoom;
constexpr std::size_t kUid = 17;
constexpr std::size_t kMostCbor = 1 + kFields + 4 * kUid + 7 * kNumber + kNumber +
                                  kMostOwners * (1 + kNumber + kUid) + kNumber + kMostPath;
static_assert(kVersion.size() + kMostKeyId + 1 + codec::base64url_size(kMostCbor) + 1 +
                  codec::base64url_size(32) <=
              kMostTokenText);

std::size_t encode(const RouteToken& token, std::uint8_t* out) {
  CborCursor cbor(out);
  cbor.map(kFields);
  cbor.uint(0);
  cbor.bytes(token.request.uid.bytes);
  cbor.uint(1);
  cbor.uint(token.leg);
  cbor.uint(2);
  cbor.bytes(token.from.bytes);
  cbor.uint(3);
  cbor.bytes(token.to.bytes);
  cbor.uint(4);
  cbor.array(token.owners.size());
  for (const OwnerLink& owner : token.owners) {
    cbor.array(2);
    cbor.uint(owner.kind);
    cbor.bytes(owner.uid.bytes);
  }
  cbor.uint(5);
  cbor.bytes(token.model.bytes);
  cbor.uint(6);
  cbor.text(token.path);
  std::uint64_t key = 7;
  for (const std::uint64_t number : {token.body_length, token.token_cap, token.policy_version,
                                     token.hop, token.issued_ms, token.expiry_ms}) {
    cbor.uint(key++);
    cbor.uint(number);
  }
  return static_cast<std::size_t>(cbor.at() - out);
}

Uid read_uid(CborReader& cbor) {
  const ByteView bytes = cbor.bytes();
  Uid uid;
  if (bytes.size() != uid.bytes.size()) {
    cbor.fail();
    return uid;
  }
  std::ranges::copy(bytes, uid.bytes.begin());
  return uid;
}

void read_owners(CborReader& cbor, RouteToken& token) {
  const std::size_t count = cbor.array();
  if (count > kMostOwners) {
    cbor.fail();
  }
  for (std::size_t i = 0; i < count && cbor.ok(); ++i) {
    if (cbor.array() != 2) {
      cbor.fail();
    }
    const std::uint64_t kind = cbor.uint();
    token.owners.push_back({kind, read_uid(cbor)});
  }
}

void read_field(std::uint64_t key, CborReader& cbor, RouteToken& token) {
  switch (key) {
    case 0:
      token.request = {read_uid(cbor)};
      break;
    case 1:
      token.leg = cbor.uint();
      break;
    case 2:
      token.from = read_uid(cbor);
      break;
    case 3:
      token.to = read_uid(cbor);
      break;
    case 4:
      read_owners(cbor, token);
      break;
    case 5:
      token.model = read_uid(cbor);
      break;
    case 6: {
      const std::string_view path = cbor.text();
      if (path.size() > kMostPath) {
        cbor.fail();
      }
      token.path = path.substr(0, kMostPath);
      break;
    }
    case 7:
      token.body_length = cbor.uint();
      break;
    case 8:
      token.token_cap = cbor.uint();
      break;
    case 9:
      token.policy_version = cbor.uint();
      break;
    case 10:
      token.hop = cbor.uint();
      break;
    case 11:
      token.issued_ms = cbor.uint();
      break;
    default:
      token.expiry_ms = cbor.uint();
      break;
  }
}

// The bytes were checked to be one deterministic value, so all is read that is there.
bool decode(ByteView bytes, RouteToken& token) {
  CborReader cbor(bytes);
  if (cbor.map() != kFields) {
    return false;
  }
  for (std::uint64_t key = 0; key < kFields && cbor.ok(); ++key) {
    if (cbor.uint() != key) {
      return false;
    }
    read_field(key, cbor, token);
  }
  return cbor.ok() && cbor.at_end();
}

codec::Digest mac_of(const codec::HmacKey& key, std::string_view id, ByteView cbor) {
  const std::array<ByteView, 3> pieces{bytes_of(kSignedDomain), bytes_of(id), cbor};
  return key.of(pieces);
}

tl::unexpected<Error> refused(std::string_view why) {
  return fail(Code::kInvalid, fmt::format("the route token {}", why));
}

Result<void> check_use(const RouteToken& token, const RouteKeys& keys, const TokenTime& time) {
  if (token.to != keys.self()) {
    return refused("is for another edge");
  }
  if (token.hop < 1 || token.hop > kMostHops) {
    return refused("has made more hops than two");
  }
  if (token.issued_ms < time.boot_ms) {
    return refused("was issued before this edge started");
  }
  if (token.expiry_ms <= time.now_ms) {
    return refused("has expired");
  }
  if (token.expiry_ms - time.now_ms > kMostLifetimeMs || token.issued_ms > token.expiry_ms ||
      token.expiry_ms - token.issued_ms > kMostLifetimeMs) {
    return refused("is valid for longer than 30 s");
  }
  return {};
}

}  // namespace

Uid RouteToken::key() const {
  for (const OwnerLink& owner : owners) {
    if (owner.kind == kKeyLink) {
      return owner.uid;
    }
  }
  return {};
}

std::string_view write_route_token(const RouteToken& token, const RouteKeys::Key& key,
                                   TokenRoom& room) {
  TDN_ASSERT(token.path.size() <= kMostPath);
  std::array<std::uint8_t, kMostCbor> cbor;
  const ByteView bytes(cbor.data(), encode(token, cbor.data()));
  char* at = std::ranges::copy(kVersion, room.data()).out;
  at = std::ranges::copy(key.id, at).out;
  *at++ = '.';
  at = codec::put_base64url(bytes, at);
  *at++ = '.';
  at = codec::put_base64url(mac_of(key.mac, key.id, bytes), at);
  return {room.data(), static_cast<std::size_t>(at - room.data())};
}

Result<void> parse_route_token(std::string_view text, TokenParts& parts) {
  if (text.size() > kMostTokenText || !text.starts_with(kVersion)) {
    return refused("is not of version v1");
  }
  text.remove_prefix(kVersion.size());
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos) {
    return refused("has not four parts");
  }
  parts.key_id = text.substr(0, first);
  if (!is_key_id(parts.key_id)) {
    return refused("names no key");
  }
  const auto mac = codec::from_base64url(text.substr(second + 1), parts.mac);
  if (!mac || mac->size() != parts.mac.size()) {
    return refused("has a malformed MAC");
  }
  const auto cbor = codec::from_base64url(text.substr(first + 1, second - first - 1), parts.room);
  if (!cbor) {
    return refused("is not in canonical base64url");
  }
  parts.cbor_bytes = cbor->size();
  if (!codec::cbor_check(parts.cbor()) || !decode(parts.cbor(), parts.token)) {
    return refused("does not hold the fields of version v1");
  }
  return {};
}

Result<RouteToken> open_route_token(std::string_view text, const RouteKeys& keys,
                                    const TokenTime& time) {
  TokenParts parts;
  TDN_TRY_VOID(parse_route_token(text, parts));
  const RouteKeys::Key* const key = keys.accepting(parts.key_id, parts.token.from);
  if (key == nullptr) {
    return refused("is signed with a key that this edge does not have");
  }
  const codec::Digest mac = mac_of(key->mac, parts.key_id, parts.cbor());
  if (!codec::equal_in_constant_time(mac, parts.mac)) {
    return refused("is not signed by the edge it names");
  }
  TDN_TRY_VOID(check_use(parts.token, keys, time));
  return std::move(parts.token);
}

}  // namespace tdn::protocol
