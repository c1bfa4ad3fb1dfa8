// The end of a request whose process died: its admission is found open at start and settled from
// what the journal knows. Input is counted; output as far as the last checkpoint says, and billed
// only if there was one. So the bill is never more than what the engine had reported.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "books/replica.h"
#include "meter/usage_record.h"

namespace tdn::books {

struct Orphan {
  meter::UsageRecord record;  // without place
  ByteView tenant_annex;      // into the admission
  ByteView operator_annex;
};

[[nodiscard]] Result<Orphan> settle_orphan(const OpenAdmission& admission, WallTime now);

}  // namespace tdn::books
