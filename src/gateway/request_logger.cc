#include "gateway/request_logger.h"

#include <algorithm>
#include <cmath>

namespace tdn::gateway {
namespace {

std::uint64_t us(Duration duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(duration).count(), 0));
}

std::uint64_t wall_us(const Request& request, Instant now) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(request.arrived_wall.us, 0)) +
         us(now - request.arrived);
}

std::uint8_t number_of(Code code) { return static_cast<std::uint8_t>(static_cast<int>(code) + 1); }

std::int16_t tenths(double degrees) { return static_cast<std::int16_t>(std::lround(degrees * 10)); }

}  // namespace

void RequestLogger::decided(const Request& request, const route::Work& work,
                            const route::Decision& decision,
                            std::span<const route::Beginning> beginnings, Instant now) const {
  if (log_ == nullptr) {
    return;
  }
  requests::RawDecided raw;
  raw.request = request.id;
  raw.tenant = request.snapshot()[request.key->tenant].uid;
  raw.key = request.key->uid;
  raw.at_us = wall_us(request, now);
  raw.names = request.catalogue->number();
  raw.body_bytes = request.body.size();
  raw.output_cap = request.scan.max_tokens.value_or(0);
  raw.work = work;
  raw.model = request.model.value;
  if (request.location.country.known()) {
    const std::string country = request.location.country.to_string();
    std::copy_n(country.begin(), raw.client_country.size(), raw.client_country.begin());
  }
  if (const auto& at = request.location.coordinates) {
    raw.has_client_at = true;
    raw.client_at = {tenths(at->latitude), tenths(at->longitude)};
  }
  raw.streamed = request.scan.stream;
  raw.attempt = request.told.attempts;
  raw.reason = decision.reason;
  if (decision.refused()) {
    raw.refusal = number_of(decision.refusal);
  } else {
    raw.chosen = decision.candidates.front().endpoint.value;
  }
  log_->decided(raw, beginnings, decision.all, requests::notable(decision));
}

void RequestLogger::ended(const Request& request, const Error* error, Instant now) const {
  // Who has no key is told nothing and leaves nothing here: it could fill the log.
  if (log_ == nullptr || request.key == nullptr) {
    return;
  }
  requests::RawEnded raw;
  raw.request = request.id;
  raw.at_us = wall_us(request, now);
  raw.names = request.catalogue->number();
  raw.input = request.told.tokens.input;
  raw.cached = request.told.tokens.cached_input;
  raw.output = request.told.tokens.output;
  raw.first_us =
      request.first_byte > request.arrived ? us(request.first_byte - request.arrived) : 0;
  raw.total_us = us(now - request.arrived);
  raw.model = request.outcome != nullptr ? request.model.value : requests::kNobody;
  raw.endpoint = request.told.endpoint;
  raw.status = request.told.status;
  if (error != nullptr) {
    raw.code = number_of(error->code());
    raw.status = static_cast<std::uint16_t>(info(error->code()).status);
  }
  if (error == nullptr && request.told.interrupted) {
    raw.code = number_of(Code::kStreamInterrupted);
  }
  raw.attempts = request.told.attempts;
  raw.streamed = request.scan.stream;
  raw.reason = request.told.reason;
  log_->ended(raw);
}

}  // namespace tdn::gateway
