#include "gateway/usage_meter.h"

namespace tdn::gateway {

using namespace std::chrono_literals;
using meter::TokenClass;

namespace {
constexpr Duration kCheckpointEvery = 1s;
constexpr std::uint64_t kCheckpointTokens = 256;
}  // namespace

meter::UsageVector UsageMeter::consumed() const {
  if (reported_) {
    return usage_;
  }
  meter::UsageVector estimate;
  estimate.set(TokenClass::kOutputText, estimated_output_);
  return estimate;
}

meter::UsageVector UsageMeter::verified() const {
  meter::UsageVector counted;
  if (!reported_) {
    counted.set(TokenClass::kCharactersIn, input_characters_);
  }
  return counted;
}

bool UsageMeter::take_checkpoint(Instant now) {
  const std::uint64_t tokens = reported_ ? usage_.totals().output : estimated_output_;
  const bool first = checkpoint_at_ == Instant{};
  if (tokens == 0 || (!first && now - checkpoint_at_ < kCheckpointEvery &&
                      tokens - tokens_at_checkpoint_ < kCheckpointTokens)) {
    return false;
  }
  checkpoint_at_ = now;
  tokens_at_checkpoint_ = tokens;
  return !first;
}

}  // namespace tdn::gateway
