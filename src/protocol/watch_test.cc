#include "protocol/watch.h"

#include <gtest/gtest.h>

#include "codec/sse.h"

namespace tdn::protocol {
namespace {

WatchEvent read(const std::string& sse) {
  codec::SseParser parser;
  parser.push(sse);
  const auto event = parser.next();
  EXPECT_TRUE(event.has_value() && event->has_value());
  auto parsed = parse_watch_event((*event)->type, (*event)->data);
  EXPECT_TRUE(parsed.has_value()) << parsed.error().detail();
  return *std::move(parsed);
}

TEST(Watch, events_read_back_as_they_were) {
  const SnapshotOffered offered{R"({"manifest":"e30=","signature":"AAAA"})"};
  EXPECT_EQ(to_sse(offered),
            "event: snapshot\ndata: {\"manifest\":\"e30=\",\"signature\":\"AAAA\"}\n\n");
  EXPECT_EQ(std::get<SnapshotOffered>(read(to_sse(offered))).envelope, offered.envelope);
  const PeersReported peers{
      {{*Uid::parse("0192f0c0-a000-7000-8000-000000000007"), EndpointHealth::kDown, 3, 4, 8, 250}}};
  EXPECT_EQ(to_sse(peers),
            "event: peers\ndata: {\"endpoints\":[{\"uid\":\"0192f0c0-a000-7000-8000-000000000007\","
            "\"health\":\"down\",\"running\":3,\"waiting\":4,\"slots\":8,\"ageMs\":250}]}\n\n");
  EXPECT_EQ(std::get<PeersReported>(read(to_sse(peers))).endpoints, peers.endpoints);
  EXPECT_TRUE(std::holds_alternative<SyncAsked>(read(to_sse(SyncAsked{}))));
}

TEST(Watch, events_of_later_versions_are_passed_over) {
  EXPECT_TRUE(std::holds_alternative<UnknownEvent>(read("event: recall\ndata: {}\n\n")));
}

TEST(Watch, malformed_events_are_refused) {
  EXPECT_FALSE(parse_watch_event("peers", "{}").has_value());
  EXPECT_FALSE(parse_watch_event("peers", R"({"endpoints":[{}]})").has_value());
  EXPECT_FALSE(parse_watch_event("peers", R"({"endpoints":7})").has_value());
  EXPECT_FALSE(parse_watch_event("snapshot", std::string(kMostEnvelopeBytes + 1, ' ')).has_value());
}

TEST(Watch, signs_of_life_are_comments) {
  codec::SseParser parser;
  parser.push(alive_comment());
  const auto event = parser.next();
  ASSERT_TRUE(event.has_value() && event->has_value());
  EXPECT_FALSE((*event)->has_data);
}

}  // namespace
}  // namespace tdn::protocol
