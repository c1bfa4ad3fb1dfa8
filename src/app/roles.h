// One function per command: wires the parts of that role and runs it until it is stopped or fails.
#pragma once

#include "app/command_line.h"
#include "base/result.h"

namespace tdn::app {

[[nodiscard]] Result<void> run(const UpCommand& command);
[[nodiscard]] Result<void> run(const WanCommand& command);
[[nodiscard]] Result<void> run(const ControlCommand& command);
[[nodiscard]] Result<void> run(const EngineCommand& command);
[[nodiscard]] Result<void> run(const QuantizeCommand& command);
[[nodiscard]] Result<void> run(const KeyNewCommand& command);
[[nodiscard]] Result<void> run(const SimGatewayCommand& command);
[[nodiscard]] Result<void> run(const SimNetworkCommand& command);
// These tell their failures themselves; what they return is the exit status.
[[nodiscard]] int run(const ChaosCommand& command);
[[nodiscard]] int run(const EdgeCommand& command);
[[nodiscard]] int run(const RequestsCommand& command);
[[nodiscard]] int run(const ExplainCommand& command);
[[nodiscard]] int run(const DemoCommand& command);
[[nodiscard]] int run(const OperatorCommand& command);
[[nodiscard]] int run(const JournalCommand& command);

}  // namespace tdn::app
