// What control keeps beside its store, and the small formats in it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/hex.h"
#include "control/state_folder.h"
#include "control/test_edge.h"
#include "io/memory_disk.h"

namespace tdn::control {
namespace {

using testing::HasSubstr;

class StateFolderTest : public testing::Test {
 protected:
  StateFolder open() { return *StateFolder::open("control", disk_, random_); }
  void put(const std::string& name, std::string_view text) {
    ASSERT_TRUE(io::replace_file(disk_, "control/" + name, bytes_of(text)).has_value());
  }
  SeededRandom random_{1};
  io::MemoryDisk disk_;
};

TEST_F(StateFolderTest, MakesWhatItNeedsOnceAndKeepsItThroughACrash) {
  const StateFolder first = open();
  const auto key = first.signing_key();
  const auto token = first.operator_token();
  const auto secrets = first.network_secrets();
  ASSERT_TRUE(key.has_value() && token.has_value() && secrets.has_value());
  EXPECT_EQ(token->reveal().size(), 43U);
  EXPECT_EQ(secrets->size(), 1U);
  const auto user_secret = first.user_secret();
  ASSERT_TRUE(user_secret.has_value());
  disk_.crash(random_);
  const StateFolder second = open();
  EXPECT_EQ(second.signing_key()->public_key(), key->public_key());
  EXPECT_EQ(second.operator_token()->reveal(), token->reveal());
  EXPECT_EQ(*second.user_secret(), *user_secret);
  EXPECT_EQ(second.network_secrets()->at(0).secret, secrets->at(0).secret);
}

TEST_F(StateFolderTest, RemembersWhatWasPublished) {
  const StateFolder folder = open();
  EXPECT_EQ(*folder.published(), std::nullopt);
  ASSERT_TRUE(folder.remember_published({3, 1ULL << 60U}).has_value());
  EXPECT_EQ(**open().published(), (protocol::SnapshotOrder{3, 1ULL << 60U}));
}

TEST_F(StateFolderTest, TellsWhatIsDamagedAndWhatToDo) {
  const StateFolder folder = open();
  put("signing-key", "short\n");
  EXPECT_THAT(folder.signing_key().error().detail(),
              HasSubstr("control/signing-key: is no base64"));
  put("operator-token", "\n");
  EXPECT_THAT(folder.operator_token().error().detail(), HasSubstr("holds no token"));
  for (const char* text : {"", "1", "1 2 3", "x 1", "1 x"}) {
    put("published", text);
    EXPECT_FALSE(folder.published().has_value()) << text;
  }
  const std::string hex(64, 'a');
  for (const std::string& text :
       {std::string(), std::string("1 abc\n"), hex + "\n", "2 " + hex + "\n1 " + hex + "\n",
        "1 " + hex + "\n2 " + hex + "\n3 " + hex + "\n", "0 " + hex + "\n"}) {
    put("network-secret", text);
    const auto secrets = folder.network_secrets();
    ASSERT_FALSE(secrets.has_value()) << text;
    EXPECT_THAT(secrets.error().detail(), HasSubstr("control/network-secret:"));
  }
}

TEST_F(StateFolderTest, RotatesTheNetworkSecretAndKeepsTwo) {
  const StateFolder folder = open();
  const auto first = *folder.network_secrets();
  const auto second = *folder.rotate_network_secret();
  ASSERT_EQ(second.size(), 2U);
  EXPECT_EQ(second[0].secret, first[0].secret);
  EXPECT_EQ(second[1].version, 2U);
  EXPECT_NE(second[1].secret, first[0].secret);
  const auto third = *folder.rotate_network_secret();
  ASSERT_EQ(third.size(), 2U);
  EXPECT_EQ(third[0].version, 2U);
  EXPECT_EQ(open().network_secrets()->at(1).version, 3U);
}

TEST_F(StateFolderTest, ReadsNodesFromWhereItIsTold) {
  const StateFolder folder = open();
  EXPECT_EQ(folder.nodes("")->size(), 0U);
  const std::string text = R"({"nodes":[{"site":"frankfurt","sha256":")" +
                           codec::to_hex(codec::sha256(bytes_of(std::string_view("secret")))) +
                           R"("}]})";
  put("nodes.json", text);
  put("other.json", R"({"nodes":[]})");
  EXPECT_EQ(folder.nodes("")->authenticate("secret"), "frankfurt");
  EXPECT_EQ(folder.nodes("")->authenticate("Secret"), std::nullopt);
  EXPECT_EQ(folder.nodes("control/other.json")->size(), 0U);
}

TEST(NodesTest, RefusesWhatItCannotTrust) {
  const std::string hash(64, 'a');
  const std::string node = R"({"site":"a","sha256":")" + hash + R"("})";
  EXPECT_TRUE(Nodes::parse(R"({"nodes":[)" + node + "]}", "n").has_value());
  for (const std::string& text : {std::string("{"), R"({"nodes":[)" + node + "," + node + "]}",
                                  std::string(R"({"nodes":[{"site":"a"}]})"),
                                  R"({"nodes":[{"site":"A b","sha256":")" + hash + R"("}]})",
                                  std::string(R"({"nodes":[{"site":"a","sha256":"abc"}]})")}) {
    const auto nodes = Nodes::parse(text, "nodes.json");
    ASSERT_FALSE(nodes.has_value()) << text;
    EXPECT_THAT(nodes.error().detail(), HasSubstr("nodes.json: "));
  }
}

TEST(BearerTest, IsTheTokenAndNothingElse) {
  EXPECT_EQ(bearer_of("Bearer abc"), "abc");
  EXPECT_EQ(bearer_of("bearer abc"), "abc");
  EXPECT_EQ(bearer_of("Basic abc"), std::nullopt);
  EXPECT_EQ(bearer_of("Bearer "), std::nullopt);
  EXPECT_EQ(bearer_of(""), std::nullopt);
}

TEST(RouteKeyGrants, AreOfOnesOwnDirectionsAndDependOnAll) {
  SeededRandom random(1);
  const std::vector<NetworkSecret> secrets = rotated(rotated({}, random), random);
  const std::vector<protocol::PeerEdge> peers{
      {"a", test_uid(1)}, {"b", test_uid(2)}, {"c", test_uid(3)}};
  const auto grants = grants_of(secrets, test_uid(1), peers);
  EXPECT_EQ(grants.size(), 2U * 2U * 2U);
  std::vector<codec::Digest> keys;
  for (const protocol::RouteKeyGrant& grant : grants) {
    EXPECT_TRUE((grant.from == test_uid(1)) != (grant.to == test_uid(1)));
    EXPECT_EQ(grant.id, "k" + std::to_string(grant.version));
    EXPECT_EQ(std::ranges::count(keys, grant.key), 0);
    keys.push_back(grant.key);
  }
  EXPECT_TRUE(protocol::RouteKeys::create(test_uid(1), grants, peers).has_value());
}

// Fixed so that another implementation gives the same.
TEST(RouteKeyGrants, AreHmacOfFromToAndVersion) {
  NetworkSecret secret{.version = 0x01020304, .secret = {}};
  secret.secret.fill(0x0b);
  const auto grants = grants_of({secret}, test_uid(1), {{"b", test_uid(2)}});
  std::vector<std::uint8_t> message(32, 0);
  message[15] = 1;
  message[31] = 2;
  message.insert(message.end(), {4, 3, 2, 1});
  EXPECT_EQ(grants.at(0).key, codec::hmac_sha256(secret.secret, message));
}

}  // namespace
}  // namespace tdn::control
