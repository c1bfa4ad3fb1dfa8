#include "requests/entry.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <string>
#include <vector>

#include "requests/file.h"
#include "requests/history.h"

namespace tdn::requests {
namespace {

route::Facts any_facts(std::uint32_t index) {
  const auto number = [](std::uint32_t most) { return *rc::gen::inRange(0U, most); };
  route::Facts facts;
  facts.endpoint = {index};
  facts.site = {number(4)};
  facts.exclusion = number(2) == 0 ? route::Exclusion::kNone
                                   : static_cast<route::Exclusion>(number(route::kExclusions));
  facts.rank = static_cast<std::uint8_t>(number(3));
  facts.comparable = number(2) == 0;
  facts.relayed = number(2) == 0;
  facts.keeps_data = number(2) == 0;
  facts.trust = static_cast<std::uint8_t>(number(101));
  facts.tag = *rc::gen::arbitrary<std::uint32_t>();
  facts.client_us = number(50'000);
  facts.site_us = number(4) * 10'000;
  facts.setup_us = number(2) * 300;
  facts.slots = 1 + number(64);
  facts.own = number(70);
  facts.pending_tokens = number(10'000);
  facts.running = number(70);
  facts.waiting = number(3);
  facts.ours = number(70);
  facts.age_ms = number(4) == 0 ? route::Facts::kNeverReported : number(12'000);
  facts.prefill_ns = 1 + number(200'000);
  facts.prompt_us = number(60'000);
  facts.decode_us = 1 + number(60'000);
  facts.cached_tokens = number(3'000);
  facts.pause_ms = number(5'000);
  facts.input_pico = *rc::gen::inRange<std::uint64_t>(0, route::kDearest);
  facts.cached_pico = facts.input_pico / 4;
  facts.output_pico = *rc::gen::inRange<std::uint64_t>(0, 10'000'000);
  return facts;
}

std::vector<route::Facts> any_world(std::uint32_t most) {
  std::vector<route::Facts> all;
  const std::uint32_t count = *rc::gen::inRange(0U, most);
  for (std::uint32_t i = 0; i < count; ++i) {
    all.push_back(any_facts(i));
  }
  return all;
}

route::Work any_work() {
  route::Work work;
  work.objective = static_cast<route::Objective>(*rc::gen::inRange(0, 4));
  work.input_tokens = *rc::gen::inRange(0U, 20'000U);
  work.output_tokens = *rc::gen::inRange(0U, 1'000U);
  work.usual_input_tokens = 512;
  work.usual_output_tokens = 256;
  work.spread = *rc::gen::arbitrary<std::uint64_t>();
  return work;
}

Decided recorded(const route::Work& work, const route::Decision& decision) {
  Decided decided;
  decided.request.uid.bytes[3] = 7;
  decided.at_us = 1'767'225'600'000'000;
  decided.names = 3;
  decided.client_country = "DE";
  decided.client_at = RoughPlace{501, -87};
  decided.body_bytes = 4'000;
  decided.work = work;
  decided.reason = decision.reason;
  if (decision.refused()) {
    decided.refusal = info(decision.refusal).name;
  } else {
    decided.chosen = decision.candidates.front().endpoint.value;
  }
  const Notable kept = notable(decision);
  decided.left_out = static_cast<std::uint32_t>(decision.all.size() - kept.size());
  for (const std::uint32_t at : kept) {
    decided.facts.push_back(decision.all[at]);
  }
  decided.beginnings = {{0x1234567890abcdef, 512}, {42, 1024}};
  return decided;
}

TEST(EntryProperty, WhatIsRecordedIsDecidedAgainTheSame) {
  EXPECT_TRUE(rc::check("also when only those that matter are kept", [] {
    const std::vector<route::Facts> all = any_world(120);
    const route::Work work = any_work();
    const route::Decision decision = route::decide(work, all);
    const Decided decided = recorded(work, decision);
    RC_ASSERT(decided.facts.size() <= Decided::kMostFacts);
    RC_ASSERT(decided.facts.size() + decided.left_out == all.size());
    ByteBuffer bytes;
    encode(decided, bytes);
    const auto read = decode_decided(bytes.view());
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == decided);
    const Rerun rerun = run_again(*read);
    RC_ASSERT(rerun.same);
    RC_ASSERT(rerun.decision.candidates.size() == decision.candidates.size());
    for (std::size_t i = 0; i < decision.candidates.size(); ++i) {
      RC_ASSERT(rerun.decision.candidates[i].endpoint == decision.candidates[i].endpoint);
      RC_ASSERT(rerun.decision.candidates[i].score_us == decision.candidates[i].score_us);
    }
    RC_ASSERT(rerun.decision.retry_after == decision.retry_after);
  }));
}

TEST(Entry, AnotherChoiceThanWasRecordedIsNoticed) {
  std::vector<route::Facts> all(2);
  all[1].endpoint = {1};
  all[1].site_us = 5'000;
  const route::Work work;
  Decided decided = recorded(work, route::decide(work, all));
  EXPECT_TRUE(run_again(decided).same);
  decided.chosen = 1;
  EXPECT_FALSE(run_again(decided).same);
  decided.chosen = 0;
  decided.reason = route::Reason::kLoad;
  EXPECT_FALSE(run_again(decided).same);
}

// In RFC 8949 an array of 24 items begins with 98 18, one of 23 with 97; 19 4e 20 is 20,000.
TEST(Entry, ADecisionFromBeforeThereWasATimePerPromptIsRead) {
  const route::Work work;
  const Decided decided = recorded(work, route::decide(work, std::vector<route::Facts>(1)));
  ByteBuffer bytes;
  encode(decided, bytes);
  std::string text(bytes.view().begin(), bytes.view().end());
  const auto read = [&text] {
    const std::vector<std::uint8_t> copy(text.begin(), text.end());
    return decode_decided(copy);
  };
  const std::size_t head = text.find("\x98\x18");
  ASSERT_NE(head, text.npos);
  text.replace(head, 2, "\x97");
  EXPECT_FALSE(read().has_value()) << "one item too many";
  const std::size_t decode_us = text.find("\x19\x4e\x20", head);
  ASSERT_NE(decode_us, text.npos);
  ASSERT_EQ(text.substr(decode_us + 3, 6), std::string(6, '\0')) << "the last six";
  text.erase(decode_us + 3, 1);
  ASSERT_TRUE(read().has_value());
  EXPECT_EQ(*read(), decided);
}

TEST(Entry, ADecisionBetweenThreeTakesLittle) {
  std::vector<route::Facts> all(3);
  const route::Work work;
  ByteBuffer bytes;
  encode(recorded(work, route::decide(work, all)), bytes);
  EXPECT_LT(bytes.size(), 400U);
}

TEST(Entry, NamesAndEndsAreReadAsWritten) {
  const Names names{7, 1, {"berlin", "paris"}, {{"b", 0}, {"p", 1}}, {"m", "n"}};
  ByteBuffer bytes;
  encode(names, bytes);
  EXPECT_EQ(*decode_names(bytes.view()), names);
  Ended ended;
  ended.request.uid.bytes[0] = 1;
  ended.at_us = 5;
  ended.endpoint = 1;
  ended.model = 0;
  ended.status = 503;
  ended.code = "overloaded";
  ended.attempts = 2;
  ended.input = 100;
  ended.total_us = 77;
  bytes.clear();
  encode(ended, bytes);
  EXPECT_EQ(*decode_ended(bytes.view()), ended);
  EXPECT_FALSE(decode_decided(bytes.view()).has_value());
}

class Collector final : public Visitor {
 public:
  void on(Names) override { ++names; }
  void on(Decided) override { ++decided; }
  void on(Ended) override { ++ended; }
  int names = 0;
  int decided = 0;
  int ended = 0;
};

TEST(File, ATornEndIsToldAndWhatIsBeforeItCounts) {
  ByteBuffer file(bytes_of(kMagic));
  append_frame(FrameType::kNames, Names{}, file);
  append_frame(FrameType::kEnded, Ended{}, file);
  const std::size_t whole = file.size();
  append_frame(FrameType::kEnded, Ended{}, file);
  for (std::size_t size = whole; size < file.size(); ++size) {
    Collector found;
    const FileScan scan = scan_file(file.view(0, size), found);
    EXPECT_EQ(scan.whole, whole);
    EXPECT_EQ(scan.damaged, size - whole);
    EXPECT_EQ(found.ended, 1);
  }
  ByteBuffer damaged(file.view());
  damaged.data()[whole + 12] ^= 1;
  Collector found;
  EXPECT_EQ(scan_file(damaged.view(), found).whole, whole);
  EXPECT_FALSE(scan_file(bytes_of("TDNJRNL1"), found).is_log);
}

}  // namespace
}  // namespace tdn::requests
