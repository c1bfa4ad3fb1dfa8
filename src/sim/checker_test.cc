// A true story in three books, and each lie about it that the checker must see.
#include "sim/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tdn::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Uid request_uid(std::uint8_t last) {
  Uid uid;
  uid.bytes[15] = last;
  return uid;
}

struct Story {
  Story() {
    const std::string id = to_string(request_uid(1));
    price = {*Currency::parse("USD"), Price{20}, Price{5}, Price{40}};
    told = {.mark = "c-0",
            .streamed = true,
            .status = 200,
            .request_id = id,
            .text = "c-0.0 c-0.1 ",
            .finish = true,
            .done = true};
    attempt = {.request_id = id,
               .prompt_tokens = 10,
               .cached_tokens = 4,
               .completion_tokens = 2,
               .text = told.text,
               .answering = true,
               .finished = true,
               .told_usage = true};
    meter::UsageRecord record;
    record.request = {request_uid(1)};
    record.seq = 1;
    record.flags = meter::kStreamed;
    record.admission.lsn = 1;
    record.reported.set(meter::TokenClass::kInputTextFresh, 6);
    record.reported.set(meter::TokenClass::kInputTextCacheRead, 4);
    record.reported.set(meter::TokenClass::kOutputText, 2);
    record.charged.amount = price.charge(record.reported.totals());
    journal.records.push_back({record, {}});
    journal.admissions[1] = {{request_uid(1)}, 0};
  }
  [[nodiscard]] std::vector<std::string> check() const {
    return find_violations({{&told}, {&attempt}, &journal, price});
  }
  meter::UsageRecord& record() { return journal.records.front().record; }
  void set_output(std::uint64_t tokens) {
    record().reported.set(meter::TokenClass::kOutputText, tokens);
    record().charged.amount = price.charge(record().reported.totals());
  }

  meter::ListPrice price;
  Told told;
  EngineAttempt attempt;
  ReplayedJournal journal;
};

TEST(Checker, FindsNothingWrongWithATrueStory) { EXPECT_THAT(Story().check(), IsEmpty()); }

TEST(Checker, SeesAFinishWithoutARecord) {
  Story story;
  story.journal.records.clear();
  EXPECT_THAT(story.check(), ElementsAre(HasSubstr("0 bought records")));
}

TEST(Checker, SeesAFinishWhoseRecordIsAnOrphan) {
  Story story;
  story.record().end = meter::End::kOrphan;
  story.journal.admissions[1].output = 2;
  EXPECT_THAT(story.check(), ElementsAre(HasSubstr("saw the finish")));
}

TEST(Checker, SeesCountsThatAreNotTheEngines) {
  Story story;
  story.set_output(3);
  EXPECT_THAT(story.check(), ElementsAre(HasSubstr("the engine counted 2")));
  story.set_output(2);
  story.attempt.cached_tokens = 5;
  EXPECT_THAT(story.check(), ElementsAre(HasSubstr("input tokens")));
}

TEST(Checker, SeesAWrongCharge) {
  Story story;
  story.record().charged.amount += 1;
  EXPECT_THAT(story.check(), ElementsAre(HasSubstr("is charged")));
}

TEST(Checker, SeesARecordWithoutAdmissionAndOneSettledTwice) {
  Story story;
  story.journal.admissions.clear();
  EXPECT_THAT(story.check(), ElementsAre(HasSubstr("no admission")));
  Story twice;
  twice.journal.records.push_back(twice.journal.records.front());
  twice.journal.records.back().record.seq = 2;
  EXPECT_THAT(twice.check(),
              ElementsAre(HasSubstr("settled twice"), HasSubstr("2 bought records")));
}

TEST(Checker, SeesAGapAndABrokenChain) {
  Story gap;
  gap.record().seq = 2;
  EXPECT_THAT(gap.check(), ElementsAre(HasSubstr("stands where 1 should")));
  Story chain;
  chain.record().prev[0] = 1;
  EXPECT_THAT(chain.check(), ElementsAre(HasSubstr("does not follow")));
}

TEST(Checker, SeesAnOrphanThatPaysWithoutOutputOrForMoreThanItsCheckpoint) {
  Story story;
  story.told.finish = false;
  story.told.done = false;
  story.record().end = meter::End::kOrphan;
  EXPECT_THAT(story.check(), ElementsAre(HasSubstr("its last checkpoint 0")));
  story.set_output(0);
  EXPECT_THAT(story.check(), ElementsAre(HasSubstr("is charged")));
  story.record().charged.amount = 0;
  EXPECT_THAT(story.check(), IsEmpty());
}

TEST(Checker, SeesACutStreamBilledForMoreThanGeneratedOrLessThanReceived) {
  Story story;
  story.told.finish = false;
  story.told.done = false;
  story.record().end = meter::End::kClientGone;
  story.set_output(3);
  EXPECT_THAT(story.check(), ElementsAre(HasSubstr("the engine generated 2")));
  story.set_output(1);
  EXPECT_THAT(story.check(), ElementsAre(HasSubstr("got 2 tokens and is billed 1")));
}

TEST(Checker, SeesATextThatNoEngineGenerated) {
  Story story;
  story.attempt.text = "c-0.0 c-0.1 c-0.2 ";
  EXPECT_THAT(story.check(), ElementsAre(HasSubstr("to its end")));
  story.told.text = "c-0.1 ";
  story.told.finish = false;
  EXPECT_THAT(story.check(), ElementsAre(HasSubstr("no engine generated")));
}

TEST(Checker, SeesABadRequestThatWasAnsweredOrRecorded) {
  Story story;
  story.told.wrong = Wrong::kKey;
  EXPECT_THAT(story.check(),
              ElementsAre(HasSubstr("with 401, not 200"), HasSubstr("has a record")));
}

TEST(Checker, SeesUsageThatIsNotWhatIsBilled) {
  Story story;
  story.told.usage = true;
  story.told.prompt_tokens = 10;
  story.told.completion_tokens = 1;
  EXPECT_THAT(story.check(), ElementsAre(HasSubstr("was told")));
}

}  // namespace
}  // namespace tdn::sim
