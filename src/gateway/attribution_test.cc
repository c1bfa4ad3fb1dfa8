#include "gateway/attribution.h"

#include <gtest/gtest.h>

#include "codec/hex.h"
#include "gateway/gateway_test_fixture.h"

namespace tdn::gateway {
namespace {

using AttributionTest = GatewayFixture;
using Tags = std::vector<std::string>;

std::string fault(std::string_view field) {
  Tags tags;
  const auto added = add_tags(field, tags);
  return added ? "" : added.error().detail();
}

TEST(Tags, AreTakenInTheirOrderEachOnce) {
  Tags tags;
  ASSERT_TRUE(add_tags("team=search, v1.2_x-y,team=search", tags).has_value());
  ASSERT_TRUE(add_tags("more", tags).has_value());
  EXPECT_EQ(tags, (Tags{"team=search", "v1.2_x-y", "more"}));
  EXPECT_EQ(fault(std::string(64, 'a')), "");
  EXPECT_EQ(fault("1,2,3,4,5,6,7,8"), "");
}

TEST(Tags, WhatIsNoneIsNamed) {
  EXPECT_EQ(fault("ok,Nope"), "tdn-tags: 'Nope' is no tag; a tag is 1 to 64 of a-z 0-9 . _ = -");
  EXPECT_EQ(fault(""), "tdn-tags: '' is no tag; a tag is 1 to 64 of a-z 0-9 . _ = -");
  EXPECT_NE(fault("a,"), "");
  EXPECT_NE(fault("a b"), "");
  EXPECT_NE(fault(std::string(65, 'a')), "");
  EXPECT_EQ(fault("\xc3\xa9"), "tdn-tags: '?\?' is no tag; a tag is 1 to 64 of a-z 0-9 . _ = -");
  EXPECT_EQ(fault("1,2,3,4,5,6,7,8,9"), "tdn-tags: '9' is one tag more than 8");
}

TEST(UserHasher, TellsTenantsAndUsersApartAndNeedsItsSecret) {
  SeededRandom random{1};
  const Uid tenant = Uid::make({1}, random);
  const Uid other = Uid::make({1}, random);
  const codec::Digest secret{1};
  const codec::Digest another{2};
  const UserHasher hasher{ByteView(secret)};
  EXPECT_EQ(hasher.hash(tenant, "ann"), UserHasher{ByteView(secret)}.hash(tenant, "ann"));
  EXPECT_NE(hasher.hash(tenant, "ann"), hasher.hash(tenant, "bob"));
  EXPECT_NE(hasher.hash(tenant, "ann"), hasher.hash(other, "ann"));
  EXPECT_NE(hasher.hash(tenant, "ann"), UserHasher{ByteView(another)}.hash(tenant, "ann"));
}

// Python: hmac.new(hmac.new(bytes([1] + [0] * 31), b"tdn-user-v1\0" + bytes(16), "sha256")
//                  .digest(), b"ann", "sha256").hexdigest()
TEST(UserHasher, IsWhatItsHeaderSays) {
  const codec::Digest secret{1};
  EXPECT_EQ(codec::to_hex(UserHasher{ByteView(secret)}.hash(Uid{}, "ann")),
            "47a42aa07ffe989cfe73ba5f47ca1d5e0dec8a55f1f62863d98a8e350e272b3a");
}

TEST_F(AttributionTest, UserAndTagsStandInTheTenantsAnnexAndGoNowhereElse) {
  start();
  const codec::Digest secret{1};
  const auto hasher = std::make_shared<const UserHasher>(ByteView(secret));
  gateway->publish(hasher);
  const auto client = request(R"({"model":"m","user":"\u0061nn","messages":[]})",
                              "tdn-tags: team=search\r\nTDN-Tags: beta\r\n");
  const std::string asked = read(engine());
  EXPECT_EQ(asked.find("tdn-tags"), std::string::npos) << asked;
  answer(kWhole);
  ASSERT_EQ(books.tenant_annexes.size(), 1U);
  const meter::TenantAnnex& annex = books.tenant_annexes[0];
  EXPECT_EQ(annex.tags, (Tags{"team=search", "beta"}));
  const Uid tenant = gateway->catalogue()->snapshot().tenants().at(1).uid;
  EXPECT_EQ(gateway->catalogue()->snapshot().tenants().at(1).name, "t");
  EXPECT_EQ(annex.user_hash, hasher->hash(tenant, "ann"));
  EXPECT_NE(annex.salt, meter::Salt{});
}

TEST_F(AttributionTest, SafetyIdentifierGoesBeforeUser) {
  start();
  const codec::Digest secret{1};
  const auto hasher = std::make_shared<const UserHasher>(ByteView(secret));
  gateway->publish(hasher);
  const auto client =
      request(R"({"model":"m","user":"old","safety_identifier":"new","messages":[]})");
  answer(kWhole);
  const Uid tenant = gateway->catalogue()->snapshot().tenants().at(1).uid;
  EXPECT_EQ(books.tenant_annexes.at(0).user_hash, hasher->hash(tenant, "new"));
}

TEST_F(AttributionTest, WithoutASecretOrAUserThereIsNoHash) {
  start();
  const auto first = request(R"({"model":"m","user":"ann","messages":[]})");
  answer(kWhole);
  EXPECT_FALSE(books.tenant_annexes.at(0).has_content());
  const codec::Digest secret{1};
  gateway->publish(std::make_shared<const UserHasher>(ByteView(secret)));
  for (const std::string_view user : {"null", "\"\"", "7"}) {
    const auto next = request(fmt::format(R"({{"model":"m","user":{},"messages":[]}})", user));
    answer(kWhole);
    EXPECT_FALSE(books.tenant_annexes.back().has_content()) << user;
  }
}

TEST_F(AttributionTest, ABadTagIsRefusedBeforeAnythingIsDone) {
  start();
  const auto client = request(kPlain, "tdn-tags: ok,NOT\r\n");
  const std::string got = read(*client);
  EXPECT_NE(got.find("HTTP/1.1 400 "), std::string::npos) << got;
  EXPECT_NE(got.find("'NOT' is no tag"), std::string::npos) << got;
  EXPECT_NE(got.find("\"param\":\"tdn-tags\""), std::string::npos) << got;
  EXPECT_TRUE(engines.far.empty());
}

}  // namespace
}  // namespace tdn::gateway
