#include "gateway/metrics.h"

namespace tdn::gateway {
namespace {

using enum MetricKind;

constexpr MetricInfo kEnded{"tdn_requests_total", kCounter, "requests",
                            "Admitted requests by how they ended."};
constexpr MetricInfo kRefused{"tdn_refused_total", kCounter, "requests",
                              "Requests answered with an error of the gateway's own, by code."};
constexpr MetricInfo kPassed{
    "tdn_engine_refusals_total", kCounter, "requests",
    "Requests that an engine refused itself and whose answer was passed on."};
constexpr MetricInfo kTokens{"tdn_tokens_total", kCounter, "tokens",
                             "Tokens settled, by class: input, cached_input, output."};
constexpr MetricInfo kEstimated{
    "tdn_estimated_records_total", kCounter, "records",
    "Usage records whose counts are estimates, for the engine gave none."};
constexpr MetricInfo kRetries{"tdn_retries_total", kCounter, "attempts",
                              "Attempts at another endpoint before the first byte."};
constexpr MetricInfo kForwarded{"tdn_forwarded_total", kCounter, "attempts",
                                "Attempts at the edge of another site."};
constexpr MetricInfo kPeerRefusals{"tdn_peer_refusals_total", kCounter, "attempts",
                                   "Attempts that the other site's edge did not take."};
constexpr MetricInfo kPeerRequests{"tdn_peer_requests_total", kCounter, "requests",
                                   "Requests of other edges that were taken here."};
constexpr MetricInfo kEvents{"tdn_stream_events_total", kCounter, "events",
                             "Events of streamed answers relayed."};
constexpr MetricInfo kInFlight{"tdn_requests_in_flight", kGauge, "requests",
                               "Requests being served now."};
constexpr MetricInfo kFirstByte{"gen_ai_server_time_to_first_token", kHistogram, "seconds",
                                "From the request's head to the first byte of its answer."};
constexpr MetricInfo kDuration{"gen_ai_server_request_duration", kHistogram, "seconds",
                               "From the request's head to the end of its answer."};
constexpr MetricInfo kSettle{"tdn_settle_seconds", kHistogram, "seconds",
                             "How long the end of an answer waited for the books."};

constexpr std::array<const char*, kEnds> kEndNames{
    "complete", "client_gone", "upstream_died", "budget", "orphan", "blocked", "timed_out"};

}  // namespace

std::string_view name_of(meter::End end) { return kEndNames[static_cast<std::size_t>(end)]; }

void GatewayMetrics::sample(std::vector<Sample>& samples) const {
  for (std::size_t i = 0; i < kEnds; ++i) {
    samples.emplace_back(kEnded, MetricLabels{{"end", kEndNames[i]}}, ended[i]);
  }
  for (std::size_t i = 0; i < refused.size(); ++i) {
    const CodeInfo& code = info(static_cast<Code>(i));
    if (code.status != 0) {
      samples.emplace_back(kRefused, MetricLabels{{"code", std::string(code.name)}}, refused[i]);
    }
  }
  samples.emplace_back(kPassed, MetricLabels{}, passed_errors);
  samples.emplace_back(kTokens, MetricLabels{{"class", "input"}}, input_tokens);
  samples.emplace_back(kTokens, MetricLabels{{"class", "cached_input"}}, cached_input_tokens);
  samples.emplace_back(kTokens, MetricLabels{{"class", "output"}}, output_tokens);
  samples.emplace_back(kEstimated, MetricLabels{}, estimated);
  samples.emplace_back(kRetries, MetricLabels{}, retries);
  samples.emplace_back(kForwarded, MetricLabels{}, forwarded);
  samples.emplace_back(kPeerRefusals, MetricLabels{}, peer_refusals);
  samples.emplace_back(kPeerRequests, MetricLabels{}, peer_requests);
  samples.emplace_back(kEvents, MetricLabels{}, events);
  samples.emplace_back(kInFlight, MetricLabels{}, in_flight);
  samples.emplace_back(kFirstByte, MetricLabels{}, first_byte);
  samples.emplace_back(kDuration, MetricLabels{}, duration);
  samples.emplace_back(kSettle, MetricLabels{}, settle);
}

}  // namespace tdn::gateway
