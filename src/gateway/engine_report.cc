#include "gateway/engine_report.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tdn::gateway {
namespace {

// Less work than this says little of speed.
constexpr double kEnoughTokens = 64;
constexpr double kEnoughSteps = 8;

// The value of a metric without labels: "name value" on a line of its own.
std::optional<double> value_of(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != std::string_view::npos;
       at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if ((at == 0 || text[at - 1] == '\n') && end < text.size() && text[end] == ' ') {
      double value = 0;
      const auto [last, error] =
          std::from_chars(text.data() + end + 1, text.data() + text.size(), value);
      if (error == std::errc{} && value >= 0) {
        return value;
      }
    }
  }
  return std::nullopt;
}

std::uint32_t count_of(double value) { return static_cast<std::uint32_t>(std::min(value, 1e9)); }

// Seconds per unit of work since before, in `scale` of a second; 0 if there was too little.
std::uint32_t speed(double seconds, double seconds_before, double work, double work_before,
                    double enough, double scale) {
  if (work < work_before || seconds < seconds_before) {
    work_before = seconds_before = 0;
  }
  const double done = work - work_before;
  return done < enough ? 0 : count_of(std::round(scale * (seconds - seconds_before) / done));
}

}  // namespace

std::optional<route::EndpointReport> read_engine_metrics(std::string_view text,
                                                         EngineCounters& before) {
  const std::optional<double> running = value_of(text, "tdn_engine_requests_running");
  const std::optional<double> waiting = value_of(text, "tdn_engine_requests_waiting");
  if (!running || !waiting) {
    return std::nullopt;
  }
  EngineCounters now;
  now.prompt_tokens = value_of(text, "tdn_engine_prompt_tokens_total").value_or(0);
  now.prefill_seconds = value_of(text, "tdn_engine_prefill_seconds_total").value_or(0);
  now.decode_steps = value_of(text, "tdn_engine_decode_calls_total").value_or(0) -
                     value_of(text, "tdn_engine_prefill_calls_total").value_or(0);
  now.decode_seconds = value_of(text, "tdn_engine_decode_seconds_total").value_or(0);
  route::EndpointReport report;
  report.running = count_of(*running);
  report.waiting = count_of(*waiting);
  report.slots = count_of(value_of(text, "tdn_engine_slots").value_or(0));
  report.prefill_ns_per_token = speed(now.prefill_seconds, before.prefill_seconds,
                                      now.prompt_tokens, before.prompt_tokens, kEnoughTokens, 1e9);
  report.decode_us_per_token = speed(now.decode_seconds, before.decode_seconds, now.decode_steps,
                                     before.decode_steps, kEnoughSteps, 1e6);
  before = now;
  return report;
}

}  // namespace tdn::gateway
