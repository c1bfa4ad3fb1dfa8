#include "meter/usage_record.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

#include "codec/cbor.h"
#include "codec/hex.h"
#include "meter/annex.h"

namespace tdn::meter {
namespace {

Uid example_uid(std::uint8_t number) {
  Uid uid;
  EXPECT_TRUE(codec::from_hex("0192f0c0a00070008000000000000000", uid.bytes));
  uid.bytes[15] = number;
  return uid;
}

constexpr std::string_view kExample =
    "b7000101500192f0c0a00070008000000000000001030304500192f0c0a00070008000000000000002050106010758"
    "2000"
    "00000000000000000000000000000000000000000000000000000000000000"
    "08838201500192f0c0a000700080000000000000038202500192f0c0a000700080000000000000048203500192f0c0"
    "a000"
    "7000800000000000000509"
    "82500192f0c0a00070008000000000000006010a84500192f0c0a0007000800000000000000601500192f0c0a00070"
    "0080"
    "00000000000007500192f0c0a00070008000000000"
    "0000080b82500192f0c0a00070008000000000000009010c82500192f0c0a00070008000000000000009000d010e1b"
    "0006"
    "608b015f30000f1a00014820101a0004c2c0111a00"
    "04c4501301140215a30115020818200c181a84500192f0c0a0007000800000000000000a010000181b82635553441a"
    "000e"
    "57e0181c850101070000";

// 21 fresh and 8 cached input tokens and 12 output tokens, from the record format's page.
UsageRecord example() {
  UsageRecord record;
  record.request = {example_uid(1)};
  record.edge = example_uid(2);
  record.epoch = 1;
  record.seq = 1;
  record.owners = {{OwnerKind::kTenant, example_uid(3)},
                   {OwnerKind::kProject, example_uid(4)},
                   {OwnerKind::kKey, example_uid(5)}};
  record.admitting = {example_uid(6), 1};
  record.serving = {example_uid(6), 1, example_uid(7), example_uid(8)};
  record.served = {example_uid(9), 1, {}};
  record.requested = {example_uid(9), RequestedReason::kAsAsked};
  record.admitted = {0x0006608b015f3000};
  record.first_byte_us = 0x14820;
  record.last_token_us = 0x4c2c0;
  record.settled_us = 0x4c450;
  record.finish = Finish::kStop;
  record.flags = kStreamed;
  record.reported.set(TokenClass::kInputTextFresh, 21);
  record.reported.set(TokenClass::kInputTextCacheRead, 8);
  record.reported.set(TokenClass::kOutputText, 12);
  record.price = {example_uid(10), 1, 0, 0};
  record.charged = {{{'U', 'S', 'D'}}, 940'000};
  record.policy = {1, 1, 7, 0, {}};
  return record;
}

std::vector<std::uint8_t> encoded(const UsageRecord& record) {
  ByteBuffer out;
  encode(record, out);
  return {out.view().begin(), out.view().end()};
}

TEST(UsageRecord, TheWorkedExampleHasExactlyItsBytesAndHash) {
  const auto bytes = encoded(example());
  EXPECT_EQ(bytes.size(), 339U);
  EXPECT_EQ(codec::to_hex(bytes), kExample);
  EXPECT_EQ(codec::to_hex(codec::sha256(bytes)),
            "036ed71a5da843edd6bb6c86655b8dd794556f03dac5b7258de39f5e78e987d7");
}

TEST(UsageRecord, TheWorkedExampleDecodesToItsFields) {
  const auto record = decode_record(*codec::from_hex(kExample));
  ASSERT_TRUE(record) << to_string(record.error());
  EXPECT_EQ(*record, example());
  EXPECT_FALSE(is_recycled(*record));
}

// The example's map with another entry count and something appended.
std::vector<std::uint8_t> example_with(std::string_view more, int fields) {
  auto bytes = *codec::from_hex(kExample);
  bytes[0] = static_cast<std::uint8_t>(bytes[0] + fields);
  // 23 entries fit the one-byte head, more do not.
  if (bytes[0] > 0xb7) {
    bytes[0] = static_cast<std::uint8_t>(bytes[0] - 0xa0);
    bytes.insert(bytes.begin(), 0xb8);
  }
  const auto tail = *codec::from_hex(more);
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  return bytes;
}

TEST(UsageRecord, ItsNumberIsFoundWithoutReadingTheRest) {
  ByteBuffer out;
  UsageRecord record = example();
  record.seq = 70'000;
  encode(record, out);
  EXPECT_EQ(seq_of_record(out.view()), 70'000U);
  for (const std::size_t cut : {0U, 1U, 20U, 40U}) {
    const auto seq = seq_of_record(out.view().first(cut));
    ASSERT_FALSE(seq.has_value()) << cut;
    EXPECT_EQ(seq.error().code(), Code::kCorrupt);
  }
}

TEST(UsageRecord, AnUnknownKeyIsKeptAndOnlyALowOneStopsTheRating) {
  const auto low = example_with("182a01", 1);
  const auto record = decode_record(low);
  ASSERT_TRUE(record) << to_string(record.error());
  EXPECT_TRUE(is_recycled(*record));
  EXPECT_EQ(encoded(*record), low);

  const auto high = example_with("18408143010203", 1);
  const auto ignorable = decode_record(high);
  ASSERT_TRUE(ignorable) << to_string(ignorable.error());
  EXPECT_FALSE(is_recycled(*ignorable));
  EXPECT_EQ(encoded(*ignorable), high);
}

TEST(UsageRecord, AnUnknownEndOrTokenClassIsKeptButNotRated) {
  UsageRecord record = example();
  record.end = static_cast<End>(77);
  EXPECT_TRUE(is_recycled(*decode_record(encoded(record))));
  record = example();
  record.reported.set(static_cast<TokenClass>(40), 3);
  EXPECT_TRUE(is_recycled(*decode_record(encoded(record))));
}

TEST(UsageRecord, RefusesWrittenDefaultsWrongTypesAndOversize) {
  EXPECT_FALSE(decode_record(example_with("181e00", 1))) << "clock error 0 written";
  EXPECT_FALSE(decode_record(example_with("181e6178", 1))) << "text for a number";
  EXPECT_FALSE(decode_record(example_with("181d8101", 1))) << "an array too short";
  EXPECT_FALSE(decode_record(example_with("", 1))) << "an entry missing";
  std::vector<std::uint8_t> large(kMaxRecordBytes + 1, 0);
  EXPECT_FALSE(decode_record(large));
}

TEST(UsageRecord, RefusesUnknownFieldsThatAreNotCanonicalToo) {
  ASSERT_TRUE(decode_record(example_with("184001184101", 2)));
  EXPECT_FALSE(decode_record(example_with("184101184001", 2))) << "out of order";
  EXPECT_FALSE(decode_record(example_with("184001184001", 2))) << "twice";
  EXPECT_FALSE(decode_record(example_with("18401801", 1))) << "a head longer than needed";
  EXPECT_FALSE(decode_record(example_with("184061ff", 1))) << "text that is not UTF-8";
  EXPECT_FALSE(decode_record(example_with("19004001", 1))) << "a key longer than needed";
}

// Nothing that another machine sends may be more than the encoder has room for.
TEST(UsageRecord, RefusesANumberWithoutAHashHoweverFullItIs) {
  auto bytes = *codec::from_hex("a206011840590ff8");  // its key 64 has 4,088 bytes
  bytes.resize(8 + 0xff8);
  ASSERT_EQ(bytes.size(), kMaxRecordBytes);
  const auto record = decode_record(bytes);
  ASSERT_FALSE(record);
  EXPECT_NE(record.error().detail().find("hash"), std::string::npos) << record.error().detail();
}

TEST(UsageRecord, EveryCutAndEveryFlippedBitDecodesToSomethingElseOrNotAtAll) {
  const auto bytes = encoded(example());
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_record(ByteView(bytes).first(cut))) << cut;
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
    const auto record = decode_record(flipped);
    EXPECT_TRUE(!record || *record != example()) << bit;
  }
}

template <class T>
T any() {
  return *rc::gen::arbitrary<T>();
}

Uid any_uid() {
  Uid uid;
  uid.bytes = *rc::gen::container<std::array<std::uint8_t, 16>>(rc::gen::arbitrary<std::uint8_t>());
  return any<bool>() ? uid : Uid{};
}

std::uint64_t any_number() {
  const auto bits = *rc::gen::inRange(0, 64);
  return any<std::uint64_t>() >> static_cast<unsigned>(bits);
}

UsageVector any_usage() {
  UsageVector usage;
  const int classes = *rc::gen::inRange(0, 6);
  for (int i = 0; i < classes; ++i) {
    usage.set(static_cast<TokenClass>(*rc::gen::inRange(1, 80)), any_number());
  }
  return usage;
}

ServingSite any_serving() { return {any_uid(), any_number(), any_uid(), any_uid()}; }

Leg any_leg() {
  return {.serving = any_serving(),
          .served = {any_uid(), any_number(), any_uid()},
          .start_us = any_number(),
          .end_us = any_number(),
          .end = static_cast<End>(*rc::gen::inRange(0, 7)),
          .reported = any_usage(),
          .verified = any_usage(),
          .billed = any_usage()};
}

UsageRecord any_record() {
  UsageRecord record;
  record.request = {any_uid()};
  record.leg = any_number();
  record.side = static_cast<Side>(*rc::gen::inRange(1, 4));
  record.edge = any_uid();
  record.epoch = any_number();
  record.seq = any<bool>() ? any_number() : 0;
  if (record.seq != 0) {
    record.prev = codec::sha256(record.edge.bytes);
  }
  const int owners = *rc::gen::inRange(0, 9);
  for (int i = 0; i < owners; ++i) {
    record.owners.push_back({static_cast<OwnerKind>(*rc::gen::inRange(0, 5)), any_uid()});
  }
  record.admitting = {any_uid(), any_number()};
  record.serving = any_serving();
  record.served = {any_uid(), any_number(), any_uid()};
  record.requested = {any_uid(), static_cast<RequestedReason>(*rc::gen::inRange(0, 4))};
  record.operation = static_cast<Operation>(*rc::gen::inRange(1, 10));
  record.admitted = {static_cast<std::int64_t>(any_number() >> 1U)};
  record.settled_us = any_number();
  record.end = static_cast<End>(*rc::gen::inRange(0, 9));
  record.flags = any_number();
  record.reported = any_usage();
  record.verified = any_usage();
  const int legs = *rc::gen::inRange(0, 3);
  for (int i = 0; i < legs; ++i) {
    record.legs.push_back(any_leg());
  }
  record.verifier = {any_uid(), {}, any_number()};
  record.tier_served = static_cast<Tier>(*rc::gen::inRange(0, 4));
  record.price = {any_uid(), any_number(), any_number(), any_number()};
  record.charged = {{{'E', 'U', 'R'}}, static_cast<Amount>(any_number())};
  record.policy = {any_number(), any_number(), any_number(), any_number(), any_uid()};
  record.admission.lsn = any_number();
  const int nonce = *rc::gen::inRange(0, 33);
  for (int i = 0; i < nonce; ++i) {
    record.admission.nonce.push_back(static_cast<std::uint8_t>(i));
  }
  record.clock_error_ms = any_number();
  record.cache_source = {any_uid()};
  record.job = {any_uid(), any_number()};
  record.corrects = {any_uid(), any_number(), any_number()};
  return record;
}

RC_GTEST_PROP(UsageRecord, DecodesWhatItEncodes, ()) {
  const UsageRecord record = any_record();
  const auto bytes = encoded(record);
  const auto back = decode_record(bytes);
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == record);
}

RC_GTEST_PROP(UsageRecord, ADraftJoinedWithItsPlaceIsTheRecord, ()) {
  const UsageRecord record = any_record();
  UsageRecord draft = record;
  draft.seq = 0;
  draft.prev = {};
  draft.admission.lsn = 0;
  ByteBuffer pieces;
  const EncodedDraft parts = encode_draft(draft, pieces);
  RC_ASSERT(parts.size() == pieces.size());
  ByteBuffer joined;
  join_draft(parts, pieces.view(),
             {.seq = record.seq, .prev = record.prev, .admission_lsn = record.admission.lsn},
             joined);
  RC_ASSERT(std::ranges::equal(joined.view(), encoded(record)));
}

TEST(Annex, WithoutContentHasNoBytes) {
  ByteBuffer out;
  encode(TenantAnnex{.salt = {1}}, out);
  encode(OperatorAnnex{.salt = {1}}, out);
  EXPECT_TRUE(out.empty());
}

TEST(Annex, DecodesWhatItEncodesAndNothingElse) {
  TenantAnnex tenant{
      .salt = {1, 2, 3}, .tags = {"team-a", "prod"}, .client_country = "DE", .country_source = 2};
  tenant.user_hash[0] = 9;
  ByteBuffer out;
  encode(tenant, out);
  const auto tenant_back = decode_tenant_annex(out.view());
  ASSERT_TRUE(tenant_back);
  EXPECT_EQ(*tenant_back, tenant);

  const OperatorAnnex ours{.salt = {7},
                           .holds = {{example_uid(1), 2, 3}},
                           .cost_currency = {{'U', 'S', 'D'}},
                           .cost = 12345,
                           .route_reason = 4};
  ByteBuffer operator_out;
  encode(ours, operator_out);
  const auto operator_back = decode_operator_annex(operator_out.view());
  ASSERT_TRUE(operator_back);
  EXPECT_EQ(*operator_back, ours);
  EXPECT_FALSE(decode_operator_annex(out.view())) << "a tenant's annex";
  EXPECT_FALSE(decode_tenant_annex(out.view().first(out.size() - 1)));
  EXPECT_FALSE(decode_tenant_annex(*codec::from_hex("a1005000000000000000000000000000000000")))
      << "an annex of nothing but salt has no bytes";
}

}  // namespace
}  // namespace tdn::meter
