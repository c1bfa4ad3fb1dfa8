#include "protocol/sync.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/packed.h"

namespace tdn::protocol {
namespace {

using testing::HasSubstr;

Uid sync_uid(std::uint8_t last) {
  Uid value = *Uid::parse("0192f0c0-a000-7000-8000-000000000000");
  value.bytes.back() = last;
  return value;
}

SyncRequest request() {
  SyncRequest request;
  request.site = "frankfurt";
  request.edge = sync_uid(2);
  request.boot = sync_uid(3);
  request.n = 12;
  request.version = "0.1.0";
  request.journal = {1, sync_uid(4), 140};
  request.upload = Upload{1, 101, {}};
  codec::pack(request.upload->records, bytes_of("abc"));
  request.complete_through = WallTime{1'767'225'600'000'000};
  request.snapshot = {1, 7};
  request.endpoints = {{sync_uid(7), EndpointHealth::kUp, 2, 0, 0, 41, 180}};
  request.refused_snapshot = "1.8: not signed";
  request.network_time_ms = 1'767'225'599'000;
  return request;
}

SyncReply reply() {
  SyncReply reply;
  reply.boot = sync_uid(3);
  reply.n = 12;
  reply.network_time_ms = 1'767'225'600'000;
  reply.acked = 140;
  reply.keep_from = 141;
  reply.snapshot = {1, 7};
  reply.keys = {{"k1", 1, sync_uid(2), sync_uid(8), {}}};
  reply.user_secret = codec::Digest{0xab};
  reply.sites = {{"paris", sync_uid(8)}};
  return reply;
}

// The worked examples of docs/reference/formats/sync.md.
TEST(Sync, has_the_bytes_of_the_reference) {
  EXPECT_EQ(
      to_json(request()),
      R"({"site":"frankfurt","edge":"0192f0c0-a000-7000-8000-000000000002",)"
      R"("boot":"0192f0c0-a000-7000-8000-000000000003","n":"12","protocols":[1,1],)"
      R"("version":"0.1.0","journal":{"epoch":1,"log":"0192f0c0-a000-7000-8000-000000000004",)"
      R"("lastSeq":"140"},"upload":{"epoch":1,"from":"101","records":"AwAAAGFiYw=="},)"
      R"("completeThrough":"1767225600000000","snapshot":{"controlEpoch":"1","version":"7"},)"
      R"("endpoints":[{"uid":"0192f0c0-a000-7000-8000-000000000007","health":"up","running":2,)"
      R"("waiting":0,"tokensPerSecond":41,"ttftMs":180}],"refusedSnapshot":"1.8: not signed",)"
      R"("networkTimeMs":"1767225599000"})");
  EXPECT_EQ(
      to_json(reply()),
      R"({"boot":"0192f0c0-a000-7000-8000-000000000003","n":"12",)"
      R"("networkTimeMs":"1767225600000","epoch":1,"acked":"140","keepFrom":"141",)"
      R"("snapshot":{"controlEpoch":"1","version":"7"},"keys":[{"id":"k1","version":1,)"
      R"("from":"0192f0c0-a000-7000-8000-000000000002","to":"0192f0c0-a000-7000-8000-000000000008",)"
      R"("key":"0000000000000000000000000000000000000000000000000000000000000000"}],)"
      R"("userSecret":"ab00000000000000000000000000000000000000000000000000000000000000",)"
      R"("sites":[{"site":"paris","edge":"0192f0c0-a000-7000-8000-000000000008"}]})");
}

TEST(Sync, messages_read_back_as_they_were) {
  const auto request_back = parse_sync_request(to_json(request()));
  ASSERT_TRUE(request_back.has_value()) << request_back.error().detail();
  EXPECT_EQ(to_json(*request_back), to_json(request()));
  const auto reply_back = parse_sync_reply(to_json(reply()));
  ASSERT_TRUE(reply_back.has_value()) << reply_back.error().detail();
  EXPECT_EQ(to_json(*reply_back), to_json(reply()));
}

TEST(Sync, optional_parts_may_be_away_and_unknown_ones_are_passed_over) {
  const auto parsed = parse_sync_request(
      R"({"site":"a","edge":"0192f0c0-a000-7000-8000-000000000002","later":{"x":[1]},)"
      R"("boot":"0192f0c0-a000-7000-8000-000000000003","n":"1","protocols":[1,3],)"
      R"("journal":{"epoch":1,"log":"0192f0c0-a000-7000-8000-000000000004","lastSeq":"0"},)"
      R"("snapshot":{"controlEpoch":"0","version":"0"},"endpoints":[]})");
  ASSERT_TRUE(parsed.has_value()) << parsed.error().detail();
  EXPECT_FALSE(parsed->upload.has_value());
  EXPECT_FALSE(parsed->complete_through.has_value());
  EXPECT_TRUE(parsed->protocols.contains(2));
  EXPECT_FALSE(parsed->protocols.contains(4));
}

TEST(Sync, says_what_is_wrong_by_name) {
  const auto error = [](std::string_view from, std::string_view to) {
    std::string text = to_json(request());
    text.replace(text.find(from), from.size(), to);
    const auto parsed = parse_sync_request(text);
    return parsed ? std::string() : parsed.error().detail();
  };
  EXPECT_THAT(error(R"("n":"12",)", ""), HasSubstr("`n` is missing"));
  EXPECT_THAT(error(R"("n":"12")", R"("n":12)"), HasSubstr("string"));
  EXPECT_THAT(error(R"("n":"12")", R"("n":"012")"), HasSubstr("`n` is no whole number"));
  EXPECT_THAT(error("[1,1]", "[2,1]"), HasSubstr("`protocols` is no range"));
  EXPECT_THAT(error("AwAAAGFiYw==", "AwAAAGFiYw"), HasSubstr("`records` is no padded base64"));
  EXPECT_THAT(error(R"("epoch":1,"from":"101")", R"("epoch":1,"from":"0")"), HasSubstr("`upload`"));
  EXPECT_THAT(error("0192f0c0-a000-7000-8000-000000000002", "7"), HasSubstr("`edge` is no uid"));
  EXPECT_NE(parse_sync_request(std::string(kMostSyncBytes + 1, ' ')).error().detail(), "");
}

TEST(Sync, refusals_read_back_with_what_they_ask_for) {
  const SyncRefusal gap{SyncFault::kGap, "record 105 follows record 100", 101, 0};
  EXPECT_EQ(to_json(gap),
            R"({"error":{"message":"record 105 follows record 100",)"
            R"("type":"conflict_error","code":"gap","param":null},"expected":"101"})");
  for (int i = 0; i < 7; ++i) {
    const SyncRefusal refusal{static_cast<SyncFault>(i), "why", 101, 3};
    const auto back = parse_sync_refusal(to_json(refusal));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(to_json(*back), to_json(refusal));
    EXPECT_GE(status_of(refusal.fault), 400);
  }
  EXPECT_FALSE(parse_sync_refusal(R"({"error":{"code":"overloaded"}})").has_value());
  EXPECT_FALSE(parse_sync_refusal("<html>").has_value());
}

}  // namespace
}  // namespace tdn::protocol
