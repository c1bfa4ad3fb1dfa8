#include "codec/json_writer.h"
#include "route/explain.h"

namespace tdn::route {
namespace {

using codec::JsonWriter;

class JsonExplanation {
 public:
  explicit JsonExplanation(const Explanation& told) : told_(told), json_(text_) {}

  std::string run() && {
    json_.begin_object();
    json_.key("request").string(told_.request).key("atUs").string(std::to_string(told_.at.us));
    json_.key("site").string(told_.here).key("model").string(told_.model);
    work();
    decision();
    json_.key("candidates").begin_array();
    for (std::size_t i = 0; i < told_.facts.size(); ++i) {
      candidate(i);
    }
    json_.end_array();
    if (told_.left_out > 0) {
      json_.key("leftOut").number(std::uint64_t{told_.left_out});
    }
    flips();
    if (told_.recorded) {
      json_.key("recorded").string(*told_.recorded);
    }
    ended();
    json_.end_object();
    return std::move(text_);
  }

 private:
  void ended() {
    if (!told_.ended) {
      return;
    }
    const Ending& ended = *told_.ended;
    json_.key("ended").begin_object().key("status").number(std::uint64_t{ended.status});
    json_.key("code");
    ended.code.empty() ? json_.null() : json_.string(ended.code);
    json_.key("endpoint").string(ended.endpoint);
    json_.key("outputTokens").string(std::to_string(ended.output));
    json_.key("firstByteUs").number(ended.first_us);
    json_.key("totalUs").number(ended.total_us).end_object();
  }

  void number(std::string_view key, std::uint64_t value) { json_.key(key).number(value); }

  void work() {
    const Work& work = *told_.work;
    json_.key("objective").string(to_string(work.objective));
    json_.key("work").begin_object();
    number("bodyBytes", told_.body_bytes);
    number("inputTokens", work.input_tokens);
    number("outputTokens", work.output_tokens);
    number("usualInputTokens", work.usual_input_tokens);
    number("usualOutputTokens", work.usual_output_tokens);
    json_.end_object();
  }

  void place(std::size_t at) {
    json_.key("site").string(told_.places[at].site);
    json_.key("endpoint").string(told_.places[at].endpoint);
  }

  void decision() {
    const Decision& decision = told_.decision;
    json_.key("chosen");
    if (decision.refused()) {
      json_.null();
      json_.key("refusal").begin_object();
      json_.key("code").string(info(decision.refusal).name);
      json_.key("message").string(told_.refusal).end_object();
      return;
    }
    const Candidate& best = decision.candidates[0];
    json_.begin_object();
    place(best.at);
    json_.key("reason").string(to_string(decision.reason));
    json_.key("scoreUs").number(best.score_us).end_object();
    json_.key("refusal").null();
    json_.key("runnerUp");
    if (decision.candidates.size() < 2) {
      json_.null();
      return;
    }
    const Candidate& second = decision.candidates[1];
    json_.begin_object();
    place(second.at);
    json_.key("scoreUs").number(second.score_us);
    json_.key("behindUs").number(second.score_us - best.score_us).end_object();
  }

  void candidate(std::size_t at) {
    const Facts& facts = told_.facts[at];
    json_.begin_object();
    place(at);
    json_.key("excluded");
    if (facts.exclusion == Exclusion::kNone) {
      json_.null();
      const Terms terms = weigh(*told_.work, facts);
      json_.key("rank").number(std::uint64_t{facts.rank});
      json_.key("scoreUs").number(terms.total());
      json_.key("termsUs").begin_object();
      for (std::size_t i = 0; i < kTerms; ++i) {
        json_.key(to_string(static_cast<Term>(i))).number(terms.us[i]);
      }
      json_.end_object();
    } else {
      json_.string(to_string(facts.exclusion));
      json_.key("why").string(meaning(facts.exclusion));
    }
    known(facts);
    json_.end_object();
  }

  void known(const Facts& facts) {
    json_.key("known").begin_object();
    number("roundTripUs", facts.way_us());
    number("slots", facts.slots);
    number("inFlight", facts.own);
    number("pendingTokens", facts.pending_tokens);
    number("running", facts.running);
    number("waiting", facts.waiting);
    json_.key("reportAgeMs");
    if (facts.age_ms == Facts::kNeverReported) {
      json_.null();
    } else {
      json_.number(std::uint64_t{facts.age_ms});
    }
    json_.key("requestsAssumed").number(static_cast<double>(crowd(facts).requests) / 1024);
    number("promptUs", facts.prompt_us);
    number("prefillNsPerToken", facts.prefill_ns);
    number("decodeUsPerToken", facts.decode_us);
    number("cachedTokens", facts.cached_tokens);
    json_.key("costPico").string(std::to_string(money_pico(*told_.work, facts)));
    number("trustPercent", facts.trust);
    json_.key("keepsData").boolean(facts.keeps_data);
    json_.key("relayed").boolean(facts.relayed);
    json_.end_object();
  }

  void flips() {
    json_.key("flips").begin_array();
    for (const Flip& flip : find_flips(*told_.work, told_.facts)) {
      json_.begin_object().key("what").string(to_string(flip.what));
      json_.key("at").string(told_.places[flip.at].name());
      json_.key("to").string(told_.places[flip.to].name());
      json_.key("amount").number(flip.amount);
      json_.key("text").string(to_sentence(flip, told_.places)).end_object();
    }
    json_.end_array();
  }

  const Explanation& told_;
  std::string text_;
  JsonWriter json_;
};

}  // namespace

std::string to_json(const Explanation& explanation) { return JsonExplanation(explanation).run(); }

}  // namespace tdn::route
