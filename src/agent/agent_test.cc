#include "agent/agent.h"

#include <gmock/gmock.h>

#include "agent/agent_test_fixture.h"

namespace tdn::agent {
namespace {

using protocol::SnapshotOrder;
using testing::HasSubstr;

class AgentTest : public AgentFixture {};

TEST_F(AgentTest, takes_its_first_snapshot_and_acknowledges_it_at_once) {
  start_in_network();
  EXPECT_TRUE(control.authorized);
  EXPECT_EQ(host.switches, 1);
  EXPECT_EQ(host.in_use->origin().version, 1U);
  EXPECT_EQ(last_request().snapshot, (SnapshotOrder{1, 1}));
  EXPECT_EQ(last_request().site, "frankfurt");
  EXPECT_EQ(control.sections_asked, 5U);
  EXPECT_EQ(metric("tdn_control_connected"), 1);
  EXPECT_EQ(metric("tdn_snapshot_version"), 1);
}

TEST_F(AgentTest, a_change_is_taken_with_the_changed_section_alone_and_acknowledged_at_once) {
  start_in_network();
  const std::size_t before = control.requests.size();
  publish(changed("New"), {1, 2});
  test.settle();
  EXPECT_EQ(host.switches, 2);
  EXPECT_EQ(control.sections_asked, 6U);
  ASSERT_GT(control.requests.size(), before);
  EXPECT_EQ(last_request().snapshot, (SnapshotOrder{1, 2}));
}

TEST_F(AgentTest, starts_and_serves_from_the_disk_with_control_away) {
  start_in_network();
  end();
  control_down();
  ASSERT_TRUE(begin());
  seconds(3);
  EXPECT_EQ(begun, true);
  EXPECT_EQ(agent->keeper().order(), (SnapshotOrder{1, 1}));
  EXPECT_EQ(host.switches, 2);
  EXPECT_TRUE(host.admitting);
  EXPECT_EQ(metric("tdn_control_connected"), 0);
}

TEST_F(AgentTest, waits_for_control_when_it_has_nothing_and_can_be_told_to_stop) {
  ASSERT_TRUE(begin());
  seconds(60);
  EXPECT_FALSE(begun.has_value());
  publish(network, {1, 1});
  control_up();
  seconds(10);
  EXPECT_EQ(begun, true);
}

TEST_F(AgentTest, refuses_by_name_and_keeps_what_it_has) {
  start_in_network();
  const auto refused = [&](const std::string& why) {
    test.settle();
    EXPECT_EQ(host.switches, 1);
    EXPECT_THAT(last_request().refused_snapshot, HasSubstr(why));
    EXPECT_EQ(last_request().snapshot, (SnapshotOrder{1, 1}));
  };
  publish(network, {0, 9});
  refused("0.9: it is older than 1.1");
  publish(changed("New"), {1, 1});
  refused("1.1: another snapshot of this number");
  publish(network, {1, 2}, 2);
  refused("not signed by a key that is trusted");
  publish(network, {1, 3}, 1, [](auto& manifest) { manifest.audience = "site/paris"; });
  refused("1.3: it is for `site/paris`");
  publish(network, {1, 4}, 1, [](auto& manifest) { manifest.network.bytes[3] ^= 1; });
  refused("1.4: it is of network");
  offer(R"({"manifest":"e30="})");
  refused("`signature` is missing");
  host.refuse = "there is no site frankfurt in it";
  publish(changed("Other"), {1, 5});
  refused("1.5: there is no site frankfurt");
  EXPECT_EQ(metric("tdn_snapshots_refused_total"), 7);
  host.refuse.clear();
  publish(changed("Good"), {1, 6});
  test.settle();
  EXPECT_EQ(host.switches, 2);
  EXPECT_EQ(last_request().refused_snapshot, "");
}

TEST_F(AgentTest, a_half_fetched_section_changes_nothing_and_is_fetched_again) {
  start_in_network();
  const auto other = changed("New");
  const auto sections = other.sections();
  publish(other, {1, 2});
  std::string* text = nullptr;
  for (const auto& section : sections) {
    if (section.ref.name == "tenants") {
      text = &control.sections[codec::to_hex(section.ref.sha256)];
    }
  }
  const std::string whole = *text;
  *text = whole.substr(0, whole.size() / 2);
  test.settle();
  EXPECT_EQ(host.switches, 1);
  EXPECT_THAT(last_request().refused_snapshot, HasSubstr("1.2: section `tenants` came as"));
  *text = whole;
  seconds(3);
  EXPECT_EQ(host.switches, 2);
  EXPECT_EQ(last_request().snapshot, (SnapshotOrder{1, 2}));
}

TEST_F(AgentTest, a_damaged_section_on_disk_is_fetched_anew) {
  start_in_network();
  const auto sections = network.sections();
  end();
  disk.flip_bit("/edge/snapshot/" + codec::to_hex(sections.back().ref.sha256), 77);
  ASSERT_TRUE(begin());
  seconds(1);
  EXPECT_EQ(begun, true);
  EXPECT_EQ(control.sections_asked, 6U);
  EXPECT_EQ(agent->keeper().order(), (SnapshotOrder{1, 1}));
}

TEST_F(AgentTest, only_sections_in_use_stay_on_disk) {
  start_in_network();
  for (std::uint64_t version = 2; version < 20; ++version) {
    publish(changed("N" + std::to_string(version)), {1, version});
    test.settle();
  }
  EXPECT_EQ(host.switches, 19);
  seconds(2);
  EXPECT_EQ(disk.list("/edge/snapshot")->size(), 7U);  // five, the manifest, the contact
}

TEST_F(AgentTest, the_key_is_pinned_and_handed_over_by_the_old_one) {
  start_in_network();
  end();
  EXPECT_FALSE(begin(2));
  EXPECT_THAT(start_error, HasSubstr("--control-key is not the key that was pinned"));
  ASSERT_TRUE(begin(1));
  seconds(1);
  const codec::Ed25519PublicKey both[] = {protocol::sample_key(1).public_key(),
                                          protocol::sample_key(2).public_key()};
  publish(protocol::write_sections(network.manifests, network.identities, both), {1, 2}, 1);
  test.settle();
  EXPECT_EQ(agent->keeper().order(), (SnapshotOrder{1, 2}));
  publish(network, {1, 3}, 2);  // signed by the new key, which alone it trusts
  test.settle();
  EXPECT_EQ(agent->keeper().order(), (SnapshotOrder{1, 3}));
  publish(changed("New"), {1, 4}, 1);
  test.settle();
  EXPECT_EQ(agent->keeper().order(), (SnapshotOrder{1, 3}));
  end();
  ASSERT_TRUE(begin(1));  // the flag still says the first
  seconds(1);
  EXPECT_EQ(agent->keeper().order(), (SnapshotOrder{1, 3}));
}

TEST_F(AgentTest, past_its_time_without_contact_nothing_new_is_admitted_until_control_is_heard) {
  publish(network, {1, 1}, 1, [](auto& manifest) { manifest.valid_for_s = 60; });
  control_up();
  ASSERT_TRUE(begin());
  seconds(10);
  control_down();
  seconds(55);
  EXPECT_TRUE(host.admitting);
  seconds(10);
  EXPECT_FALSE(host.admitting);
  EXPECT_EQ(metric("tdn_snapshot_fresh"), 0);
  control_up();
  seconds(10);
  EXPECT_TRUE(host.admitting);
}

// Syncs go on: that control is there does not make old what it knows.
TEST_F(AgentTest, past_its_time_without_the_snapshot_that_control_offers_nothing_new_is_admitted) {
  const auto minute = [](auto& manifest) { manifest.valid_for_s = 60; };
  publish(network, {1, 1}, 1, minute);
  control_up();
  ASSERT_TRUE(begin());
  seconds(10);
  host.refuse = "too many endpoints";
  publish(changed("New"), {1, 2}, 1, minute);
  seconds(55);
  EXPECT_TRUE(host.admitting);
  EXPECT_THAT(last_request().refused_snapshot, HasSubstr("too many endpoints"));
  seconds(10);
  EXPECT_FALSE(host.admitting);
  EXPECT_EQ(metric("tdn_control_connected"), 1);
  EXPECT_EQ(metric("tdn_snapshot_fresh"), 0);
  host.refuse.clear();
  publish(changed("Newer"), {1, 3}, 1, minute);
  test.settle();
  EXPECT_TRUE(host.admitting);
}

TEST_F(AgentTest, a_control_that_comes_back_to_the_snapshot_in_force_confirms_it) {
  const auto minute = [](auto& manifest) { manifest.valid_for_s = 60; };
  publish(network, {1, 1}, 1, minute);
  const std::string first = control.envelope;
  control_up();
  ASSERT_TRUE(begin());
  seconds(10);
  host.refuse = "too many endpoints";
  publish(changed("New"), {1, 2}, 1, minute);
  seconds(10);
  offer(first);
  seconds(100);
  EXPECT_TRUE(host.admitting);
  EXPECT_EQ(last_request().refused_snapshot, "");
  EXPECT_EQ(host.switches, 1);
}

TEST_F(AgentTest, an_edge_whose_site_was_deleted_admits_nothing_new_until_it_is_there_again) {
  start_in_network();
  host.refuse = "it holds no site frankfurt";
  host.refuse_code = Code::kWrongSite;
  publish(changed("New"), {1, 2});
  test.settle();
  EXPECT_FALSE(host.admitting);
  EXPECT_EQ(metric("tdn_snapshot_fresh"), 0);
  seconds(5);
  EXPECT_FALSE(host.admitting);
  host.refuse_code = Code::kInvalid;  // that the next cannot be read does not bring it back
  publish(changed("Newer"), {1, 3});
  seconds(5);
  EXPECT_FALSE(host.admitting);
  host.refuse.clear();
  publish(changed("Newest"), {1, 4});
  test.settle();
  EXPECT_TRUE(host.admitting);
}

TEST_F(AgentTest, an_edge_that_is_killed_right_after_its_first_start_serves_on_without_control) {
  publish(network, {1, 1});
  control_up();
  ASSERT_TRUE(begin());  // no time passes
  ASSERT_EQ(begun, true);
  kill();
  control_down();
  ASSERT_TRUE(begin());
  seconds(3);
  EXPECT_EQ(begun, true);
  EXPECT_TRUE(host.admitting);
}

TEST_F(AgentTest, the_age_goes_on_through_restarts_of_process_and_machine_whatever_the_wall_clock) {
  publish(network, {1, 1}, 1, [](auto& manifest) { manifest.valid_for_s = 600; });
  control_up();
  ASSERT_TRUE(begin());
  seconds(10);
  end();
  control_down();
  seconds(400);
  test.clock.set_wall({0});
  ASSERT_TRUE(begin());
  seconds(3);
  EXPECT_TRUE(host.admitting);
  end();
  seconds(200);
  ASSERT_TRUE(begin());
  seconds(3);
  EXPECT_FALSE(host.admitting);
  end();
  machine_boot = "boot-2";  // what was written down goes on
  ASSERT_TRUE(begin());
  seconds(3);
  EXPECT_FALSE(host.admitting);
  control_up();
  seconds(10);
  EXPECT_TRUE(host.admitting);
  end();
  control_down();
  machine_boot = "boot-3";
  ASSERT_TRUE(begin());
  seconds(520);  // and the time between two writings
  EXPECT_TRUE(host.admitting);
  seconds(40);
  EXPECT_FALSE(host.admitting);
}

TEST_F(AgentTest, keys_peers_and_network_time_reach_the_edge) {
  control.keys = {{"k1", 1, edge, *Uid::parse("0192f0c0-a000-7000-8000-000000000008"), {}}};
  control.sites = {{"paris", *Uid::parse("0192f0c0-a000-7000-8000-000000000008")}};
  control.network_time_ms = 5'000'000;
  start_in_network();
  ASSERT_FALSE(control.requests.empty());
  EXPECT_EQ(control.requests.front().network_time_ms, std::nullopt) << "none was learnt yet";
  ASSERT_NE(host.keys, nullptr);
  EXPECT_TRUE(host.keys->edge_at("paris").has_value());
  EXPECT_EQ(host.key_changes, 1);
  EXPECT_EQ(host.user_secret, codec::Digest{7});
  EXPECT_NEAR(static_cast<double>(time.at(test.clock.now())), 5e6, 3e3);
  const protocol::PeerEndpoint peer{*Uid::parse("0192f0c0-a000-7000-8000-000000000007"),
                                    protocol::EndpointHealth::kUp,
                                    3,
                                    1,
                                    4,
                                    20};
  control.push(to_sse(protocol::PeersReported{{peer}}));
  test.settle();
  EXPECT_THAT(host.peers, testing::ElementsAre(peer));
  seconds(10);
  EXPECT_EQ(host.key_changes, 1);
  EXPECT_NEAR(static_cast<double>(last_request().network_time_ms.value_or(0)), 5e6, 13e3);
}

TEST_F(AgentTest, syncs_as_often_as_there_is_something_to_say) {
  start_in_network();
  seconds(5);
  std::size_t before = control.requests.size();
  seconds(10);
  EXPECT_NEAR(static_cast<double>(control.requests.size() - before), 5, 1);
  host.own = {{*Uid::parse("0192f0c0-a000-7000-8000-000000000007"), protocol::EndpointHealth::kUp,
               1, 0, 0, 0}};
  before = control.requests.size();
  seconds(0.2);
  ASSERT_GT(control.requests.size(), before);
  EXPECT_EQ(last_request().endpoints, host.own);
  outbox.settle("r1");
  outbox.refresh([] {});
  seconds(1);
  EXPECT_THAT(control.logs[1], testing::ElementsAre("r1"));
  before = control.requests.size();
  control.push(to_sse(protocol::SyncAsked{}));
  test.settle();
  EXPECT_EQ(control.requests.size(), before + 1);
}

TEST_F(AgentTest, tries_again_ever_more_slowly_and_never_all_at_once) {
  start_in_network();
  control_down();
  seconds(1);
  const int before = link.opened;
  seconds(60);
  const int tries = link.opened - before;  // of syncs and watches
  EXPECT_GT(tries, 20);
  EXPECT_LT(tries, 70);
  control_up();
  seconds(6);
  EXPECT_EQ(metric("tdn_control_connected"), 1);
}

TEST_F(AgentTest, an_answer_to_another_sync_is_thrown_away) {
  start_in_network();
  control.next_fault = [] { return FakeControl::Fault::kOldReply; };
  outbox.settle("r1");
  seconds(1);
  EXPECT_EQ(metric("tdn_control_connected"), 0);
  EXPECT_EQ(outbox.current().acked, 0U);
  control.next_fault = nullptr;
  seconds(6);
  EXPECT_EQ(outbox.current().acked, 1U);
}

}  // namespace
}  // namespace tdn::agent
