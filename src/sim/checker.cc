#include "sim/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace tdn::sim {
namespace {

using meter::UsageRecord;

bool is_bought(const UsageRecord& record) { return record.side != meter::Side::kSold; }

// Our engines put one space behind every token.
std::uint64_t tokens_in(std::string_view text) {
  return static_cast<std::uint64_t>(std::ranges::count(text, ' '));
}

int refusal_of(Wrong wrong) {
  switch (wrong) {
    case Wrong::kNothing:
      return 0;
    case Wrong::kKey:
      return 401;
    case Wrong::kModel:
      return 404;
    case Wrong::kBody:
      return 400;
  }
  return 0;
}

class Checker {
 public:
  explicit Checker(const Testimony& testimony) : t_(testimony) {
    for (const ReplayedRecord& record : t_.journal->records) {
      if (is_bought(record.record)) {
        bought_[to_string(record.record.request.uid)].push_back(&record.record);
      }
    }
    for (const EngineAttempt* attempt : t_.attempts) {
      attempts_[attempt->request_id].push_back(attempt);
    }
    for (auto& [request, attempts] : attempts_) {
      std::ranges::sort(attempts, {}, &EngineAttempt::started);
    }
  }

  std::vector<std::string> run() && {
    check_journal();
    for (const ReplayedRecord& record : t_.journal->records) {
      check_record(record.record);
    }
    for (const Told* told : t_.told) {
      check_told(*told);
    }
    return std::move(found_);
  }

 private:
  template <class... Values>
  void expect(bool holds, fmt::format_string<Values...> rule, Values&&... values) {
    if (!holds) {
      found_.push_back(fmt::format(rule, std::forward<Values>(values)...));
    }
  }

  void check_journal() {
    std::uint64_t seq = 0;
    meter::Digest prev{};
    std::pair<Uid, std::uint64_t> log;
    std::set<std::tuple<RequestId, meter::Side, std::uint64_t>> seen;
    for (const auto& [record, hash] : t_.journal->records) {
      if (std::exchange(log, std::pair(record.edge, std::uint64_t{record.epoch})) != log) {
        seq = 0;
        prev = {};
      }
      expect(record.seq == ++seq, "record {} stands where {} should", record.seq, seq);
      expect(record.prev == prev, "record {} does not follow from the one before", record.seq);
      prev = hash;
      const auto key = std::tuple(record.request, record.side, record.leg);
      expect(seen.insert(key).second, "request {} was settled twice",
             to_string(record.request.uid));
    }
  }

  void check_record(const UsageRecord& record) {
    const std::string request = to_string(record.request.uid);
    const auto admission = t_.journal->admissions.find(record.admission.lsn);
    if (!t_.central && (admission == t_.journal->admissions.end() ||
                        admission->second.request != record.request)) {
      expect(false, "request {} has a record but no admission", request);
      return;
    }
    const meter::TokenTotals totals = record.reported.totals();
    const bool unbilled = record.end == meter::End::kOrphan && totals.output == 0;
    expect(record.charged.amount == (unbilled ? Amount{0} : t_.price.charge(totals)),
           "request {} is charged {}, its tokens cost {}", request,
           to_string(record.charged.amount), to_string(t_.price.charge(totals)));
    switch (record.end) {
      case meter::End::kComplete:
        check_complete(request, record);
        break;
      case meter::End::kOrphan:
        if (!t_.central) {
          expect(totals.output == admission->second.output,
                 "orphan {} has {} output tokens, its last checkpoint {}", request, totals.output,
                 admission->second.output);
        }
        [[fallthrough]];
      default:
        expect(totals.output <= most_generated(request),
               "request {} is billed {} output tokens, the engine generated {}", request,
               totals.output, most_generated(request));
    }
  }

  void check_complete(const std::string& request, const UsageRecord& record) {
    const EngineAttempt* attempt = finished_with(request, record);
    if (attempt == nullptr) {
      expect(false, "request {} is complete, but no engine finished it", request);
      return;
    }
    const meter::TokenTotals totals = record.reported.totals();
    const bool estimated = (record.flags & meter::kEstimated) != 0;
    if (!estimated || (record.flags & meter::kStreamed) != 0) {
      expect(totals.output == attempt->completion_tokens,
             "request {} has {} output tokens, the engine counted {}", request, totals.output,
             attempt->completion_tokens);
    }
    if (!estimated) {
      expect(totals.input + totals.cached_input == attempt->prompt_tokens &&
                 totals.cached_input == attempt->cached_tokens,
             "request {} has {} + {} input tokens, the engine counted {}, {} of them cached",
             request, totals.input, totals.cached_input, attempt->prompt_tokens,
             attempt->cached_tokens);
    }
  }

  void check_told(const Told& told) {
    expect(told.complaint.empty(), "client {}: {}", told.mark, told.complaint);
    const auto found = bought_.find(told.request_id);
    static const std::vector<const UsageRecord*> kNone;
    const auto& records = found == bought_.end() ? kNone : found->second;
    if (told.wrong != Wrong::kNothing) {
      // A site that must not read the body does not get so far as to see what is wrong with it.
      const bool unread = t_.central && told.status == 421;
      expect(told.status == 0 || unread || told.status == refusal_of(told.wrong),
             "client {} should have been refused with {}, not {}", told.mark,
             refusal_of(told.wrong), told.status);
      expect(records.empty(), "client {} was refused and has a record", told.mark);
      return;
    }
    if (told.status == 200) {
      expect(records.size() == 1, "client {} was answered (request {}{}) and has {} bought records",
             told.mark, told.request_id, told.finish ? ", finish seen" : "", records.size());
      check_text(told);
      if (records.size() == 1) {
        check_answer(told, *records.front());
      }
      return;
    }
    for (const UsageRecord* record : records) {
      expect(told.status == 0 || record->charged.amount == 0,
             "client {} was refused with {} and is charged", told.mark, told.status);
    }
  }

  void check_answer(const Told& told, const UsageRecord& record) {
    const meter::TokenTotals totals = record.reported.totals();
    if (told.finish) {
      expect(record.end == meter::End::kComplete,
             "client {} saw the finish, its record ended as {}", told.mark,
             static_cast<int>(record.end));
    } else if (record.end != meter::End::kOrphan) {
      expect(totals.output >= tokens_in(told.text), "client {} got {} tokens and is billed {}",
             told.mark, tokens_in(told.text), totals.output);
    }
    // Usage that came too late for the books is passed on all the same: they hold an estimate.
    if (told.usage && (record.flags & meter::kEstimated) == 0) {
      expect(told.completion_tokens == totals.output &&
                 told.prompt_tokens == totals.input + totals.cached_input,
             "client {} was told {} + {} tokens and is billed {} + {}", told.mark,
             told.prompt_tokens, told.completion_tokens, totals.input + totals.cached_input,
             totals.output);
    }
  }

  // What arrived is the beginning of one engine's answer, and the whole of it where it ended well.
  void check_text(const Told& told) {
    const auto attempts = attempts_.find(told.request_id);
    const bool true_answer =
        attempts != attempts_.end() &&
        std::ranges::any_of(attempts->second, [&](const EngineAttempt* attempt) {
          return told.finish ? attempt->finished && attempt->text == told.text
                             : attempt->text.starts_with(told.text);
        });
    expect(true_answer, "client {} got a text that no engine generated{}", told.mark,
           told.finish ? " to its end" : "");
  }

  [[nodiscard]] const EngineAttempt* last_finished(const std::string& request) const {
    const EngineAttempt* last = nullptr;
    if (const auto found = attempts_.find(request); found != attempts_.end()) {
      for (const EngineAttempt* attempt : found->second) {
        last = attempt->finished ? attempt : last;
      }
    }
    return last;
  }

  // Which of them the record tells of, if several finished because an answer was lost on the way
  // and asked for again: one that fits, else (an estimate knows only the output) one whose output
  // fits, else the last.
  [[nodiscard]] const EngineAttempt* finished_with(const std::string& request,
                                                   const UsageRecord& record) const {
    const meter::TokenTotals totals = record.reported.totals();
    const EngineAttempt* alike = nullptr;
    if (const auto found = attempts_.find(request); found != attempts_.end()) {
      for (const EngineAttempt* attempt : found->second) {
        if (!attempt->finished || attempt->completion_tokens != totals.output) {
          continue;
        }
        if (attempt->prompt_tokens == totals.input + totals.cached_input &&
            attempt->cached_tokens == totals.cached_input) {
          return attempt;
        }
        alike = attempt;
      }
    }
    return alike != nullptr ? alike : last_finished(request);
  }

  [[nodiscard]] std::uint64_t most_generated(const std::string& request) const {
    std::uint64_t most = 0;
    if (const auto found = attempts_.find(request); found != attempts_.end()) {
      for (const EngineAttempt* attempt : found->second) {
        most = std::max(most, attempt->completion_tokens);
      }
    }
    return most;
  }

  const Testimony& t_;
  std::map<std::string, std::vector<const UsageRecord*>> bought_;      // by request id
  std::map<std::string, std::vector<const EngineAttempt*>> attempts_;  // likewise, oldest first
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> find_violations(const Testimony& testimony) {
  return Checker(testimony).run();
}

}  // namespace tdn::sim
