// Made-up requests for tests and benchmarks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "base/uid.h"
#include "meter/price.h"
#include "meter/usage_record.h"

namespace tdn::books {

inline Uid test_uid(std::uint8_t kind, std::uint64_t number = 0) {
  Uid uid;
  uid.bytes[0] = kind;
  for (std::size_t i = 15; i > 7; --i, number >>= 8U) {
    uid.bytes[i] = static_cast<std::uint8_t>(number);
  }
  return uid;
}

inline meter::ListPrice test_price() {
  return {.currency = {{'U', 'S', 'D'}},
          .input = {20'000},
          .cached_input = {5'000},
          .output = {40'000}};
}

inline meter::UsageRecord test_draft(std::uint64_t request, WallTime admitted) {
  meter::UsageRecord draft;
  draft.request = {test_uid(1, request)};
  draft.owners = {{meter::OwnerKind::kTenant, test_uid(3)},
                  {meter::OwnerKind::kProject, test_uid(4)},
                  {meter::OwnerKind::kKey, test_uid(5)}};
  draft.admitting = {test_uid(6), 1};
  draft.serving = {test_uid(6), 1, test_uid(7), {}};
  draft.served = {test_uid(9), 1, {}};
  draft.requested = {test_uid(9), meter::RequestedReason::kAsAsked};
  draft.admitted = admitted;
  draft.reported.set(meter::TokenClass::kInputTextFresh, 30);
  draft.price = {test_uid(9), 1, 0, 0};
  return draft;
}

// The draft's end with so many tokens.
inline meter::UsageRecord test_record(std::uint64_t request, WallTime admitted, std::uint64_t input,
                                      std::uint64_t output) {
  meter::UsageRecord record = test_draft(request, admitted);
  record.reported = {};
  record.reported.set(meter::TokenClass::kInputTextFresh, input);
  record.reported.set(meter::TokenClass::kOutputText, output);
  record.finish = meter::Finish::kStop;
  record.charged = {test_price().currency, test_price().charge(record.reported.totals())};
  record.settled_us = 5'000;
  return record;
}

}  // namespace tdn::books
