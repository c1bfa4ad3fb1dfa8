// The edges' half of control's API: syncs, the watch, sections, and operators who wait for edges.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "codec/hex.h"
#include "control/test_edge.h"
#include "control/test_service.h"
#include "domain/example_test.h"

namespace tdn::control {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kSecret = "secret-of-frankfurt";
constexpr std::string_view kOther = "secret-of-paris";

class EdgeTest : public testing::Test {
 protected:
  EdgeTest() {
    Nodes nodes;
    nodes.add("frankfurt", kSecret);
    nodes.add("paris", kOther);
    control_.service->set_nodes(nodes);
    control_.nodes = nodes;
    EXPECT_EQ(control_.apply(domain::kExample).status, 200);
  }

  // A sync of Frankfurt, whose endpoint works on two requests.
  protocol::SyncRequest busy() {
    const std::string shown = control_.operate("GET", "/api/v1/endpoints/frankfurt-1").body;
    const std::size_t at = shown.find(R"("uid":")") + 7;
    protocol::SyncRequest sync = frankfurt_.sync();
    sync.endpoints = {{.uid = *Uid::parse(shown.substr(at, 36)),
                       .health = protocol::EndpointHealth::kUp,
                       .running = 2,
                       .tokens_per_second = 41,
                       .ttft_ms = 180}};
    return sync;
  }
  // An open watch.
  std::unique_ptr<io::Stream> watch(std::string_view secret) {
    std::unique_ptr<io::Stream> stream = control_.listener->connect();
    const std::string request = fmt::format(
        "GET /edge/v1/watch HTTP/1.1\r\nhost: c\r\nauthorization: Bearer {}\r\n\r\n", secret);
    const io::Slice slice(request);
    EXPECT_EQ(stream->try_write(std::span(&slice, 1)), static_cast<ssize_t>(request.size()));
    control_.test.settle();
    return stream;
  }
  // What has come of it since.
  static std::string heard(io::Stream& stream) {
    std::string all;
    std::array<char, 8192> buffer;
    for (ssize_t count = 0; (count = stream.try_read(buffer)) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return all;
  }
  // A call whose answer is not awaited yet.
  struct Pending {
    std::unique_ptr<io::Stream> client;
    std::optional<std::string> bytes;
  };
  void begin(Pending& call, std::string_view method, std::string_view target,
             std::string_view body) {
    call.client = control_.listener->connect();
    control_.test.group.spawn(TestService::keep(
        *call.client, TestService::request(method, target, kTestToken, body), call.bytes));
    control_.test.settle();
  }

  TestService control_;
  TestEdge frankfurt_{"frankfurt", 1};
  TestEdge paris_{"paris", 2};
};

TEST_F(EdgeTest, AsksForANodeSecret) {
  const Reply unknown = control_.sync("wrong", frankfurt_.sync());
  EXPECT_EQ(unknown.status, 401);
  EXPECT_THAT(unknown.body, HasSubstr(R"("code":"invalid_node_secret")"));
  EXPECT_EQ(control_.sync(kTestToken, frankfurt_.sync()).status, 401) << "nor the operator's";
  EXPECT_EQ(control_.call("GET", "/api/v1/sites", kSecret).status, 401);
  const Reply other = control_.sync(kOther, frankfurt_.sync());
  EXPECT_EQ(other.status, 400);
  EXPECT_THAT(other.body, HasSubstr("the node secret is that of paris"));
}

TEST_F(EdgeTest, AnEdgeWithTheSecretOfAnotherSiteLearnsNothing) {
  constexpr std::string_view kParis = "tdn-site: paris\r\n";
  for (const std::string_view path : {"/edge/v1/watch", "/edge/v1/sections/00"}) {
    const Reply refused = control_.call("GET", path, kSecret, "", kParis);
    EXPECT_EQ(refused.status, 400) << path;
    EXPECT_THAT(refused.body, HasSubstr("site: `paris`, but the node secret is that of frankfurt"));
  }
}

TEST_F(EdgeTest, SpeaksOneProtocol) {
  const std::string body = protocol::to_json(frankfurt_.sync());
  const Reply none = control_.call("POST", "/edge/v1/sync", kSecret, body);
  EXPECT_EQ(none.status, 400);
  EXPECT_THAT(none.body, HasSubstr(R"("code":"protocol_mismatch")"));
  protocol::SyncRequest later = frankfurt_.sync();
  later.protocols = {2, 3};
  EXPECT_THAT(control_.sync(kSecret, later).body, HasSubstr("protocol_mismatch"));
}

TEST_F(EdgeTest, AnswersASyncWithWhatTheEdgeNeeds) {
  frankfurt_.settle(5);
  const Reply first = control_.sync(kSecret, frankfurt_.upload(1, 1));
  ASSERT_EQ(first.status, 200) << first.body;
  const auto alone = protocol::parse_sync_reply(first.body);
  ASSERT_TRUE(alone.has_value());
  EXPECT_EQ(alone->acked, 1U);
  EXPECT_EQ(alone->n, 1U);
  EXPECT_EQ(alone->snapshot, (protocol::SnapshotOrder{1, 2}));
  EXPECT_TRUE(alone->keys.empty());
  ASSERT_EQ(control_.sync(kOther, paris_.sync()).status, 200);
  const auto reply = protocol::parse_sync_reply(control_.sync(kSecret, frankfurt_.sync()).body);
  ASSERT_TRUE(reply.has_value());
  EXPECT_TRUE(reply->user_secret.has_value());
  ASSERT_EQ(reply->sites.size(), 2U);
  EXPECT_EQ(reply->sites[1].site, "paris");
  ASSERT_EQ(reply->keys.size(), 2U);
  for (const protocol::RouteKeyGrant& grant : reply->keys) {
    EXPECT_TRUE(grant.from == frankfurt_.uid() || grant.to == frankfurt_.uid());
  }
  EXPECT_NE(reply->keys[0].key, reply->keys[1].key);
}

TEST_F(EdgeTest, GoesOnWithTheTimeThatEdgesHave) {
  const auto told = [&](std::string_view secret, TestEdge& edge,
                        std::optional<std::uint64_t> theirs) {
    protocol::SyncRequest sync = edge.sync();
    sync.network_time_ms = theirs;
    const auto reply = protocol::parse_sync_reply(control_.sync(secret, sync).body);
    return reply ? reply->network_time_ms : 0;
  };
  const std::uint64_t own = told(kOther, paris_, std::nullopt);
  const std::uint64_t before = own - 86'400'000;
  EXPECT_EQ(told("wrong", frankfurt_, before), 0U);
  EXPECT_NEAR(static_cast<double>(told(kOther, paris_, own)), static_cast<double>(own), 900);
  EXPECT_NEAR(static_cast<double>(told(kSecret, frankfurt_, before)), static_cast<double>(before),
              900);
  EXPECT_NEAR(static_cast<double>(told(kOther, paris_, own)), static_cast<double>(before), 900);
}

TEST_F(EdgeTest, BothSidesGetTheSameKeyAndTwoLiveWhileItIsRotated) {
  const auto key = [&](std::string_view secret, TestEdge& edge, std::uint32_t version) {
    const auto reply = protocol::parse_sync_reply(control_.sync(secret, edge.sync()).body);
    for (const protocol::RouteKeyGrant& grant : reply->keys) {
      if (grant.from == frankfurt_.uid() && grant.version == version) {
        return codec::to_hex(grant.key);
      }
    }
    return std::string();
  };
  control_.sync(kOther, paris_.sync());
  const std::string first = key(kSecret, frankfurt_, 1);
  EXPECT_EQ(first.size(), 64U);
  EXPECT_EQ(key(kOther, paris_, 1), first);
  EXPECT_EQ(control_.operate("POST", "/api/v1/network/rotate-secret").body, R"({"version":2})");
  EXPECT_EQ(key(kSecret, frankfurt_, 1), first);
  const std::string second = key(kOther, paris_, 2);
  EXPECT_EQ(second.size(), 64U);
  EXPECT_NE(second, first);
  control_.operate("POST", "/api/v1/network/rotate-secret");
  EXPECT_EQ(key(kSecret, frankfurt_, 1), "");
  EXPECT_EQ(key(kSecret, frankfurt_, 2), second);
}

TEST_F(EdgeTest, AFormerEdgeOfASiteMayUploadAndGetsNoKeys) {
  control_.sync(kOther, paris_.sync());
  frankfurt_.settle(1);
  control_.sync(kSecret, frankfurt_.sync());
  TestEdge next("frankfurt", 3);
  control_.sync(kSecret, next.sync());
  const auto former =
      protocol::parse_sync_reply(control_.sync(kSecret, frankfurt_.upload(1, 1)).body);
  ASSERT_TRUE(former.has_value());
  EXPECT_EQ(former->acked, 1U);
  EXPECT_TRUE(former->keys.empty());
  EXPECT_TRUE(former->sites.empty());
}

TEST_F(EdgeTest, TellsItsRefusalsByName) {
  frankfurt_.settle(1);
  frankfurt_.settle(1);
  const Reply gap = control_.sync(kSecret, frankfurt_.upload(2, 2));
  EXPECT_EQ(gap.status, 409);
  EXPECT_THAT(gap.body, HasSubstr(R"("code":"gap")"));
  EXPECT_THAT(gap.body, HasSubstr(R"("expected":"1")"));
  EXPECT_THAT(control_.call("GET", "/metrics", "").body,
              HasSubstr(R"(tdn_control_syncs_total{outcome="gap"} 1)"));
}

TEST_F(EdgeTest, AWatchGetsTheSnapshotAtOnceAndWithEveryChange) {
  const auto stream = watch(kSecret);
  const std::string first = heard(*stream);
  EXPECT_THAT(first, HasSubstr("content-type: text/event-stream"));
  EXPECT_THAT(first, HasSubstr("event: snapshot\ndata: {\"manifest\":\""));
  Pending apply;
  begin(apply, "POST", "/api/v1/apply",
        TestService::apply_body("apiVersion: tdn/v1\nkind: Tenant\nmetadata: {name: new}\n"));
  EXPECT_THAT(heard(*stream), HasSubstr("event: snapshot"));
  EXPECT_FALSE(apply.bytes.has_value()) << "the edge has not said that it has it";
  protocol::SyncRequest sync = frankfurt_.sync();
  sync.snapshot = {1, 3};
  EXPECT_EQ(control_.sync(kSecret, sync).status, 200);
  ASSERT_TRUE(apply.bytes.has_value());
  EXPECT_THAT(*apply.bytes, HasSubstr(R"("acknowledged":["frankfurt"],"missing":[])"));
}

TEST_F(EdgeTest, AnApplyNamesThoseThatDidNotSayInTime) {
  const auto stream = watch(kSecret);
  const Reply reply =
      control_.apply("apiVersion: tdn/v1\nkind: Tenant\nmetadata: {name: new}\n", false, 5s);
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, HasSubstr(R"("acknowledged":[],"missing":["frankfurt"])"));
}

TEST_F(EdgeTest, AnApplyWaitsForNoEdgeOfADeletedSite) {
  for (const char* object : {"endpoints/frankfurt-1", "sites/frankfurt"}) {
    const Reply deleted = control_.operate("DELETE", fmt::format("/api/v1/{}", object));
    ASSERT_EQ(deleted.status, 200) << deleted.body;
  }
  const auto stream = watch(kSecret);
  EXPECT_THAT(heard(*stream), HasSubstr("event: snapshot"));
  const Reply applied =
      control_.apply("apiVersion: tdn/v1\nkind: Tenant\nmetadata: {name: new}\n", false);
  EXPECT_THAT(applied.body, HasSubstr(R"("acknowledged":[],"missing":[])"));
}

TEST_F(EdgeTest, AnApplyWaitsForNoEdgeThatLeaves) {
  auto stream = watch(kSecret);
  Pending apply;
  begin(apply, "POST", "/api/v1/apply",
        TestService::apply_body("apiVersion: tdn/v1\nkind: Tenant\nmetadata: {name: new}\n"));
  EXPECT_FALSE(apply.bytes.has_value());
  stream->close();
  control_.test.settle();
  ASSERT_TRUE(apply.bytes.has_value());
  EXPECT_THAT(*apply.bytes, HasSubstr(R"("acknowledged":[],"missing":[])"));
}

TEST_F(EdgeTest, AWatchShowsLifeAndMakesRoomForANewerOne) {
  const auto first = watch(kSecret);
  heard(*first);
  control_.test.advance(5s);
  EXPECT_THAT(heard(*first), HasSubstr(protocol::alive_comment()));
  const auto second = watch(kSecret);
  EXPECT_THAT(heard(*second), HasSubstr("event: snapshot"));
  std::array<char, 16> buffer;
  EXPECT_EQ(first->try_read(buffer), io::kFailed);
  EXPECT_EQ(control_.service->hub().connected(), 1U);
}

TEST_F(EdgeTest, AWatchThatTakesNothingIsCutAndHoldsNobodyUp) {
  const auto slow = watch(kSecret);  // never read
  const auto quick = watch(kOther);
  heard(*quick);
  for (int i = 0; i < 60; ++i) {
    const std::string tenant =
        fmt::format("apiVersion: tdn/v1\nkind: Tenant\nmetadata: {{name: t{}}}\n", i);
    Pending apply;
    begin(apply, "POST", "/api/v1/apply", TestService::apply_body(tenant));
    EXPECT_THAT(heard(*quick), HasSubstr("event: snapshot"));
    control_.test.advance(5s);
    ASSERT_TRUE(apply.bytes.has_value());
    if (control_.service->hub().connected() == 1) {
      break;
    }
  }
  EXPECT_EQ(control_.service->hub().connected(), 1U);
}

TEST_F(EdgeTest, GivesSectionsByTheirHash) {
  const auto& snapshot = control_.service->hub().snapshot();
  const auto manifest =
      protocol::open_snapshot_envelope(snapshot->envelope, std::vector{control_.key.public_key()});
  ASSERT_TRUE(manifest.has_value());
  ASSERT_FALSE(manifest->sections.empty());
  protocol::SnapshotContent content;
  const auto read = [&](const protocol::SectionRef& ref) -> Result<std::string> {
    const Reply reply =
        control_.call("GET", "/edge/v1/sections/" + codec::to_hex(ref.sha256), kSecret);
    EXPECT_EQ(reply.status, 200);
    return reply.body;
  };
  const auto taken = content.update(*manifest, read);
  ASSERT_TRUE(taken.has_value()) << taken.error().detail();
  EXPECT_EQ(content.manifests().keys.at(0).metadata.name, "demo/playground/laptop");
  EXPECT_EQ(content.identities().find("Tenant", "demo")->uid.is_zero(), false);
  EXPECT_EQ(control_.call("GET", "/edge/v1/sections/" + std::string(64, '0'), kSecret).status, 404);
}

TEST_F(EdgeTest, PeersHearOfEndpointsAtMostTenTimesASecond) {
  const auto stream = watch(kOther);
  heard(*stream);
  const auto report = [&](std::uint32_t running) {
    protocol::SyncRequest sync = frankfurt_.sync();
    sync.endpoints = {
        {.uid = test_uid(0x99), .health = protocol::EndpointHealth::kUp, .running = running}};
    EXPECT_EQ(control_.sync(kSecret, sync).status, 200);
  };
  report(1);
  EXPECT_THAT(heard(*stream), HasSubstr(R"("running":1)"));
  report(2);
  report(3);
  EXPECT_THAT(heard(*stream), Not(HasSubstr("event: peers")));
  control_.test.advance(100ms);
  const std::string later = heard(*stream);
  EXPECT_THAT(later, HasSubstr(R"("running":3)"));
  EXPECT_THAT(later, Not(HasSubstr(R"("running":2)")));
  const auto own = watch(kSecret);
  EXPECT_THAT(heard(*own), Not(HasSubstr("event: peers"))) << "its own it knows";
}

TEST_F(EdgeTest, UsageIsToldByNameAndUntilWhenItIsComplete) {
  frankfurt_.settle(5);
  frankfurt_.settle(6);
  protocol::SyncRequest sync = frankfurt_.upload(1, 2);
  sync.complete_through = control_.test.clock.wall();
  control_.sync(kSecret, sync);
  const Reply usage = control_.operate("GET", "/api/v1/usage?by=model");
  EXPECT_EQ(
      usage.body,
      fmt::format(R"({{"rows":[{{"by":{{"model":"{}"}},"requests":"2","tokens":{{"input":"20",)"
                  R"("cachedInput":"0","output":"11"}},"amount":"0.000000011",)"
                  R"("currency":"USD"}}],"completeThrough":"{}","lateSites":[]}})",
                  to_string(test_uid(0x1003)), to_rfc3339(control_.test.clock.wall())));
  control_.test.advance(11s);
  EXPECT_THAT(control_.operate("GET", "/api/v1/usage?by=model").body,
              HasSubstr(R"("lateSites":["frankfurt"])"));
  EXPECT_EQ(control_.operate("GET", "/api/v1/usage?by=colour").status, 400);
  const Reply twice = control_.operate("GET", "/api/v1/usage?by=site&by=model");
  EXPECT_EQ(twice.status, 400);
  EXPECT_THAT(twice.body, HasSubstr("`by` is there twice"));
  EXPECT_EQ(control_.operate("GET", "/api/v1/usage?since=1").status, 400);
}

TEST_F(EdgeTest, UsageNamesBooksThatMayHoldWhatNeverCame) {
  const auto usage = [&] { return control_.operate("GET", "/api/v1/usage").body; };
  TestEdge copy = frankfurt_;
  frankfurt_.settle(1);
  copy.settle(2);
  control_.sync(kSecret, frankfurt_.upload(1, 1));
  copy.restart();
  EXPECT_EQ(control_.sync(kSecret, copy.upload(1, 1)).status, 409);
  EXPECT_THAT(usage(), Not(HasSubstr("setAside"))) << "it is late, which says it";
  TestEdge next("frankfurt", 0x33);
  control_.sync(kSecret, next.sync());
  EXPECT_THAT(usage(), HasSubstr(fmt::format(
                           R"("setAside":[{{"site":"frankfurt","edge":"{}","reason":"quarantined)",
                           to_string(frankfurt_.uid()))));
  next.settle(1);
  control_.sync(kSecret, next.upload(1, 1));
  next.roll_back_to(0, {});
  next.restart();
  control_.sync(kSecret, next.sync());
  EXPECT_THAT(usage(), HasSubstr("an older state came back in epoch 1"));
}

TEST_F(EdgeTest, UsageThatWaitsAsksEdgesAndReturnsOnceAllIsHere) {
  control_.sync(kSecret, frankfurt_.sync());
  const auto stream = watch(kSecret);
  heard(*stream);
  Pending usage;
  begin(usage, "GET", "/api/v1/usage?by=tenant%2Cmodel&wait=5", "");
  EXPECT_THAT(heard(*stream), HasSubstr("event: sync"));
  frankfurt_.settle(5);
  protocol::SyncRequest first = frankfurt_.upload(1, 1);
  first.complete_through = control_.test.clock.wall();
  control_.sync(kSecret, first);
  EXPECT_FALSE(usage.bytes.has_value()) << "it may have been on its way already";
  EXPECT_THAT(heard(*stream), HasSubstr("event: sync"));
  protocol::SyncRequest second = frankfurt_.sync();
  second.complete_through =
      WallTime{control_.test.clock.wall().us - 1'000'000};  // when it last wrote
  control_.sync(kSecret, second);
  ASSERT_TRUE(usage.bytes.has_value());
  EXPECT_THAT(*usage.bytes, HasSubstr(R"("requests":"1")"));
  EXPECT_THAT(*usage.bytes,
              HasSubstr(R"("completeThrough":")" + to_rfc3339(control_.test.clock.wall())));
  EXPECT_THAT(*usage.bytes, HasSubstr(R"("lateSites":[])"));
}

TEST_F(EdgeTest, UsageThatWaitedLongEnoughNamesTheLate) {
  control_.sync(kSecret, frankfurt_.sync());
  const Reply usage = control_.call("GET", "/api/v1/usage?wait=3", kTestToken, "", "", 3s);
  EXPECT_EQ(usage.status, 200);
  EXPECT_THAT(usage.body, HasSubstr(R"("completeThrough":null,"lateSites":["frankfurt"])"));
}

TEST_F(EdgeTest, ADeletedSiteIsWaitedForWhileItIsThereAndWrittenOffOnceAway) {
  control_.sync(kSecret, frankfurt_.sync());
  const auto stream = watch(kSecret);
  for (const auto* target : {"/api/v1/endpoints/frankfurt-1", "/api/v1/sites/frankfurt"}) {
    const Reply deleted = control_.call("DELETE", target, kTestToken, "", "", 10s);
    ASSERT_EQ(deleted.status, 200) << deleted.body;
  }
  control_.sync(kSecret, frankfurt_.sync());
  const auto usage = [this] { return control_.operate("GET", "/api/v1/usage").body; };
  EXPECT_THAT(usage(), HasSubstr(R"("lateSites":["frankfurt"])"));
  control_.test.advance(Hub::kHeardWithin);
  EXPECT_THAT(usage(), HasSubstr(R"("lateSites":[])"));
}

TEST_F(EdgeTest, ASiteThatIsNotHeardOfIsAwayThoughItsConnectionIsOpen) {
  protocol::SyncRequest sync = busy();
  control_.sync(kSecret, sync);
  const auto stream = watch(kSecret);
  const auto told = [&] { return control_.operate("GET", "/api/v1/network").body; };
  EXPECT_THAT(told(), HasSubstr(R"("connected":true)"));
  control_.test.advance(Hub::kHeardWithin);
  EXPECT_THAT(told(), HasSubstr(R"({"name":"frankfurt","state":"active","connected":false,)"));
  EXPECT_THAT(told(), HasSubstr(R"("health":"unknown","running":0)"));
  control_.sync(kSecret, frankfurt_.sync());
  EXPECT_THAT(told(), HasSubstr(R"("connected":true)"));
}

TEST_F(EdgeTest, TheNetworkShowsSitesAndTheirEndpoints) {
  protocol::SyncRequest sync = busy();
  sync.complete_through = WallTime{control_.test.clock.wall().us - 3'000'000};
  sync.snapshot = {1, 2};
  control_.sync(kSecret, sync);
  const auto stream = watch(kSecret);
  const Reply network = control_.operate("GET", "/api/v1/network");
  EXPECT_THAT(network.body, HasSubstr(R"({"name":"frankfurt","state":"active","connected":true,)"));
  EXPECT_THAT(network.body, HasSubstr(R"("lateBy":3,)"));
  EXPECT_THAT(network.body, HasSubstr(R"({"name":"frankfurt-1",)"));
  EXPECT_THAT(
      network.body,
      HasSubstr(R"("health":"up","running":2,"waiting":0,"tokensPerSecond":41,"ttftMs":180)"));
  EXPECT_THAT(control_.operate("GET", "/api/v1/endpoints/frankfurt-1").body,
              HasSubstr(R"("status":{"health":"up"})"));
}

TEST_F(EdgeTest, AnEdgeWithALaterSnapshotBeginsANewControlEpoch) {
  const auto stream = watch(kSecret);
  heard(*stream);
  protocol::SyncRequest sync = frankfurt_.sync();
  sync.snapshot = {4, 100};  // control's store and what was remembered are both old
  const auto reply = protocol::parse_sync_reply(control_.sync(kSecret, sync).body);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->snapshot, (protocol::SnapshotOrder{5, 3}));
  EXPECT_THAT(heard(*stream), HasSubstr("event: snapshot"));
}

TEST_F(EdgeTest, AnEdgeThatMakesNumbersUpUsesNoEpochsUp) {
  protocol::SyncRequest sync = frankfurt_.sync();
  sync.snapshot = {std::numeric_limits<std::uint64_t>::max(), 1};
  const auto reply = protocol::parse_sync_reply(control_.sync(kSecret, sync).body);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->snapshot, (protocol::SnapshotOrder{1, 2}));
}

TEST_F(EdgeTest, ACrashBetweenCommitAndAnswerLosesAndDoublesNothing) {
  for (int i = 0; i < 5; ++i) {
    frankfurt_.settle(1);
  }
  const protocol::SyncRequest upload = frankfurt_.upload(1, 5);
  ASSERT_EQ(control_.sync(kSecret, upload).status, 200);  // the answer is lost
  control_.crash();
  control_.start();
  frankfurt_.settle(1);
  const auto reply =
      protocol::parse_sync_reply(control_.sync(kSecret, frankfurt_.upload(1, 6)).body);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->acked, 6U);
  EXPECT_THAT(control_.operate("GET", "/api/v1/usage").body, HasSubstr(R"("requests":"6")"));
}

}  // namespace
}  // namespace tdn::control
