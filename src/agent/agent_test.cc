#include "agent/agent.h"

#include <gmock/gmock.h>

#include "agent/agent_test_fixture.h"
#include "codec/packed.h"

namespace tdn::agent {
namespace {

using protocol::SnapshotOrder;
using testing::HasSubstr;

class AgentTest : public AgentFixture {
 protected:
  void start_in_network() {
    publish(network, {1, 1});
    control_up();
    ASSERT_TRUE(begin());
    seconds(1);
    ASSERT_EQ(begun, true);
    ASSERT_EQ(agent->keeper().order(), (SnapshotOrder{1, 1}));
  }
  // With a tenant of that display name, so that a section differs.
  protocol::SampleNetwork changed(const std::string& name) {
    std::string text(protocol::kSampleManifests);
    text.replace(text.find("name: demo}"), 11, "name: demo}\nspec: {displayName: " + name + "}");
    protocol::SampleNetwork other;
    other.load(text);
    return other;
  }
};

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

TEST_F(AgentTest, a_gap_is_filled_from_where_control_says) {
  start_in_network();
  for (int i = 0; i < 5; ++i) {
    outbox.settle("r" + std::to_string(i));
  }
  seconds(2);
  ASSERT_EQ(control.logs[1].size(), 5U);
  control.logs[1].resize(2);  // control came back from a backup
  outbox.current().keep_from = 3;
  outbox.settle("r5");
  seconds(6);
  EXPECT_THAT(control.logs[1], testing::ElementsAre("r0", "r1", "r2", "r3", "r4", "r5"));
}

TEST_F(AgentTest, a_gap_that_cannot_be_filled_stops_uploads_and_nothing_else) {
  start_in_network();
  for (int i = 0; i < 5; ++i) {
    outbox.settle("r" + std::to_string(i));
  }
  seconds(2);
  control.logs[1].clear();
  outbox.settle("r5");
  seconds(5);
  EXPECT_TRUE(agent->quarantined());
  EXPECT_EQ(metric("tdn_uploads_stopped"), 1);
  publish(changed("New"), {1, 2});
  seconds(6);
  EXPECT_EQ(host.switches, 2);
  EXPECT_TRUE(host.admitting);
}

TEST_F(AgentTest, books_that_forgot_an_acknowledgement_ask_what_control_has) {
  start_in_network();
  for (int i = 0; i < 5; ++i) {
    outbox.settle("r" + std::to_string(i));
  }
  seconds(2);
  end();
  outbox.current().acked = 1;
  outbox.current().keep_from = 5;
  ASSERT_TRUE(begin());
  outbox.settle("r5");
  seconds(3);
  EXPECT_FALSE(agent->quarantined());
  EXPECT_THAT(control.logs[1], testing::ElementsAre("r0", "r1", "r2", "r3", "r4", "r5"));
  EXPECT_EQ(outbox.current().acked, 6U);
}

TEST_F(AgentTest, records_that_come_to_disk_while_others_are_read_go_with_them) {
  start_in_network();
  int more = 50;
  outbox.while_reading = [&] {
    if (more-- > 0) {
      outbox.settle("late" + std::to_string(more));
      outbox.refresh([] {});
    }
  };
  for (int i = 0; i < 50; ++i) {
    outbox.settle("r" + std::to_string(i));
    seconds(0.1);
  }
  seconds(60);
  EXPECT_FALSE(agent->quarantined());
  EXPECT_EQ(control.logs[1], outbox.current().records);
  for (const protocol::SyncRequest& request : control.requests) {
    ByteView rest = request.upload ? ByteView(request.upload->records) : ByteView();
    std::uint64_t last = request.upload ? request.upload->from - 1 : 0;
    while (*codec::unpack(rest)) {
      ++last;
    }
    ASSERT_LE(last, request.journal.last_seq);
  }
}

TEST_F(AgentTest, a_clone_serves_on_and_uploads_nothing) {
  start_in_network();
  control.scripted = protocol::SyncRefusal{protocol::SyncFault::kClone, "two logs", 0, 0};
  outbox.settle("r0");
  seconds(3);
  EXPECT_TRUE(agent->quarantined());
  control.scripted.reset();
  seconds(10);
  EXPECT_TRUE(control.logs[1].empty());
  EXPECT_TRUE(host.admitting);
}

TEST_F(AgentTest, a_rollback_begins_a_new_epoch_with_the_next_start) {
  start_in_network();
  control.scripted = protocol::SyncRefusal{protocol::SyncFault::kRollback, "old", 0, 4};
  seconds(3);
  EXPECT_EQ(host.restarts, 1);
  EXPECT_EQ(outbox.next_epoch, 4U);
  EXPECT_TRUE(outbox.forked);
  end();
  control.scripted.reset();
  outbox.start(2);
  ASSERT_TRUE(begin());
  outbox.settle("n0");
  seconds(3);
  EXPECT_THAT(control.logs[4], testing::ElementsAre("n0"));
  EXPECT_TRUE(control.logs[1].empty());
}

TEST_F(AgentTest, an_earlier_epoch_is_uploaded_first_and_then_let_go) {
  start_in_network();
  control.next_fault = [] { return FakeControl::Fault::kLoseRequest; };
  for (int i = 0; i < 4; ++i) {
    outbox.settle("old" + std::to_string(i));
  }
  outbox.refresh([] {});
  static_cast<void>(outbox.begin_epoch(2, false));
  end();
  outbox.start(2);
  control.next_fault = nullptr;
  control.ordered_epoch = 2;
  ASSERT_TRUE(begin());
  outbox.settle("new0");
  seconds(8);
  EXPECT_THAT(control.logs[1], testing::ElementsAre("old0", "old1", "old2", "old3"));
  EXPECT_THAT(control.logs[2], testing::ElementsAre("new0"));
  EXPECT_TRUE(outbox.former().empty());
}

TEST_F(AgentTest, completeness_is_said_only_when_everything_has_been_uploaded) {
  start_in_network();
  for (int i = 0; i < 2'000; ++i) {
    outbox.settle(std::string(1'000, 'x'));
  }
  const WallTime before = control.complete_through;
  test.settle();
  control.requests.clear();
  seconds(20);
  EXPECT_EQ(control.logs[1].size(), 2'000U);
  EXPECT_GT(control.complete_through, before);
  std::uint64_t uploaded = 0;
  for (const protocol::SyncRequest& request : control.requests) {
    ByteView rest = request.upload ? ByteView(request.upload->records) : ByteView();
    while (*codec::unpack(rest)) {
      ++uploaded;
    }
    EXPECT_TRUE(!request.complete_through || uploaded == 2'000U) << uploaded;
    EXPECT_LE(to_json(request).size(), protocol::kMostSyncBytes);
  }
}

TEST_F(AgentTest, a_last_sync_at_the_end_uploads_what_was_settled) {
  start_in_network();
  seconds(3);
  outbox.settle("last");
  end();
  EXPECT_THAT(control.logs[1], testing::ElementsAre("last"));
}

// Whatever is lost, doubled or late, and however often the process dies: what was on disk arrives,
// once, in order.
TEST_F(AgentTest, every_record_on_disk_arrives_exactly_once_through_faults_and_kills) {
  publish(network, {1, 1});
  control_up();
  SeededRandom faults(7);
  control.next_fault = [&] {
    const std::uint64_t dice = faults.below(10);
    return dice < 5 ? FakeControl::Fault::kNone : static_cast<FakeControl::Fault>(dice - 4);
  };
  std::uint64_t settled = 0;
  for (int life = 0; life < 40; ++life) {
    ASSERT_TRUE(begin());
    for (std::uint64_t step = faults.below(12); step > 0; --step) {
      for (std::uint64_t i = faults.below(40); i > 0; --i) {
        outbox.settle("record " + std::to_string(++settled));
      }
      seconds(0.05 * static_cast<double>(1 + faults.below(40)));
    }
    kill();
    settled = outbox.current().records.size();
  }
  control.next_fault = nullptr;
  ASSERT_TRUE(begin());
  seconds(20);
  EXPECT_GT(settled, 500U);
  EXPECT_EQ(control.logs[1], outbox.current().records);
  EXPECT_EQ(control.clones, 0U);
  EXPECT_EQ(outbox.current().acked, settled);
}

}  // namespace
}  // namespace tdn::agent
