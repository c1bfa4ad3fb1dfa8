// The peer listener: what it takes, what it refuses, and that it keeps nothing of what it must not
// read.
#include <gtest/gtest.h>

#include <string>

#include "gateway/forward_test_fixture.h"

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;

using PeerDoorTest = ForwardFixture;

constexpr std::string_view kSecret = R"({"model":"m","messages":[{"content":"canary-7f3a"}]})";

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(PeerDoorTest, TakesARequestWithAGoodToken) {
  start();
  const auto peer = knock(signed_text(token(kPlain)), kPlain);
  answer(engine(paris), kWhole);
  const std::string got = read(*peer);
  EXPECT_TRUE(has(got, "HTTP/1.1 200 OK")) << got;
  EXPECT_TRUE(has(got, served("far"))) << got;
  EXPECT_FALSE(has(got, "tdn-route:")) << "that is for clients";
  ASSERT_EQ(paris.books.records.size(), 1U);
  EXPECT_EQ(paris.books.records[0].side, meter::Side::kSold);
}

TEST_F(PeerDoorTest, TakesTheLegFromTheToken) {
  start();
  protocol::RouteToken third = token(kPlain);
  third.leg = 2;
  const auto peer = knock(signed_text(third), kPlain);
  answer(engine(paris), kWhole);
  EXPECT_EQ(paris.books.records.at(0).leg, 2U);
  EXPECT_EQ(paris.books.drafts.at(0).leg, 2U);
}

TEST_F(PeerDoorTest, NobodyWithoutATokenIsServed) {
  start();
  const std::string key_field = "authorization: Bearer " + key->text + "\r\n";
  for (const std::string& fields :
       {std::string(), key_field, std::string("tdn-route-token: v1.k1.AA.AA\r\n"),
        "tdn-route-token: " + signed_text(token(kSecret)) + "\r\ntdn-route-token: x\r\n"}) {
    const auto peer = knock("", kSecret, fields);
    const std::string got = read(*peer);
    EXPECT_TRUE(has(got, "HTTP/1.1 401 ")) << got;
    EXPECT_TRUE(has(got, "tdn-refused: invalid_api_key\r\n")) << got;
    EXPECT_TRUE(has(got, "connection: close\r\n")) << got;
  }
  EXPECT_TRUE(paris.engines.far.empty());
  EXPECT_TRUE(paris.books.drafts.empty());
}

TEST_F(PeerDoorTest, WhatAnEdgeLeftIsSoldToNobody) {
  start();
  const auto peer = knock(signed_text(token(kPlain)), kPlain);
  write(engine(paris), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n");
  // This edge stood still, and both come at once: the other's end, and the engine's answer.
  peer->shutdown();
  write(engine(paris), "content-type: application/json\r\n\r\n{}");
  test.settle();
  ASSERT_EQ(paris.books.records.size(), 1U);
  EXPECT_EQ(paris.books.records[0].end, meter::End::kClientGone);
}

TEST_F(PeerDoorTest, ATokenIsGoodOnce) {
  start();
  const std::string text = signed_text(token(kPlain));
  const auto first = knock(text, kPlain);
  const auto second = knock(text, kPlain);
  const std::string got = read(*second);
  EXPECT_TRUE(has(got, "HTTP/1.1 401 ")) << got;
  EXPECT_TRUE(has(got, "used before")) << got;
  EXPECT_EQ(paris.engines.far.size(), 1U);
}

TEST_F(PeerDoorTest, ThePlantedBugTakesATokenTwice) {
  start({.bug = PlantedBug::kTokenAcceptedTwice});
  const std::string text = signed_text(token(kPlain));
  const auto first = knock(text, kPlain);
  const auto second = knock(text, kPlain);
  EXPECT_EQ(paris.engines.far.size(), 2U);
}

TEST_F(PeerDoorTest, ExpiredTamperedTooFarAndForeignTokensAreRefused) {
  start();
  protocol::RouteToken expired = token(kPlain);
  expired.issued_ms -= 60'000;
  expired.expiry_ms -= 60'000;
  protocol::RouteToken hops = token(kPlain);
  hops.hop = 3;
  protocol::RouteToken foreign = token(kPlain);
  foreign.to = oslo_edge;
  protocol::RouteToken path = token(kPlain);
  path.path = "/v1/embeddings";
  std::string tampered = signed_text(token(kPlain));
  tampered[40] = tampered[40] == 'A' ? 'B' : 'A';
  for (const std::string& text : {signed_text(expired), signed_text(hops), signed_text(foreign),
                                  signed_text(path), tampered}) {
    const auto peer = knock(text, kPlain);
    EXPECT_TRUE(has(read(*peer), "HTTP/1.1 401 ")) << text;
  }
  EXPECT_TRUE(paris.engines.far.empty());
}

TEST_F(PeerDoorTest, ATokenOfBeforeTheStartIsRefused) {
  paris.membership.boot = test.clock.now() + 1s;
  start();
  const std::string before = signed_text(token(kPlain));
  test.advance(2s);
  EXPECT_TRUE(has(read(*knock(before, kPlain)), "before this edge started"));
  const auto after = knock(signed_text(token(kPlain)), kPlain);
  EXPECT_EQ(paris.engines.far.size(), 1U);
}

TEST_F(PeerDoorTest, TheBodyIsAsLongAsTheTokenSays) {
  start();
  protocol::RouteToken longer = token(kPlain);
  ++longer.body_length;
  const std::string got = read(*knock(signed_text(longer), kPlain));
  EXPECT_TRUE(has(got, "HTTP/1.1 400 ")) << got;
  EXPECT_TRUE(has(got, "tdn-refused: invalid_request\r\n")) << got;
  std::unique_ptr<io::Stream> chunked = paris.peer_door->connect();
  write(*chunked,
        fmt::format("POST /v1/chat/completions HTTP/1.1\r\nhost: paris\r\ntdn-route-token: {}\r\n"
                    "transfer-encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
                    signed_text(token(kPlain)), kPlain.size(), kPlain));
  EXPECT_TRUE(has(read(*chunked), "HTTP/1.1 400 "));
  EXPECT_TRUE(paris.engines.far.empty());
}

// Paris knows a policy that Frankfurt does not know yet.
TEST_F(PeerDoorTest, AWrongSiteReadsAndKeepsNothing) {
  start({.at_paris = kFence});
  const auto peer = knock(signed_text(token(kSecret)), kSecret);
  const std::string got = read(*peer);
  EXPECT_TRUE(has(got, "HTTP/1.1 421 ")) << got;
  EXPECT_TRUE(has(got, "tdn-refused: wrong_site\r\n")) << got;
  EXPECT_TRUE(has(got, "connection: close\r\n")) << got;
  EXPECT_FALSE(has(got, "canary")) << got;
  EXPECT_TRUE(paris.engines.far.empty());
  EXPECT_TRUE(paris.books.drafts.empty());
  EXPECT_TRUE(peer->peer_finished() || peer->peer_gone());
}

TEST_F(PeerDoorTest, AWrongSiteSendsTheRequestElsewhereAndIsNotCalledIll) {
  start({.at_paris = kFence});
  frankfurt.link.held = {"oslo"};
  const auto client = request(R"({"model":"p","messages":[{"content":"canary-7f3a"}]})");
  EXPECT_EQ(frankfurt.link.opened, (std::vector<std::string>{"paris", "oslo"}));
  answer(*frankfurt.link.far.at(0), kWhole, 200, served("north"));
  EXPECT_TRUE(has(read(*client), "oslo/north"));
  const auto second = request(R"({"model":"p","messages":[]})");
  EXPECT_EQ(frankfurt.link.opened.at(2), "paris");
  EXPECT_TRUE(paris.engines.far.empty());
}

TEST_F(PeerDoorTest, ThePlantedBugReadsWhatItMustNot) {
  start({.at_paris = kFence, .bug = PlantedBug::kFenceNotRechecked});
  const auto peer = knock(signed_text(token(kSecret)), kSecret);
  ASSERT_EQ(paris.engines.far.size(), 1U);
  EXPECT_TRUE(has(read(engine(paris)), "canary-7f3a"));
}

TEST_F(PeerDoorTest, WhatItsCatalogueDoesNotHoldItCannotCheck) {
  start();
  protocol::RouteToken key_less = token(kPlain);
  key_less.owners = {{3, oslo_edge}};
  protocol::RouteToken model_less = token(kPlain);
  model_less.model = oslo_edge;
  for (const protocol::RouteToken& made : {key_less, model_less}) {
    const std::string got = read(*knock(signed_text(made), kPlain));
    EXPECT_TRUE(has(got, "tdn-refused: wrong_site\r\n")) << got;
  }
}

TEST_F(PeerDoorTest, SaysItselfThatAHeadIsMalformed) {
  start();
  std::unique_ptr<io::Stream> peer = paris.peer_door->connect();
  write(*peer, "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n");
  EXPECT_TRUE(has(read(*peer), "tdn-refused: invalid_request\r\n"));
}

TEST_F(PeerDoorTest, IsForRequestsToModelsOnly) {
  start();
  std::unique_ptr<io::Stream> peer = paris.peer_door->connect();
  write(*peer, fmt::format("GET /v1/models HTTP/1.1\r\nhost: paris\r\ntdn-route-token: {}\r\n\r\n",
                           signed_text(token(kPlain))));
  EXPECT_TRUE(has(read(*peer), "HTTP/1.1 404 "));
}

TEST_F(PeerDoorTest, APeerThatLeavesCancelsTheEngine) {
  start();
  const auto peer = knock(signed_text(token(kStream)), kStream);
  begin_stream(engine(paris));
  event(engine(paris), "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n");
  EXPECT_TRUE(has(read(*peer), "content"));
  peer->abort();
  test.settle();
  EXPECT_TRUE(engine(paris).peer_gone());
  EXPECT_EQ(paris.books.records.at(0).end, meter::End::kClientGone);
}

TEST_F(PeerDoorTest, AFullDiskSaysSoBeforeTheBodyIsRead) {
  start();
  paris.books.full = true;
  const std::string got = read(*knock(signed_text(token(kPlain)), kPlain));
  EXPECT_TRUE(has(got, "tdn-refused: storage_unavailable\r\n")) << got;
}

}  // namespace
}  // namespace tdn::gateway
