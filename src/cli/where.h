// How a command finds the network that it speaks to. In this order: what its flags say, the current
// context of the contexts file, the state folder of `tdn up`.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "client/control.h"

namespace tdn::cli {

// What flags say; empty where one was not given.
struct Where {
  std::string control = {};     // URL
  std::string token_file = {};  // holds the operator token
  std::string context = {};     // a name in the contexts file
  std::string state = {};       // a state folder of `tdn up` or `tdn control`
};

// What of the environment decides the rest.
struct WhereDefaults {
  std::string state;          // of `tdn up`
  std::string contexts_file;  // "~/.config/tdn/contexts.yaml"; need not exist
};

// $XDG_CONFIG_HOME/tdn/contexts.yaml, else ~/.config/tdn/contexts.yaml; empty without either.
[[nodiscard]] std::string default_contexts_file(const char* xdg_config_home, const char* home);

// Whether a state folder is that of a network, or of its control, and not of an edge alone.
[[nodiscard]] bool is_network(const std::string& state);

// The state folder that the flags or the current context lead to; none if they lead to an address.
[[nodiscard]] Result<std::optional<std::string>> find_state(const Where& where,
                                                            const WhereDefaults& defaults);

// kUnavailable if control does not run there; kInvalid, kMissing with the remedy for files that are
// not as they must be.
[[nodiscard]] Result<client::Control> find_control(const Where& where,
                                                   const WhereDefaults& defaults);

// The URL of a gateway of the network: that of `site`, or of the first site of the state folder if
// `site` is empty. kMissing if there is no such site, or it has no gateway.
[[nodiscard]] io::Task<Result<std::string>> find_gateway(client::ControlClient& control,
                                                         std::string state, std::string site);
// The same as `tdn up` wrote it down at its start, empty if it did not: for when control is away,
// which gateways are not.
[[nodiscard]] std::string written_gateway(const std::string& state, std::string_view site);

}  // namespace tdn::cli
