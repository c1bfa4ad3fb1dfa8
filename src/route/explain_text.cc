#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "route/explain.h"

namespace tdn::route {
namespace {

std::string ms(std::int64_t us) {
  if (us != 0 && us > -100 && us < 100) {
    return fmt::format("{:.2f}", static_cast<double>(us) / 1000);
  }
  return us == 0 ? "-" : fmt::format("{:.1f}", static_cast<double>(us) / 1000);
}

// Columns as wide as what is in them, the first to the left, all others to the right.
class Columns {
 public:
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  void print(std::string& out) const {
    std::vector<std::size_t> widths;
    for (const std::vector<std::string>& cells : rows_) {
      widths.resize(std::max(widths.size(), cells.size()));
      for (std::size_t i = 0; i < cells.size(); ++i) {
        widths[i] = std::max(widths[i], cells[i].size());
      }
    }
    for (const std::vector<std::string>& cells : rows_) {
      for (std::size_t i = 0; i < cells.size(); ++i) {
        out += i == 0 ? fmt::format("{:<{}}", cells[i], widths[i])
                      : fmt::format("  {:>{}}", cells[i], widths[i]);
      }
      out += '\n';
    }
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

class TextExplanation {
 public:
  explicit TextExplanation(const Explanation& told) : told_(told) {}

  std::string run() && {
    head();
    verdict();
    scores();
    known();
    recovering();
    excluded();
    flips();
    if (told_.recorded) {
      out_ += fmt::format(
          "\nNot as recorded: then it was {}. Was this file written by another "
          "version of tdn?\n",
          *told_.recorded);
    }
    ended();
    return std::move(out_);
  }

 private:
  void ended() {
    if (!told_.ended) {
      return;
    }
    const Ending& ended = *told_.ended;
    out_ += "\nHow it ended\n  ";
    out_ += ended.status == 0
                ? std::string("the client left before an answer")
                : fmt::format("{}{}{}", ended.status, ended.code.empty() ? "" : " ", ended.code);
    out_ += ended.endpoint.empty() ? "" : fmt::format(", {}", ended.endpoint);
    if (ended.first_us > 0) {
      out_ +=
          fmt::format(", first byte after {:.1f} ms", static_cast<double>(ended.first_us) / 1e3);
    }
    out_ += fmt::format(", all after {:.1f} ms, {} output tokens\n",
                        static_cast<double>(ended.total_us) / 1e3, ended.output);
  }

  void head() {
    const Work& work = *told_.work;
    out_ += fmt::format("request {}\nmodel {}, asked at {}, objective {}\n", told_.request,
                        told_.model, told_.here, to_string(work.objective));
    out_ += fmt::format("a prompt of about {} tokens ({} bytes), an answer of about {}\n\n",
                        work.input_tokens, told_.body_bytes, work.output_tokens);
  }

  void verdict() {
    const Decision& decision = told_.decision;
    if (decision.refused()) {
      out_ += fmt::format("refused  {}: {}\n", info(decision.refusal).name, told_.refusal);
      return;
    }
    const Candidate& best = decision.candidates[0];
    out_ += fmt::format("chosen   {}: {}, {} ms\n", told_.places[best.at].name(),
                        meaning(decision.reason), ms(best.score_us));
    if (decision.candidates.size() > 1) {
      const Candidate& second = decision.candidates[1];
      out_ += fmt::format("next     {}: {} ms, {} ms behind\n", told_.places[second.at].name(),
                          ms(second.score_us), ms(second.score_us - best.score_us));
    }
  }

  // The best first.
  [[nodiscard]] std::vector<std::size_t> eligible() const {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < told_.facts.size(); ++i) {
      if (told_.facts[i].exclusion == Exclusion::kNone) {
        order.push_back(i);
      }
    }
    std::ranges::sort(order, {}, [&](std::size_t i) {
      return std::tuple(told_.facts[i].rank, weigh(*told_.work, told_.facts[i]).total(), i);
    });
    return order;
  }

  void scores() {
    const std::vector<std::size_t> order = eligible();
    if (order.empty()) {
      return;
    }
    std::array<bool, kTerms> used{};
    for (const std::size_t i : order) {
      const Terms terms = weigh(*told_.work, told_.facts[i]);
      for (std::size_t term = 0; term < kTerms; ++term) {
        used[term] = used[term] || terms.us[term] != 0;
      }
    }
    Columns columns;
    std::vector<std::string> titles{"Milliseconds", "score"};
    for (std::size_t term = 0; term < kTerms; ++term) {
      if (used[term]) {
        titles.emplace_back(to_string(static_cast<Term>(term)));
      }
    }
    columns.row(titles);
    for (const std::size_t i : order) {
      const Terms terms = weigh(*told_.work, told_.facts[i]);
      std::vector<std::string> cells{told_.places[i].name(), ms(terms.total())};
      for (std::size_t term = 0; term < kTerms; ++term) {
        if (used[term]) {
          cells.push_back(ms(terms.us[term]));
        }
      }
      columns.row(std::move(cells));
    }
    out_ += '\n';
    columns.print(out_);
  }

  static std::string age(const Facts& facts) {
    if (facts.age_ms == Facts::kNeverReported) {
      return "never";
    }
    return facts.age_ms == 0 && facts.running == 0 ? "-"
                                                   : fmt::format("{:.1f} s", facts.age_ms / 1000.0);
  }

  void known() {
    const std::vector<std::size_t> order = eligible();
    if (order.empty()) {
      return;
    }
    Columns columns;
    columns.row({"Known of them", "ours", "running", "waiting", "reported", "taken for", "of",
                 "ms/prompt", "prompt tok/s", "ms/token", "cached"});
    for (const std::size_t i : order) {
      const Facts& facts = told_.facts[i];
      columns.row({told_.places[i].name(), std::to_string(facts.own), std::to_string(facts.running),
                   std::to_string(facts.waiting), age(facts),
                   fmt::format("{:.1f}", static_cast<double>(crowd(facts).requests) / 1024),
                   std::to_string(facts.slots), fmt::format("{:.1f}", facts.prompt_us / 1000.0),
                   fmt::format("{:.0f}", 1e9 / std::max(facts.prefill_ns, 1U)),
                   fmt::format("{:.1f}", facts.decode_us / 1000.0),
                   std::to_string(facts.cached_tokens)});
    }
    out_ += '\n';
    columns.print(out_);
  }

  void recovering() {
    bool first = true;
    for (const std::size_t i : eligible()) {
      const Facts& facts = told_.facts[i];
      if (facts.trust >= 100) {
        continue;
      }
      out_ += first ? "\nNot yet trusted as before\n" : "";
      first = false;
      const std::string name = told_.places[i].name();
      out_ += facts.trust == 0
                  ? fmt::format(
                        "  {}: ejected, but needed: more than a third of those permitted "
                        "are; it goes last while another has room\n",
                        name)
                  : fmt::format("  {}: came back lately, counted with {} % of its {} slots\n", name,
                                facts.trust, facts.slots);
    }
  }

  void excluded() {
    bool first = true;
    for (std::size_t i = 0; i < told_.facts.size(); ++i) {
      const Exclusion exclusion = told_.facts[i].exclusion;
      if (exclusion != Exclusion::kNone) {
        out_ += first ? "\nLeft out\n" : "";
        first = false;
        out_ += fmt::format("  {}: {}\n", told_.places[i].name(), meaning(exclusion));
      }
    }
    if (told_.left_out > 0) {
      out_ += fmt::format("  and {} more that made no difference and were not recorded\n",
                          told_.left_out);
    }
  }

  void flips() {
    const std::vector<Flip> flips = find_flips(*told_.work, told_.facts);
    out_ += flips.empty() ? "" : "\nWhat would change it\n";
    for (const Flip& flip : flips) {
      out_ += fmt::format("  {}\n", to_sentence(flip, told_.places));
    }
  }

  const Explanation& told_;
  std::string out_;
};

}  // namespace

std::string to_text(const Explanation& explanation) { return TextExplanation(explanation).run(); }

}  // namespace tdn::route
