#include "gateway/routing.h"

#include <algorithm>

#include "codec/openai_provider.h"

namespace tdn::gateway {
namespace {

// Where the client is. A country alone is taken for where its first site is: better than nowhere.
std::optional<domain::Coordinates> place_of(const ClientLocation& location,
                                            const domain::Snapshot& snapshot) {
  if (location.coordinates || !location.country.known()) {
    return location.coordinates;
  }
  const auto site = std::ranges::find(snapshot.sites(), location.country, &domain::Site::country);
  return site == snapshot.sites().end() ? std::nullopt : std::optional(site->coordinates);
}

// Fewer tokens say more of everything else than of the endpoint's speed.
constexpr std::uint64_t kEnoughOutput = 8;

std::uint64_t us_between(Instant earlier, Instant later) {
  if (later <= earlier) {
    return 0;
  }
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(later - earlier).count());
}

std::uint64_t less(std::uint64_t value, std::uint64_t taken) {
  return value - std::min(value, taken);
}

void learn_from_stream(const Request& request, const Leg& leg, route::EndpointState& state,
                       const meter::TokenTotals& tokens) {
  const std::uint64_t first = us_between(request.dispatched, request.first_byte);
  if (first == 0) {
    return;
  }
  state.learn_first_token(std::chrono::microseconds(first));
  const std::uint64_t generating = us_between(request.first_byte, request.last_token);
  if (tokens.output >= kEnoughOutput && generating > 0) {
    state.learn_decode(generating / (tokens.output - 1));
  }
  // What should have been cached and is not told may have been, or forgotten: nobody knows how much
  // was read.
  const bool unknown = leg.cached_tokens > 0 && tokens.cached_input == 0;
  if (!leg.queued && !unknown) {
    state.learn_prefill(tokens.input, less(first, leg.way_us));
  }
}

// Reading and generating cannot be told apart here: what is known of the one gives the other.
void learn_from_whole(const Request& request, const Leg& leg, route::EndpointState& state,
                      const meter::TokenTotals& tokens) {
  const std::uint64_t all = us_between(request.dispatched, request.last_token);
  const std::uint32_t prefill = state.prefill_ns_per_token();
  const std::uint64_t reading =
      state.prompt_us() + tokens.input * (prefill != 0 ? prefill : route::kPriorPrefillNs) / 1000;
  const std::uint64_t took = less(all, leg.way_us);
  if (!leg.queued && took < state.prompt_us()) {
    state.learn_prefill(0, took);  // it can be no more than all of it
  }
  const std::uint64_t generating = less(took, reading);
  if (tokens.output >= kEnoughOutput && !leg.queued && generating > 0) {
    state.learn_decode(generating / tokens.output);
  }
}

}  // namespace

Result<void> Routing::read_preferences(Request& request) {
  if (!request.scan.provider_at.present()) {
    return {};
  }
  TDN_TRY(const codec::ProviderWishes wishes,
          codec::parse_provider(request.scan.provider_at.of(request.body)));
  TDN_TRY(route::Preferences preferences, route::Preferences::create(request.snapshot(), wishes));
  request.preferences = std::make_unique<const route::Preferences>(std::move(preferences));
  return {};
}

void Routing::look_up(const Request& request, Instant now, route::CacheHits& hits) {
  beginnings_.clear();
  if (prefixes_ == nullptr || !request.scan.text_at.present()) {
    return;
  }
  const domain::Snapshot& snapshot = request.snapshot();
  const std::string_view text = request.scan.text_at.of(request.body);
  route::find_beginnings(
      {prefixes_->secret(), snapshot[request.key->tenant].uid, snapshot[request.model].uid}, text,
      beginnings_);
  const route::ModelState& model = request.catalogue->table().model_state(request.model);
  for (std::size_t i = beginnings_.size(); i > 0 && !hits.full(); --i) {
    const route::Beginning& beginning = beginnings_[i - 1];
    const std::optional<std::uint32_t> tag = prefixes_->find(beginning.hash, now);
    const auto same = [&tag](const route::CacheHit& hit) { return hit.tag == *tag; };
    if (tag && std::none_of(hits.begin(), hits.end(), same)) {
      hits.push_back({*tag, model.tokens_of(beginning.bytes)});
    }
  }
}

route::Request Routing::wanted(const Request& request, const Tried& tried, Instant now) {
  const route::Preferences* preferences = request.preferences.get();
  const std::optional<route::Objective> asked =
      preferences != nullptr ? preferences->objective() : std::nullopt;
  route::Request wanted;
  wanted.key = request.key;
  wanted.model = request.model;
  wanted.client = request.location.country;
  wanted.policy = request.outcome;
  wanted.tried = {tried.endpoints.begin(), tried.endpoints.size()};
  wanted.tried_sites = {tried.sites.begin(), tried.sites.size()};
  wanted.own_only = request.from_peer;
  wanted.now = now;
  wanted.work = route::usual_work(request.catalogue->table(), request.model,
                                  asked.value_or(route::objective_of(*request.key)),
                                  request.body.size(), request.scan.max_tokens.value_or(0));
  wanted.work.spread = request.spread();
  wanted.preferences = preferences;
  wanted.client_at = place_of(request.location, request.snapshot());
  return wanted;
}

Routing::Weighed Routing::weigh(const Request& request, const Tried& tried, Instant now) {
  route::Request asked = wanted(request, tried, now);
  look_up(request, now, asked.cached);
  return {asked.work, route::choose(request.catalogue->table(), asked, scratch_)};
}

route::Decision Routing::choose(const Request& request, const Tried& tried, Instant now) {
  Weighed weighed = weigh(request, tried, now);
  logger_.decided(request, weighed.work, weighed.decision,
                  {beginnings_.begin(), beginnings_.size()}, now);
  return weighed.decision;
}

Error Routing::refusal(const Request& request, const route::Decision& decision) const {
  route::Request asked;
  asked.model = request.model;
  return route::refusal(request.catalogue->table(), asked, decision);
}

void Routing::take(Request& request, const route::Decision& decision, Leg& leg, Instant now) {
  const route::Facts& facts = decision.all[decision.candidates.front().at];
  leg.reason = route::to_string(decision.reason);
  request.told.reason = decision.reason;
  request.told.endpoint = leg.endpoint.value;
  ++request.told.attempts;
  leg.cached_tokens = facts.cached_tokens;
  leg.way_us = facts.site_us + facts.setup_us;
  leg.queued =
      facts.pending_tokens > 0 || route::crowd(facts).requests >= std::uint64_t{facts.slots} << 10U;
  const std::uint32_t input =
      request.catalogue->table().model_state(request.model).tokens_of(request.body.size());
  leg.fresh_tokens = input - std::min(input, facts.cached_tokens);
  for (const route::Beginning& beginning : beginnings_) {
    prefixes_->put(beginning.hash, facts.tag, now);
  }
}

void Routing::learn(const Request& request, const Leg& leg, meter::End end,
                    const meter::TokenTotals& tokens) {
  if (leg.usage.estimated()) {
    return;
  }
  const route::Table& table = request.catalogue->table();
  route::EndpointState& state = table.state(leg.endpoint);
  state.learn_cache(leg.cached_tokens, tokens.cached_input);
  if (end != meter::End::kComplete) {
    return;
  }
  table.model_state(request.model)
      .learn(leg.usage.input_characters(), tokens.input + tokens.cached_input, tokens.output);
  if (leg.streamed) {
    learn_from_stream(request, leg, state, tokens);
  } else {
    learn_from_whole(request, leg, state, tokens);
  }
}

}  // namespace tdn::gateway
