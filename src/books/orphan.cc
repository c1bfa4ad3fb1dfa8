#include "books/orphan.h"

#include <algorithm>

#include "books/entry.h"

namespace tdn::books {
namespace {

using meter::TokenClass;
using meter::UsageVector;

constexpr std::uint64_t kFirstOutputClass = 32;

// The legs as one request: its input once, from the first that reported any, its outputs summed.
UsageVector usage_of(const OpenAdmission& admission) {
  UsageVector total;
  bool has_input = false;
  for (std::size_t i = 0; i < admission.leg_count; ++i) {
    const UsageVector leg = decode_usage(admission.legs[i].usage.view());
    const auto totals = leg.totals();
    const bool leg_has_input = totals.input + totals.cached_input > 0;
    leg.for_each([&](std::uint64_t number, std::uint64_t count) {
      const auto token_class = static_cast<TokenClass>(number);
      if (number >= kFirstOutputClass) {
        total.set(token_class, total.count(token_class) + count);
      } else if (!has_input) {
        total.set(token_class, count);
      }
    });
    has_input = has_input || leg_has_input;
  }
  return total;
}

}  // namespace

Result<Orphan> settle_orphan(const OpenAdmission& admission, WallTime now) {
  const Frame frame{
      .lsn = admission.lsn, .type = FrameType::kAdmission, .payload = admission.payload.view()};
  TDN_TRY(const Entry entry, decode_entry(frame));
  const auto& admitted = std::get<AdmissionEntry>(entry);
  TDN_TRY(meter::UsageRecord record, meter::decode_record(admitted.draft));
  record.end = meter::End::kOrphan;
  record.finish = meter::Finish::kNone;
  record.settled_us =
      static_cast<std::uint64_t>(std::max<std::int64_t>(now.us - record.admitted.us, 0));
  record.admission.lsn = admission.lsn;
  record.charged.amount = 0;
  if (admission.leg_count == 0) {
    record.flags |= meter::kEstimated;
    return Orphan{std::move(record), admitted.tenant_annex, admitted.operator_annex};
  }
  record.flags &= ~meter::kEstimated;  // true of the admission; from here on the engine's counts
  UsageVector usage = usage_of(admission);
  const auto totals = usage.totals();
  record.charged.amount = admitted.price.charge(totals);
  if (totals.input + totals.cached_input == 0) {
    // The engine had not reported its input yet: what was counted at admission stands, unbilled.
    record.reported.for_each([&usage](std::uint64_t number, std::uint64_t count) {
      if (number < kFirstOutputClass) {
        usage.set(static_cast<TokenClass>(number), count);
      }
    });
    record.flags |= meter::kEstimated;
  }
  record.reported = usage;
  const OpenAdmission::Leg& last = admission.legs[admission.leg_count - 1];
  record.leg = last.leg;
  record.serving.endpoint = last.endpoint;
  return Orphan{std::move(record), admitted.tenant_annex, admitted.operator_annex};
}

}  // namespace tdn::books
