// What control's API answers, as JSON. docs/reference/control-api.md shows each shape.
#pragma once

#include <string>
#include <vector>

#include "control/core.h"
#include "control/hub.h"

namespace tdn::control {

// {"results":[…],"snapshot":{…},"acknowledged":[…],"missing":[…]}
[[nodiscard]] std::string changed_json(const Changed& changed, const Acknowledgement& known);
// The same with "key" and "id".
[[nodiscard]] std::string issued_json(const Issued& issued, const Acknowledgement& known);

// One object, or {"items":[…]}.
[[nodiscard]] std::string object_json(const Shown& object, const Hub& hub);
[[nodiscard]] std::string list_json(const std::vector<Shown>& objects, const Hub& hub);

[[nodiscard]] std::string network_json(const std::vector<SiteBooks>& sites, const Hub& hub,
                                       WallTime now);

// The envelope; with a manifest's faults also as a list.
[[nodiscard]] std::string error_json(const Error& error);

}  // namespace tdn::control
