// Specs as JSON, by the declarations of describe.cc: the same names and values as in a manifest,
// what is at its default left out. For machines, where JSON is written by us and read back fast
// (snapshots, control's store and answers); what operators write goes through load.h, which tells
// lines. Members may come in any order; an unknown one, a second one of a name, and a value that no
// manifest could hold are errors that name the path. References are not looked at: resolve.h.
#pragma once

#include <string_view>

#include "base/result.h"
#include "codec/json_writer.h"
#include "domain/fields.h"

namespace tdn::domain {

// One JSON object with the fields that `describe` declares.
void write_json(codec::JsonWriter& json, const FieldVisitor::Describe& describe);

// Fills what `describe` declares, which must be fresh. Code::kInvalid: "spec.url: … ; …", `path`
// being what the object is called.
[[nodiscard]] Result<void> read_json(std::string_view json, std::string_view path,
                                     const FieldVisitor::Describe& describe);

template <class Spec>
void write_spec(codec::JsonWriter& json, Spec spec) {
  write_json(json, [&](FieldVisitor& fields) { describe(fields, spec); });
}

template <class Spec>
[[nodiscard]] Result<Spec> read_spec(std::string_view json, std::string_view path = "spec") {
  Spec spec;
  TDN_TRY_VOID(read_json(json, path, [&](FieldVisitor& fields) { describe(fields, spec); }));
  return spec;
}

}  // namespace tdn::domain
