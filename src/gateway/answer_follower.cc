#include "gateway/answer_follower.h"

#include <algorithm>
#include <functional>

namespace tdn::gateway {

using codec::Inspection;
using meter::TokenClass;

meter::UsageVector to_usage(const codec::ReportedUsage& reported) {
  meter::UsageVector usage;
  usage.set(TokenClass::kInputTextFresh, reported.prompt - reported.cached);
  usage.set(TokenClass::kInputTextCacheRead, reported.cached);
  usage.set(TokenClass::kOutputText, reported.completion - reported.reasoning);
  usage.set(TokenClass::kOutputReasoning, reported.reasoning);
  return usage;
}

Result<AnswerFollower::Step> AnswerFollower::follow(const codec::SseEvent& event) {
  Step step;
  step.pieces[0] = event.raw;
  if (!event.has_data) {
    step.hold = holding_;
    return step;
  }
  const Inspection found = inspector_.inspect(event.data);
  if (found.has_error) {
    const bool busy = found.error_status == 429 || found.error_status == 503;
    return fail(busy ? Code::kOverloaded : Code::kUpstreamError,
                busy ? "the engine is busy" : "the endpoint reported an error in its answer");
  }
  if (!found.is_json && !found.done && !event.data.empty()) {
    return fail(Code::kUpstreamError, "the engine's stream holds an event that is no JSON object");
  }
  note_step(found, event.data);
  count(found);
  if (found.done || (finished() && found.finished > 0)) {
    holding_ = true;
  }
  step.hold = holding_;
  if (found.is_usage_only() && !wanted_.usage_at_end) {
    step.drop = true;
  } else if (found.usage_member.present() && cut_usage(found)) {
    cut(event, found.usage_member, step);
  }
  return step;
}

void AnswerFollower::note_step(const Inspection& found, std::string_view data) {
  if (found.has_content || found.finished > 0 || found.done) {
    ++steps_;
    return;
  }
  const std::uint64_t hash = std::hash<std::string_view>{}(data) | 1U;
  steps_ += hash != last_without_content_ ? 1 : 0;
  last_without_content_ = hash;
}

void AnswerFollower::count(const Inspection& found) {
  done_ = done_ || found.done;
  begun_ = begun_ || found.has_content || found.has_choices || found.finished > 0;
  content_events_ += found.has_content ? 1 : 0;
  finishes_seen_ += found.finished;
  if (found.finish != codec::Finish::kNone) {
    finish_ = found.finish;
  }
  if (found.usage) {
    reported_.add(*found.usage, found.choice);
    has_usage_ = true;
    has_final_usage_ = has_final_usage_ || finished() || found.is_usage_only();
  }
}

bool AnswerFollower::cut_usage(const Inspection& found) const {
  if (wanted_.usage_in_events || found.is_usage_only()) {
    return false;
  }
  // With include_usage alone OpenAI sends `"usage": null` in every other event: that is as asked.
  return !(wanted_.usage_at_end && !found.usage && !found.bad_usage);
}

void AnswerFollower::cut(const codec::SseEvent& event, codec::Span member, Step& step) {
  const std::string_view before = event.data.substr(0, member.offset);
  const std::string_view after = event.data.substr(member.offset + member.length);
  const char* const raw_end = event.raw.data() + event.raw.size();
  if (event.data.data() >= event.raw.data() && event.data.data() < raw_end) {
    step.pieces[0] = {event.raw.data(), before.data() + before.size()};
    step.pieces[1] = {after.data(), raw_end};
    return;
  }
  // Data over several lines was joined: between JSON's tokens a line break is as good as a blank.
  rewritten_.assign("data: ").append(before).append(after);
  std::replace(rewritten_.begin(), rewritten_.end(), '\n', ' ');
  rewritten_.append("\n\n");
  step.pieces[0] = rewritten_;
}

}  // namespace tdn::gateway
