#include "protocol/route_token.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "codec/base64.h"
#include "codec/hex.h"
#include "protocol/network_time.h"

namespace tdn::protocol {
namespace {

Uid uid(std::uint8_t number) {
  Uid uid;
  EXPECT_TRUE(codec::from_hex("0192f0c0a00070008000000000000000", uid.bytes));
  uid.bytes[15] = number;
  return uid;
}

// The worked example of docs/reference/formats/route-token.md.
constexpr std::string_view kExample =
    "v1.k1."
    "rQBQAZLwwKAAcACAAAAAAAAAAQEAAlABkvDAoABwAIAAAAAAAAACA1ABkvDAoABwAIAAAAAAAAALBIOCAVABkvDAoABwAI"
    "AAAAAAAAADggJQAZLwwKAAcACAAAAAAAAABIIDUAGS8MCgAHAAgAAAAAAAAAUFUAGS8MCgAHAAgAAAAAAAAAkGdC92MS9j"
    "aGF0L2NvbXBsZXRpb25zBxkBoQgZAQAJAwoBCxsAAAGbdtqoAAwbAAABm3bazxA."
    "Zf-Sdv7Pje7llIITn-Xd9NwsdtJZK4KLL5jOwT3twe0";
constexpr std::uint64_t kIssued = 1'767'225'600'000;

RouteToken example() {
  RouteToken token;
  token.request = {uid(1)};
  token.from = uid(2);
  token.to = uid(11);
  token.owners = {{1, uid(3)}, {2, uid(4)}, {3, uid(5)}};
  token.model = uid(9);
  token.path = "/v1/chat/completions";
  token.body_length = 417;
  token.token_cap = 256;
  token.policy_version = 3;
  token.issued_ms = kIssued;
  token.expiry_ms = kIssued + kLifetimeMs;
  return token;
}

RouteKeyGrant grant(std::string id, std::uint32_t version, Uid from, Uid to,
                    std::uint8_t first = 0) {
  RouteKeyGrant made{std::move(id), version, from, to, {}};
  for (std::size_t i = 0; i < made.key.size(); ++i) {
    made.key[i] = static_cast<std::uint8_t>(first + i);
  }
  return made;
}

std::shared_ptr<const RouteKeys> keys_of(const Uid& self,
                                         const std::vector<RouteKeyGrant>& grants) {
  const std::vector<PeerEdge> edges{{"frankfurt", uid(2)}, {"paris", uid(11)}};
  const auto keys = RouteKeys::create(self, grants, edges);
  EXPECT_TRUE(keys.has_value()) << keys.error().detail();
  return *keys;
}

const TokenTime kNow{.now_ms = kIssued + 5, .boot_ms = kIssued - 1000};

class RouteTokenTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string text(const RouteToken& token) const {
    TokenRoom room;
    return std::string(write_route_token(token, *sender->signing(uid(11)), room));
  }
  std::string refusal(std::string_view text, const TokenTime& time = kNow) const {
    const auto token = open_route_token(text, *receiver, time);
    return token ? "" : token.error().detail();
  }
  const std::shared_ptr<const RouteKeys> sender =
      keys_of(uid(2), {grant("k1", 1, uid(2), uid(11))});
  const std::shared_ptr<const RouteKeys> receiver =
      keys_of(uid(11), {grant("k1", 1, uid(2), uid(11))});
};

TEST_F(RouteTokenTest, IsWrittenAsTheFormatSays) { EXPECT_EQ(text(example()), kExample); }

TEST_F(RouteTokenTest, OpensToWhatWasWritten) {
  const auto token = open_route_token(kExample, *receiver, kNow);
  ASSERT_TRUE(token.has_value()) << token.error().detail();
  EXPECT_EQ(*token, example());
  EXPECT_EQ(token->key(), uid(5));
}

TEST_F(RouteTokenTest, AnyOtherTextIsRefused) {
  for (std::size_t i = 0; i < kExample.size(); ++i) {
    for (const char other : {'A', 'B', '.', '=', '1', '_', '\0', '\xff'}) {
      std::string changed(kExample);
      changed[i] = other;
      if (changed != kExample) {
        EXPECT_NE(refusal(changed), "") << i << " " << other;
      }
    }
  }
  for (const std::string& changed :
       {std::string(kExample) + "A", std::string(kExample) + "=",
        std::string(kExample.substr(0, kExample.size() - 1)), " " + std::string(kExample),
        std::string(), std::string("v1.k1."), std::string("v1.k1..")}) {
    EXPECT_NE(refusal(changed), "") << changed;
  }
}

TEST_F(RouteTokenTest, IsGoodOnlyForItsEdgeAndItsTime) {
  RouteToken token = example();
  EXPECT_EQ(refusal(text(token), {.now_ms = token.expiry_ms, .boot_ms = 0}),
            "the route token has expired");
  EXPECT_EQ(refusal(text(token), {.now_ms = kIssued, .boot_ms = kIssued + 1}),
            "the route token was issued before this edge started");
  EXPECT_EQ(refusal(text(token), {.now_ms = kIssued, .boot_ms = kIssued}), "");

  token.expiry_ms = kIssued + kMostLifetimeMs + 1;
  EXPECT_EQ(refusal(text(token)), "the route token is valid for longer than 30 s");
  token = example();
  token.issued_ms += 60'000;
  token.expiry_ms += 60'000;
  EXPECT_EQ(refusal(text(token)), "the route token is valid for longer than 30 s");

  token = example();
  token.to = uid(12);
  EXPECT_EQ(refusal(text(token)), "the route token is for another edge");
}

TEST_F(RouteTokenTest, MakesAtMostTwoHops) {
  RouteToken token = example();
  token.hop = 2;
  EXPECT_EQ(refusal(text(token)), "");
  for (const std::uint64_t hop : {0, 3}) {
    token.hop = hop;
    EXPECT_EQ(refusal(text(token)), "the route token has made more hops than two");
  }
}

TEST_F(RouteTokenTest, IsSignedByTheEdgeItNames) {
  RouteToken token = example();
  token.from = uid(12);  // another edge's name, signed with our own key
  EXPECT_EQ(refusal(text(token)),
            "the route token is signed with a key that this edge does not have");
  const auto liar = keys_of(uid(2), {grant("k1", 1, uid(2), uid(11), 7)});
  TokenRoom room;
  EXPECT_EQ(refusal(write_route_token(example(), *liar->signing(uid(11)), room)),
            "the route token is not signed by the edge it names");
}

TEST_F(RouteTokenTest, TheLongestFitsItsRoom) {
  RouteToken token = example();
  token.owners.clear();
  while (!token.owners.full()) {
    token.owners.push_back({~std::uint64_t{0}, uid(1)});
  }
  token.path = std::string(kMostPath, 'p');
  token.leg = token.body_length = token.token_cap = token.policy_version = ~std::uint64_t{0};
  const auto opened = open_route_token(text(token), *receiver, kNow);
  ASSERT_TRUE(opened.has_value()) << opened.error().detail();
  EXPECT_EQ(*opened, token);
}

// The fields in another order, one more, one fewer: other bytes, so not this format.
TEST_F(RouteTokenTest, HoldsExactlyItsFields) {
  TokenParts parts;
  ASSERT_TRUE(parse_route_token(kExample, parts).has_value());
  const std::vector<std::uint8_t> cbor(parts.cbor().begin(), parts.cbor().end());
  const auto wrapped = [](std::vector<std::uint8_t> bytes) {
    return "v1.k1." + codec::to_base64url(bytes) + "." +
           codec::to_base64url(std::vector<std::uint8_t>(32));
  };
  TokenParts again;
  EXPECT_TRUE(parse_route_token(wrapped(cbor), again).has_value());
  std::vector<std::uint8_t> more = cbor;
  more[0] = 0xae;
  more.push_back(13);
  more.push_back(0);
  EXPECT_FALSE(parse_route_token(wrapped(more), again).has_value());
  std::vector<std::uint8_t> fewer(cbor.begin(), cbor.end() - 10);  // the last: key and nine bytes
  fewer[0] = 0xac;
  EXPECT_FALSE(parse_route_token(wrapped(fewer), again).has_value());
  std::vector<std::uint8_t> behind = cbor;
  behind.push_back(0);
  EXPECT_FALSE(parse_route_token(wrapped(behind), again).has_value());
  EXPECT_FALSE(parse_route_token(wrapped({}), again).has_value());
}

TEST(RouteKeysTest, TwoLivePerDirectionAndTheNewerSigns) {
  const auto sender =
      keys_of(uid(2), {grant("k1", 1, uid(2), uid(11)), grant("k2", 2, uid(2), uid(11), 9),
                       grant("k3", 3, uid(11), uid(2)), grant("k4", 4, uid(11), uid(12))});
  ASSERT_NE(sender->signing(uid(11)), nullptr);
  EXPECT_EQ(sender->signing(uid(11))->id, "k2");
  EXPECT_EQ(sender->signing(uid(12)), nullptr);
  const auto receiver =
      keys_of(uid(11), {grant("k1", 1, uid(2), uid(11)), grant("k2", 2, uid(2), uid(11), 9)});
  for (const std::string_view id : {"k1", "k2"}) {
    ASSERT_NE(receiver->accepting(id, uid(2)), nullptr) << id;
    EXPECT_EQ(receiver->accepting(id, uid(2))->id, id);
  }
  EXPECT_EQ(receiver->accepting("k2", uid(12)), nullptr);
  EXPECT_EQ(receiver->accepting("k9", uid(2)), nullptr);
}

TEST(RouteKeysTest, KnowsEdgesBySiteAndSitesByEdge) {
  const auto keys = keys_of(uid(2), {});
  EXPECT_EQ(keys->self(), uid(2));
  EXPECT_EQ(keys->edge_at("paris"), uid(11));
  EXPECT_EQ(keys->edge_at("rome"), std::nullopt);
  EXPECT_EQ(keys->site_of(uid(2)), "frankfurt");
  EXPECT_EQ(keys->site_of(uid(3)), "");
}

TEST(RouteKeysTest, RefusesWhatWouldBeAmbiguous) {
  const auto error = [](std::vector<RouteKeyGrant> grants, std::vector<PeerEdge> edges) {
    const auto keys = RouteKeys::create(uid(2), grants, edges);
    return keys ? "" : keys.error().detail();
  };
  EXPECT_EQ(error({grant("K1", 1, uid(2), uid(11))}, {}),
            "a route key's id is not [a-z0-9]{1,16}: \"K1\"");
  EXPECT_EQ(error({grant("k1", 1, uid(2), uid(11)), grant("k1", 2, uid(2), uid(11))}, {}),
            "two route keys of one direction have the id k1");
  EXPECT_EQ(error({grant("k1", 1, uid(2), uid(11)), grant("k1", 1, uid(2), uid(12))}, {}), "");
  EXPECT_EQ(error({}, {{"a", uid(2)}, {"b", uid(2)}}),
            "the edge " + to_string(uid(2)) + " stands at two sites, a and b");
}

TEST(NetworkTimeTest, RunsWithTheBootClockFromWhatWasLearnt) {
  NetworkTime time;
  EXPECT_EQ(time.at(std::chrono::seconds(5)), 5000U);
  time.learn(kIssued, std::chrono::seconds(5));
  EXPECT_EQ(time.at(std::chrono::seconds(7)), kIssued + 2000);
  EXPECT_EQ(time.at(std::chrono::seconds(4)), kIssued - 1000);
}

}  // namespace
}  // namespace tdn::protocol
