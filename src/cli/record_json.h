// Usage records as JSON, for people and scripts that read dumps. Shows what a record says; the CBOR
// bytes are what counts.
#pragma once

#include "codec/json_writer.h"
#include "meter/usage_record.h"

namespace tdn::cli {

// One value each.
void write_record(codec::JsonWriter& json, const meter::UsageRecord& record);
// {"1":"21","32":"12"}: class number → count.
void write_usage(codec::JsonWriter& json, const meter::UsageVector& usage);

}  // namespace tdn::cli
