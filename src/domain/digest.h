// A hash of what a spec says, by which a change is told: versions count the changes (identity.h).
// Only fields that say something enter, so a field that a later release adds changes no digest.
#pragma once

#include <string>

#include "domain/fields.h"

namespace tdn::domain {

// Hex of the first 16 bytes of the SHA-256 over the fields that are neither zero nor empty.
[[nodiscard]] std::string digest_of_fields(const FieldVisitor::Describe& describe);

template <class Spec>
[[nodiscard]] std::string digest_of(Spec spec) {
  return digest_of_fields([&](FieldVisitor& fields) { describe(fields, spec); });
}

}  // namespace tdn::domain
